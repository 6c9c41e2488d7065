"""What all dialects have in common: the shape of a codec, and the body of a message."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Protocol

import msgspec

from bxpull_nb.models import (
    UNKNOWN_ARRIVAL,
    Arrival,
    BadFrame,
    Event,
    Message,
    Record,
    RecordBatch,
    known_time,
)
from bxpull_nb.models.event import LATEST_TIME

__all__ = ["Codec", "loose_event", "usual_batch"]

_NO_PARAMS = msgspec.Raw(b"null")
NO_SENDER = msgspec.Raw()
"""In place of the `{type, id}` of whoever published a message, where nobody is named; falsy."""


class Codec(Protocol):
    """One dialect of the push server's frames. Stateless: one instance may serve many threads."""

    dialect: str

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """The frame's messages in order; what cannot be read comes as BadFrame, never raised."""
        ...

    def encode(self, messages: Sequence[Message]) -> str | bytes:
        """One frame that holds the messages, as a push server would write it."""
        ...


class Extra(msgspec.Struct, gc=False):
    """The part of `extra` an event keeps."""

    server_time_unix: Annotated[float, msgspec.Meta(ge=0, lt=LATEST_TIME)] | None = None
    """Another value makes the message an unusual one: see `known_time`."""
    sender: msgspec.Raw = NO_SENDER


class Body(msgspec.Struct, gc=False):
    """What an application published: the usual shape of a message's body."""

    module_id: str | None = None
    command: str | None = None
    params: msgspec.Raw = _NO_PARAMS
    extra: Extra | None = None


NO_EXTRA = Extra()


class Usual(Protocol):
    """A message of the usual shape, in whatever envelope it came."""

    mid: str
    body: Body
    extra: Extra | None
    """Beside the body: it counts where the body has none of its own."""


class Envelope(msgspec.Struct, gc=False):
    """A message of the text dialect, with markers around it or in a JSON list."""

    mid: str
    body: Body = msgspec.field(name="text")
    extra: Extra | None = None
    """The guide draws `extra` beside `text`; servers write it inside. Both are read."""


def usual_batch(
    messages: Sequence[Usual], arrival: Arrival, senders: Sequence[msgspec.Raw] = ()
) -> RecordBatch:
    """The events of messages that have the usual shape: the fast path of the JSON dialects.

    `senders` go before those of the extras. Column by column, since a step over one attribute
    of all is the cheapest there is.
    """
    bodies = [message.body for message in messages]
    extras: list[Any] = [body.extra for body in bodies]
    if not all(extras):
        beside = [message.extra or NO_EXTRA for message in messages]
        extras = [a or b for a, b in zip(extras, beside, strict=True)]
    names = names_of(senders)
    if not names or None in names:
        inside = names_of([extra.sender for extra in extras])
        names = [a or b for a, b in zip(names, inside, strict=True)] if names else inside
    return RecordBatch(
        [message.mid for message in messages],
        [body.module_id for body in bodies],
        [body.command for body in bodies],
        [body.params for body in bodies],
        [extra.server_time_unix for extra in extras],
        names,
        arrival,
    )


def names_of(senders: Sequence[msgspec.Raw]) -> list[str | None]:
    """Their names; nearly always nobody is named in a frame, or the same one everywhere."""
    told = b"".join(senders)
    if not told:
        return [None] * len(senders)
    first = bytes(senders[0])
    if told == first * len(senders):  # JSON objects: they can be told apart as they stand there
        return [_name_of(first)] * len(senders)
    return [_name_of(bytes(sender)) for sender in senders]


@lru_cache(maxsize=512)  # a few senders write nearly all messages
def _name_of(told: bytes) -> str | None:
    return sender_name(msgspec.json.decode(told)) if told else None


def loose_event(
    mid: str, body: Any, arrival: Arrival, outer_extra: Any = None, sender: str | None = None
) -> Event:
    """The event of a body of any JSON shape.

    An object gives what it has of module, command and params; anything else (a string, a
    number, a list) becomes the params of an event without module and command.
    """
    mid = readable(mid)
    if not isinstance(body, dict):
        return Event(mid, None, None, _dump(body), None, sender, arrival)
    extra = body.get("extra")
    extra = (
        extra if isinstance(extra, dict) else outer_extra if isinstance(outer_extra, dict) else {}
    )
    return Event(
        mid,
        _text_or_none(body.get("module_id")),
        _text_or_none(body.get("command")),
        _dump(body.get("params")),
        known_time(extra.get("server_time_unix")),
        sender or sender_name(extra.get("sender")),
        arrival,
    )


_SENDER_TYPES: dict[object, str] = {
    0: "unknown",
    1: "client",
    2: "backend",
    "0": "unknown",
    "1": "client",
    "2": "backend",
}


def sender_name(sender: Any) -> str | None:
    """`backend`, `client:<id>` or None, from a `{type, id}` object in either spelling."""
    if not isinstance(sender, dict):
        return None
    told = sender.get("type")
    known = _SENDER_TYPES.get(told) if isinstance(told, int | str) else None
    kind = known or str(told or "unknown").lower()
    return readable(f"{kind}:{sender['id']}" if sender.get("id") else kind)


def bad_frame(raw: str, reason: str, arrival: Arrival, *, is_torn: bool = False) -> BadFrame:
    """The row for an unreadable message, with its mid if at least that can be found."""
    found = _MID.search(raw[:_HEAD])
    return BadFrame(raw, reason, found[1] if found else None, arrival, is_torn)


def guarded(
    record: Callable[[Any, Arrival], Record], item: Any, text: str, arrival: Arrival
) -> Record:
    """The record of one item of a frame; a BadFrame where it cannot be written as JSON again."""
    try:
        return record(item, arrival)
    except (UnicodeEncodeError, msgspec.EncodeError, RecursionError) as exc:
        return bad_frame(text, f"cannot be written as JSON again: {exc}", arrival)


_HEAD = 400  # the envelope in front of a body is shorter than this
_MID = re.compile(r'"mid"\s*:\s*"(\d{26})"')


def _text_or_none(value: Any) -> str | None:
    return None if value is None else readable(str(value))


def readable(text: str) -> str:
    """The text without what UTF-8 cannot hold: halves of characters, which JSON can spell."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _dump(value: Any) -> bytes:
    return msgspec.json.encode(value)
