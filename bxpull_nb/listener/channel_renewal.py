"""The channels one lane has had: which config is out of date, which channels are retired."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

from bxpull_nb.listener.config_source import ConfigSource
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.session import PastChannels, RetiredChannel, Session

__all__ = ["ChannelRenewal"]

_UNNOTICED = 60.0  # seconds at most from a channel's end until its successor is listened to


class ChannelRenewal:
    """Tracks one lane's channels, from each to its successor; `past` are of a lane before it."""

    def __init__(
        self,
        kind: str | None,
        session: Session,
        source: ConfigSource,
        past: PastChannels | None = None,
    ) -> None:
        past = past or PastChannels((), (), ())
        self.retired: list[RetiredChannel] = list(past.retired)
        """Channels whose history must be asked a last time."""
        self.witnesses: tuple[RetiredChannel, ...] = past.witnesses
        """The channels before the present one, until audits of that have known messages."""
        self._kind = kind
        self._session = session
        self._source = source
        self._gone_through = 0  # how many of the configs that were in force are done
        self._before = past.configs
        self._points: deque[tuple[float, str | None]] = deque(past.points)

    @property
    def past(self) -> PastChannels:
        """The channels so far, for another lane to continue from."""
        configs = tuple(self._pending)
        return PastChannels(configs, tuple(self.retired), tuple(self._points), self.witnesses)

    @property
    def is_settled(self) -> bool:
        """Whether the channel is the one in force, and every earlier one was asked."""
        return not self.retired and not self.is_behind

    @property
    def is_behind(self) -> bool:
        """Whether the channel has a successor that the lane did not come to yet."""
        return any(any(self._replaced(*pair)) for pair in pairwise(self._pending))

    def note_point(self, now: float) -> None:
        """Remember where to resume, for as long as a channel's successor may be unknown.

        With a jwt one connection brings the messages of several channels: one of them moves the
        position while the successor of another has messages already and no listener yet.
        """
        self._points.append((now, self._session.resume_point()))
        while len(self._points) > 1 and self._points[1][0] < now - _UNNOTICED:
            self._points.popleft()

    def retire_older(self, *, polls: bool) -> None:
        """Retire the channels that were replaced: their successors lack their history."""
        for old, new in pairwise(self._pending):
            if retired := list(self._replaced(old, new)):
                self._retire(retired, polls=polls)
        self._gone_through = len(self._known) - 1

    def audited(self, *, is_witnessed: bool) -> None:
        """Note an audit of the present channel: from now on its own messages are the proof.

        While it has none, those of the channel before are.
        """
        if self._session.found or not is_witnessed:
            self.witnesses = ()

    def ask_again(self, point: str | None) -> None:
        """Ask the channels before the present one for everything after `point`.

        Their history is another one: no message of theirs is a proof any more.
        """
        self.retired += (one for one in self.witnesses if one not in self.retired)
        self.witnesses = ()
        for one in self.retired:
            one.point = point

    def _replaced(self, old: PullConfig, new: PullConfig) -> Iterator[RetiredChannel]:
        """Yield the lane's channels that another config replaced.

        Its messages prove something if they are stored where the successor's are, and if no
        earlier channel is needed as a proof still.
        """
        is_proof = old.server.long_polling == new.server.long_polling and not self.witnesses
        session = self._session
        point, found = session.position.audited, session.found if is_proof else ""
        if not session.found:  # where nothing is known to be stored, a wipe does not show
            point = min(point or "", session.history_point or "") or None
        for kind in old.channels if self._kind is None else [self._kind]:
            if old.channels.get(kind) not in (None, new.channels.get(kind)):
                yield RetiredChannel(old, kind, point, found)

    def _retire(self, retired: Sequence[RetiredChannel], *, polls: bool) -> None:
        self.retired += retired
        self.witnesses = (*self.witnesses, *retired)
        self._session.forget_confirmed()
        if self._points and (polls or self._kind is None):
            self._session.rewind(self._points[0][1])

    def outdated(self, config: PullConfig) -> PullConfig:
        """Return the config to replace: `config` itself if another lane has replaced it already."""
        now = self._source.in_force
        kinds = now.channels if self._kind is None else [self._kind]
        is_same = all(now.channels.get(kind) == config.channels.get(kind) for kind in kinds)
        return now if is_same else config

    @property
    def _pending(self) -> list[PullConfig]:
        """The config of the present connection, and those that came since."""
        return self._known[self._gone_through :]

    @property
    def _known(self) -> list[PullConfig]:
        return [*self._before, *self._source.known]
