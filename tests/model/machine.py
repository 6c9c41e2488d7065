"""The steps of the model and its invariants, for hypothesis to draw.

Every message that was delivered, or is still stored when the server is asked, is handed over
exactly once and is in the journal exactly once. The position never passes a message that is
stored and was not handed over. A lane counts a reset for each count that it saw begin again.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bxpull_nb.listener.lane import Lane
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from tests.model.client import AUDIT_EVERY, BEGUN, Client
from tests.support.listening import BOTH
from tests.support.model_channels import ModelChannels
from tests.support.model_server import ModelServer, Sent
from tests.support.stepped_loop import SteppedLoop

__all__ = ["CaptureModel"]

CHANNELS = st.sampled_from([("shared",), ("private",), BOTH])
TRANSPORTS = st.sampled_from(["websocket", "polling"])
FATES = st.sampled_from(["sent", "sent", "late", "twice", "dropped", "dropped"])
ACTIONS = st.sampled_from(["reconnect", "get_config"])
LIFETIMES = st.sampled_from([None, None, 2.0, 30.0])  # seconds of the successor
SKEWS = st.sampled_from([0.0, -5.0, 5.0, None])  # seconds; None is a message without a time
_INSTANT = 0.002  # seconds
_CALM = 3.0  # seconds after which no message can overtake another


class CaptureModel(RuleBasedStateMachine):
    """A server and a client; the class counts the steps and messages of all examples."""

    steps = messages = 0

    @initialize(version=st.sampled_from([3, 4, 5]), stored=st.integers(0, 3), transport=TRANSPORTS)
    def begin(self, version: int, stored: int, transport: str) -> None:
        """Start the first process at a server that may store something already."""
        self.loop = SteppedLoop()
        self.folder = TemporaryDirectory()
        self.server = ModelServer(version, self._now, ModelChannels(self._now))
        self.client = Client(self.loop, self.server, Path(self.folder.name)).__enter__()
        for _ in range(stored):
            self.server.publish(BOTH, when="before")
        self.loop.step(2.0)
        self.client.start(transport)

    @rule(channels=CHANNELS, count=st.integers(1, 3), stored=st.booleans(), fate=FATES, skew=SKEWS)
    def publish(
        self, channels: tuple[str, ...], count: int, stored: bool, fate: str, skew: float | None
    ) -> None:
        """Publish messages: stored or not, delivered, late, twice or never.

        The publisher's clock is right until both lanes have a position: before, a listener that
        continues tells old messages by their time alone.
        """
        if self.client.tells_by_time or not self.client.placed >= set(BOTH):
            skew = 0.0
        self._publish(channels, count=count, stored=stored, fate=fate, skew=skew)
        self.client.step(_INSTANT)

    @rule(place=st.integers(0, 50))
    def repeat(self, place: int) -> None:
        """Send a message again."""
        self._in_loop(lambda: self.server.repeat(place))

    @rule(prefix=st.sampled_from([0, 0, 1]), breaks=st.booleans())
    def wipe(self, prefix: int, breaks: bool) -> None:
        """Wipe the storage: mids begin at 1, under the same prefix or a later one."""
        self._in_loop(lambda: self.server.wipe(prefix=prefix, breaks=breaks))

    @rule(channels=CHANNELS, action=ACTIONS, fate=FATES, lifetime=LIFETIMES)
    def renew(
        self, channels: tuple[str, ...], action: str, fate: str, lifetime: float | None
    ) -> None:
        """Replace channels, and announce their successors on them.

        A successor with a lifetime is replaced at its end, without a word.
        """
        when = "during" if self.client.is_ready else "starting"
        for kind in filter(self.server.channels.may_end, channels):
            self._in_loop(
                partial(
                    self.server.renew,
                    kind,
                    action=action,
                    fate=fate,
                    lifetime=lifetime,
                    when=when,
                )
            )

    @precondition(lambda self: self.client.is_running)
    @rule(transport=TRANSPORTS, channels=CHANNELS, stored=st.integers(1, 2))
    def renew_while_stopped(self, transport: str, channels: tuple[str, ...], stored: int) -> None:
        """Stop, replace channels, and continue within the process: the config is another."""
        self.client.stop()
        self.renew_unheard(channels, stored)
        self.client.start(transport)

    @precondition(lambda self: not self.client.is_running)
    @rule(channels=CHANNELS, stored=st.integers(1, 2))
    def renew_unheard(self, channels: tuple[str, ...], stored: int) -> None:
        """Store messages in the old channels, which end then, and in the new ones."""
        self._publish(channels, count=stored)
        for kind in filter(self.server.channels.may_end, channels):
            self.server.renew(kind)
        self._publish(channels, count=stored)

    @rule(beyond=st.integers(-2, 3), channels=CHANNELS)
    def wipe_unseen(self, beyond: int, channels: tuple[str, ...]) -> None:
        """Wipe the storage while nothing is connected, until the count has reached the old one."""
        if not self.client.tells_by_time and self.client.placed >= set(BOTH):
            self.wipe_at_once(beyond, channels)

    def wipe_at_once(self, beyond: int, channels: tuple[str, ...]) -> None:
        """Do so whatever audits have found."""
        count = self.server.count + beyond
        self._in_loop(lambda: self.server.wipe(prefix=0, breaks=True))
        self._publish(channels, count=max(count, 1))
        self.client.step(_CALM)

    @rule(kept=st.integers(0, 5))
    def prune(self, kept: int) -> None:
        """Delete the oldest stored messages."""
        self.server.prune(kept)

    @rule()
    def break_all(self) -> None:
        """Break all connections."""
        self._in_loop(self.server.break_all)

    @rule(refused=st.integers(0, 3), broken_early=st.integers(0, 2))
    def trouble(self, refused: int, broken_early: int) -> None:
        """Break all connections, and have the next ones fail."""
        self.server.refused, self.server.broken_early = refused, broken_early
        self._in_loop(self.server.break_all)

    @rule(skipped=st.sampled_from([0.0, 0.05, 0.6]))
    def skip(self, skipped: float) -> None:
        """Change for how long a connection is made without being registered."""
        self.server.skipped = skipped

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.2, 3.0, 25.0, 45.0]))
    def wait(self, seconds: float) -> None:
        """Let the time pass."""
        self.client.step(seconds)

    @precondition(lambda self: self.client.is_running)
    @rule()
    def audit(self) -> None:
        """Have the lanes audited now."""
        for lane in self._lanes():
            lane.audit_due.set()
        self.client.step(_INSTANT)

    @rule(seconds=st.sampled_from([-3600.0, 0.0, 3600.0]))
    def set_clock(self, seconds: float) -> None:
        """Set this machine's clock."""
        self.client.clock_offset = seconds

    @rule(seconds=st.sampled_from([5.0, 7200.0]))
    def sleep_machine(self, seconds: float) -> None:
        """Have the machine sleep: the loop's clock does not count it."""
        self.client.slept += seconds
        self.client.step(1.5)

    @precondition(lambda self: self.client.is_running)
    @rule(transport=TRANSPORTS)
    def stop_and_continue(self, transport: str) -> None:
        """Stop, and start within the same process."""
        self.client.stop()
        self.client.start(transport)

    @precondition(lambda self: self.client.is_running)
    @rule()
    def kill(self) -> None:
        """Kill the process between two records."""
        self.client.kill()

    @precondition(lambda self: self.client.is_running)
    @rule(part=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    def kill_writing(self, part: float) -> None:
        """Kill the process when it writes its next record, of which a part is written."""
        self.client.kill_at = part

    @precondition(lambda self: not self.client.is_running)
    @rule(transport=TRANSPORTS)
    def start(self, transport: str) -> None:
        """Start another process: it continues from the journal."""
        self.client.start(transport)

    @rule(transport=TRANSPORTS)
    def settle(self, transport: str) -> None:
        """End all trouble, audit twice, and compare everything."""
        self._settle(transport)

    @invariant()
    def holds(self) -> None:
        """After each step nothing is doubled, too old, lost, or passed by a position."""
        if self._has_begun:
            type(self).steps += 1
            self._check_handed_over()
            self._check_positions()
            self._check_claim()

    def teardown(self) -> None:
        """Settle a last time."""
        if not self._has_begun:
            return
        try:
            self._settle("websocket")
            type(self).messages += len(self.client.handed_over)
        finally:
            self.client.__exit__()
            self.loop.close()
            self.folder.cleanup()

    def _now(self) -> float:
        return BEGUN + self.loop.time()

    _has_begun = property(lambda self: hasattr(self, "client"))

    def _check_handed_over(self) -> None:
        """A message is handed over once at most, and at least once if a connection brought it."""
        count, published = Counter(self.client.handed_over), self.server.published
        assert [n for n, times in count.items() if times > 1] == [], "doubled"
        assert [n for n in count if published[n].when == "before"] == [], "too old"
        lost = [one for one in published if one.delivered and one.number not in count]
        assert [one.number for one in lost if one.when == "during"] == [], "delivered, not kept"

    def _check_positions(self) -> None:
        """A stored message that is missing comes with the next request or audit."""
        kept = set(self.client.handed_over)
        for lane in self._lanes():
            view = self.server.lanes[lane.name]
            for one in self.server.history:
                is_missing = one.when == "during" and one.number not in kept
                if is_missing and lane.name in one.channels and self._is_known(one):
                    points = self._points(lane, one)
                    assert one.mid > min(points) or view.hides(one), f"{one.number} is passed"

    def _points(self, lane: Lane, message: Sent) -> list[str]:
        """Return the mids from which the lane asks the message's channel."""
        retired = [
            one.point or FULL_HISTORY
            for one in lane.renewal.retired
            if one.config.channels[one.kind].id in message.ids
        ]
        if retired:
            return retired
        session = lane.session
        points = [session.resume_point() or FULL_HISTORY]
        if lane.can_audit:
            points.append(session.audit_point() or FULL_HISTORY)
        if session.ask_audit().expected:  # it asks for more where nothing comes again
            points.append(session.history_point or FULL_HISTORY)
        return points

    def _is_known(self, message: Sent) -> bool:
        """Whether the process can ask for the message: it was given one of its channels."""
        return not self.server.channels.known.isdisjoint(message.ids)

    def _check_claim(self) -> None:
        """No stored message is missing from the time that audits claim to cover."""
        kept = set(self.client.handed_over)
        for lane, (since, until) in self.client.checked.items():
            claimed = (
                one.number
                for one in self.server.published
                if one.is_owed and one.when == "during" and lane in one.channels
                if since <= one.at < until
            )
            assert [n for n in claimed if n not in kept] == [], "claimed and missing"

    def _settle(self, transport: str) -> None:
        self.server.refused = self.server.broken_early = 0
        self.server.skipped = 0.0
        if self.client.is_running:
            self.client.step(_CALM)
        while not self.client.is_running:
            self.client.start(transport)
            self.client.step(_CALM)
        if not self.server.channels.are_known:  # the announcement was wiped: days would pass
            self.client.stop()
            self.client.start(transport)
        while not self.client.is_ready:
            self.client.step(_CALM)
        for _ in range(3):
            fresh = self._publish(BOTH)
            self.client.step(_CALM)
        self.client.step(2.5 * AUDIT_EVERY)
        if self.client.kill_at is not None or not self.client.is_running:
            self._settle(transport)
        else:
            self._compare(fresh[0])

    def _compare(self, fresh: Sent) -> None:
        kept, lanes = self.client.handed_over, self.server.lanes
        assert self.client.journaled() == kept
        assert all(not lanes[kind].hides(fresh) for kind in BOTH), "a reset was not noticed"
        missing = [
            one.number
            for one in self.server.history
            if one.when == "during" and one.number not in kept and not self._is_hidden(one)
            if self._is_known(one)
        ]
        assert missing == [], "stored and missing"
        acknowledged = {one.number for one in self.server.acknowledged if one.when == "during"}
        assert acknowledged <= set(kept), "acknowledged and not kept"
        for kind in BOTH:
            assert self.client.resets[kind] <= self.server.era, "too many resets"

    def _is_hidden(self, message: Sent) -> bool:
        """Whether no lane can know of the message: it looks older than the capture."""
        begun = {lane.name: lane.session.history_point or FULL_HISTORY for lane in self._lanes()}
        return all(
            self.server.lanes[kind].hides(message) and message.mid <= begun[kind]
            for kind in message.channels
        )

    def _publish(self, channels: tuple[str, ...], **how: Any) -> list[Sent]:
        when = "during" if self.client.is_ready else "starting"
        made: list[Sent] = []
        self._in_loop(lambda: made.extend(self.server.publish(channels, when=when, **how)))
        return made

    def _in_loop(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        self.loop.run_until_complete(act())
        self.client.step(_INSTANT)

    def _lanes(self) -> list[Lane]:
        return [] if self.client.listener is None else self.client.listener.lanes
