"""A push server as a model: what it stores, and what it sends to whom, without a socket.

It is simple on purpose: a list of messages, a list of listeners. Its faults are arguments, so
that a test decides on each of them. `model_connections.py` has its connections and polls.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import codec_for
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from tests.support.model_channels import ModelChannels, expiry, kind_of

__all__ = ["Listening", "ModelServer", "Query", "Sent"]

_LATE = 0.4  # seconds
_PREFIX = 10  # digits of a mid: when the server first started


@dataclass(eq=False)
class Sent:
    """A message that was published, and what became of it."""

    number: int
    mid: str
    channels: tuple[str, ...]
    """The types of its channels."""
    ids: tuple[str, ...]
    """The ids of its channels."""
    epoch: int
    """The number of wipes before it."""
    era: int
    """The number of those after which mids began low again."""
    when: str
    """`before` the capture, while it was `starting`, or `during` it."""
    content: Message
    at: float
    """When it was published: Unix seconds by the portal's clock."""
    is_owed: bool = False
    """Whether it was stored, for as long as a server promises; a wipe makes no difference."""
    delivered: set[str] = field(default_factory=set)
    """The lanes of which a connection brought it."""
    successor: str | None = None
    """The id of the channel that it announces."""


class Query(msgspec.Struct, frozen=True):
    """What an address asks for."""

    id: str
    mid: str | None
    is_binary: bool

    @property
    def channel(self) -> str:
        """The channel's type."""
        return kind_of(self.id)

    @classmethod
    def of(cls, url: str) -> "Query":
        """Return it, from the address of a connection or of a poll."""
        values = parse_qs(urlsplit(url).query)
        mid = values.get("mid", [None])[0]
        return cls(values["CHANNEL_ID"][0], mid, "binaryMode" in values)


@dataclass(eq=False)
class Listening:
    """A connection or a poll that is served: `put` takes the messages of one frame."""

    id: str
    put: Callable[[Sequence[Sent]], None]
    end: Callable[[Exception], None]


@dataclass
class LaneView:
    """What one lane was asked and sent, as far as it can show that the count began again."""

    top: str = ""
    """The greatest mid of its era that it received."""
    era: int = 0
    """The era that it knows."""
    last: str = ""
    """The greatest mid of the frames that it received last."""
    floor: str = ""
    """The greatest mid that it knew when its era passed that unseen: for it all is one count."""

    def note(self, message: Sent) -> None:
        """Note that the lane saw the message, unless it is of a count that it does not know."""
        if message.mid[:_PREFIX] > self.top[:_PREFIX]:
            self.era, self.floor = message.era, ""
        elif message.era > self.era and message.mid > self.top:
            self.era, self.floor = message.era, self.top
        if message.era == self.era:
            self.top = max(self.top, message.mid)

    def hides(self, message: Sent) -> bool:
        """Whether nothing that the lane knows shows that the message is of a later count."""
        if message.era == self.era:
            return message.mid <= self.floor
        return message.era > self.era and message.mid <= self.top

    def learn(self, top: str, era: int) -> None:
        """Note that the lane knows this era, and of it messages up to the mid `top`."""
        self.top, self.era, self.floor = top, era, ""


@dataclass(eq=False)
class ModelServer:
    """Stores messages and sends them; `now` is the portal's clock in Unix seconds."""

    version: int
    now: Callable[[], float]
    channels: ModelChannels
    published: list[Sent] = field(default_factory=list)
    history: list[Sent] = field(default_factory=list)
    epoch: int = 0
    era: int = 0
    refused: int = 0
    """Connections and polls that are refused next."""
    broken_early: int = 0
    """WebSockets that are accepted next and broken before they bring anything."""
    skipped: float = 0.0
    """Seconds from reading the history to registering a connection: what comes then is skipped."""
    acknowledged: list[Sent] = field(default_factory=list)
    lanes: dict[str, LaneView] = field(
        default_factory=lambda: {"shared": LaneView(), "private": LaneView()}
    )
    _had: list[tuple[Sent, str]] = field(default_factory=list)
    _prefix: int = 1_795_447_844
    _count: int = 0
    _listening: list[Listening] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of messages since mids began at 1."""
        return self._count

    def publish(
        self,
        channels: Sequence[str],
        *,
        count: int = 1,
        stored: bool = True,
        fate: str = "sent",
        skew: float | None = 0.0,
        when: str = "during",
    ) -> list[Sent]:
        """Publish messages in one frame; `fate` is `sent`, `late`, `twice` or `dropped`.

        `skew` is how far the publisher's clock is off; None for messages without a time.
        """
        self.channels.replace_ended()
        ids = tuple(self.channels.current[kind].id for kind in channels)
        messages = [self._made(ids, skew, when) for _ in range(count)]
        return self._published(messages, stored=stored, fate=fate)

    def renew(
        self,
        kind: str,
        *,
        lifetime: float | None = None,
        action: str | None = None,
        fate: str = "sent",
        when: str = "during",
    ) -> None:
        """Replace a channel; with an `action` the old one's last message announces it."""
        old, new = self.channels.replace(kind, lifetime)
        if action is not None:
            service = "pull", "channel_expire", expiry(old, new, action)
            message = self._made((old.id,), 0.0, when, service)
            message.successor = new.id if action == "reconnect" else None
            self._published([message], stored=True, fate=fate)

    def repeat(self, place: int) -> None:
        """Send a message of the capture again, to a lane that had it in this process."""
        had = [(one, lane) for one, lane in self._had if one.epoch == self.epoch]
        if had:
            one, lane = had[place % len(had)]
            receivers = self._receivers([one])
            self._send([one], [receiver for receiver in receivers if kind_of(receiver.id) == lane])

    def forget_process(self, kept: set[int]) -> None:
        """Forget what it sent to a process that ended, apart from the messages that are kept."""
        self._had.clear()
        for one in self.published:
            if one.number not in kept:
                one.delivered.clear()

    def wipe(self, *, prefix: int, breaks: bool) -> None:
        """Delete the history and count from the beginning, with this change of the prefix."""
        self.history.clear()
        self.epoch += 1
        self.era += prefix == 0
        self._prefix += prefix
        self._count = 0
        if breaks:
            self.break_all()

    def prune(self, kept: int) -> None:
        """Delete the oldest stored messages but for the newest `kept`."""
        expired = max(len(self.history) - kept, 0)
        for one in self.history[:expired]:
            one.is_owed = False
        del self.history[:expired]

    def break_all(self) -> None:
        """Break all connections and polls; what they had not read is lost."""
        for one in list(self._listening):
            one.end(OSError("the connection was broken"))

    def history_for(self, query: Query, *, brings: bool = True) -> list[Sent]:
        """Return the stored messages that a connection or a poll asks for, in order.

        A lane to which its channel brings everything stored knows the count of today.
        """
        mid = query.mid
        if mid is None:
            return []
        found = [one for one in self.history if query.id in one.ids and one.mid > mid]
        view = self.lanes[query.channel]
        is_behind = view.era < self.era or bool(view.floor)
        is_current = self.channels.current[query.channel].id == query.id
        if found and brings and mid == FULL_HISTORY and is_behind and is_current:
            view.learn("", self.era)
        return found

    def frame(self, messages: Iterable[Sent], query: Query) -> str | bytes:
        """Return one frame with the messages; a binary one only if that was asked for."""
        version = 3 if self.version == 4 and not query.is_binary else self.version
        return codec_for(version).encode([one.content for one in messages])

    def delivered(self, channel: str, messages: Iterable[Sent]) -> None:
        """Note that the lane has read the messages of a frame."""
        view = self.lanes[channel]
        view.last = max((one.mid for one in messages), default="")
        for one in messages:
            one.delivered.add(channel)
            if one.when == "during":
                self._had.append((one, channel))
            view.note(one)

    def kept(self, number: int) -> None:
        """Note that the client has the message, and what it announces while that is news."""
        successor = self.published[number].successor
        if successor in {channel.id for channel in self.channels.current.values()}:
            self.channels.give(successor)

    def refuses(self) -> bool:
        """Whether this connection is refused."""
        self.refused -= (is_refused := self.refused > 0)
        return is_refused

    def add(self, one: Listening) -> None:
        """Serve a connection or a poll from now on."""
        self._listening.append(one)

    def remove(self, one: Listening) -> None:
        """Serve it no longer."""
        if one in self._listening:
            self._listening.remove(one)

    def _made(
        self,
        ids: tuple[str, ...],
        skew: float | None,
        when: str,
        what: tuple[str, str, Mapping[str, Any]] = ("m", "c", {}),
    ) -> Sent:
        self._count += 1
        number, mid = len(self.published), f"{self._prefix}{self._count:016}"
        extra = {} if skew is None else {"server_time_unix": self.now() + skew + number / 1e6}
        module, command, params = what
        body = {
            "module_id": module,
            "command": command,
            "params": {"n": number, **params},
            "extra": extra,
        }
        content = Message(mid, msgspec.json.encode(body).decode(), created=int(self.now()))
        kinds, at = tuple(map(kind_of, ids)), self.now()
        sent = Sent(number, mid, kinds, ids, self.epoch, self.era, when, content, at)
        self.published.append(sent)
        return sent

    def _published(self, messages: list[Sent], *, stored: bool, fate: str) -> list[Sent]:
        if stored:
            self.history += messages
            for one in messages:
                one.is_owed = True
        if fate == "late":
            later = asyncio.get_running_loop().call_later
            later(_LATE, self._send, messages, self._receivers(messages))
        elif fate != "dropped":
            for _ in range(2 if fate == "twice" else 1):
                self._send(messages, self._receivers(messages))
        return messages

    def _receivers(self, messages: Sequence[Sent]) -> list[Listening]:
        return [one for one in self._listening if one.id in messages[0].ids]

    def _send(self, messages: Sequence[Sent], receivers: Iterable[Listening]) -> None:
        if messages[0].epoch == self.epoch:  # a wipe takes late ones along
            for one in receivers:
                if one in self._listening:
                    one.put(messages)
