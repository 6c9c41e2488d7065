"""Events as they arrive, and messages as a push server sends them.

`EVENT_COLUMNS` is the schema of the live DataFrame; only this module documents it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import msgspec

from bxpull_nb.models.json_text import decoded

__all__ = [
    "EVENT_COLUMNS",
    "LATER_COLUMNS",
    "UNKNOWN_ARRIVAL",
    "Arrival",
    "BadFrame",
    "Event",
    "Message",
    "Record",
    "known_time",
]

EVENT_COLUMNS = {
    "received_at": "datetime64[us, UTC]",  # when this machine received the frame
    "server_time": "datetime64[us, UTC]",  # when the portal made the event; NaT if unknown
    "lag": "timedelta64[us]",  # received_at - server_time: travel time plus clock difference
    "mid": "str",  # the push server's message id, 26 digits
    "channel": "category",  # "shared" or "private"
    "module_id": "category",  # the portal's module: "crm", "im", "application" …
    "command": "category",  # the event's name within its module
    "params": "str",  # the event's parameters as JSON text; see expand_params()
    "sender": "category",  # "backend", or "client:<public id>"; missing where the dialect has none
    "transport": "category",  # "websocket" or "polling"
    "error": "str",  # why the message could not be read; missing for every good event
    "source": "category",  # "channel", "offline" or "chat": the way by which the event came
}
"""Column -> dtype of the live DataFrame, in order."""

LATER_COLUMNS = {"source": "channel"}
"""Column that files of earlier versions lack -> the value that all their rows have."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_TIME = 7_258_118_400.0
"""Seconds since 1970 at which the accepted range of times ends: the year 2200 begins."""


def known_time(value: Any) -> float | None:
    """Return a server time as Unix seconds; None unless it is from 1970 to 2199.

    Every codec uses it, so all modules may rely on finite times that fit their types.
    """
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LATEST_TIME else None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """The time and way of a frame's arrival; all events of the frame share it."""

    received_us: int | None = None
    """Microseconds since 1970, UTC, by this machine's clock."""
    channel: str | None = None
    """The type of the channel the connection listens to; None when it listens to several."""
    transport: str | None = None
    """`websocket` or `polling`; None for an event that a REST call brought."""
    source: str = "channel"
    """`channel`; `offline` for the portal's queue of events, `chat` for that of messages."""


UNKNOWN_ARRIVAL = Arrival()
"""The arrival of frames that did not come over the wire, as in a test or a replay."""


def lag_us(arrival: Arrival, server_time_unix: float | None) -> int | None:
    """Return microseconds from a server time to an arrival; see `Event.lag_us`."""
    received, sent = arrival.received_us, known_time(server_time_unix)
    return None if received is None or sent is None else received - round(sent * 1e6)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event, with its parameters as JSON text until `params` decodes them."""

    mid: str
    """The push server's message id (26 digits)."""
    module_id: str | None
    """The portal's module, or None if the body has none."""
    command: str | None
    """The event's name, or None if the body has none."""
    params_json: bytes
    """The parameters as JSON text in UTF-8; `params` is the same, decoded."""
    server_time_unix: float | None = None
    """`extra.server_time_unix`: Unix seconds by the portal's clock (UTC); see `known_time`."""
    sender: str | None = None
    """`backend` or `client:<public id>` where the dialect has it."""
    arrival: Arrival = UNKNOWN_ARRIVAL

    error: ClassVar[None] = None

    @property
    def params(self) -> Any:
        """The parameters, decoded: usually a dict, sometimes a list (PHP's empty map is `[]`).

        They are the JSON text itself where Python cannot hold them, as with 100 000 brackets.
        """
        return decoded(self.params_json)

    @property
    def channel(self) -> str | None:
        """`shared` or `private`: the channel the connection listens to."""
        return self.arrival.channel

    @property
    def source(self) -> str:
        """`channel`, `offline` or `chat`: the way by which the event came."""
        return self.arrival.source

    @property
    def is_of_portal(self) -> bool:
        """Whether the portal wrote it: what a dialect without senders cannot deny, is believed."""
        return (self.sender or "backend").partition(":")[0] == "backend"

    @property
    def received_at(self) -> datetime | None:
        """The time at which this machine received the frame (UTC)."""
        received = self.arrival.received_us
        return None if received is None else _EPOCH + timedelta(microseconds=received)

    @property
    def server_time(self) -> datetime | None:
        """The time at which the portal made the event (UTC, the portal's clock)."""
        sent = self.server_time_unix
        return None if sent is None else _EPOCH + timedelta(seconds=sent)

    @property
    def lag_us(self) -> int | None:
        """Microseconds from `server_time` to `received_at`; None where either is unknown.

        It is the travel time plus the difference of the two clocks, so it may be negative.
        """
        return lag_us(self.arrival, self.server_time_unix)

    def __repr__(self) -> str:
        # Without the params: those of service messages hold channel ids.
        name = f"{self.module_id}.{self.command}"
        by = f", {self.channel}" if self.channel else ""
        size = len(self.params_json)
        return f"Event({_short(name)!r}, mid={_short(self.mid)!r}{by}, {size:,} bytes of params)"


class BadFrame(msgspec.Struct, frozen=True, gc=False):
    """A message or a frame that could not be read. The log keeps it as a row."""

    raw: str
    """The text as it came (bytes that are not UTF-8 are shown as replacement characters)."""
    error: str
    """Why it could not be read."""
    mid: str | None = None
    """The message id, when at least that could be found."""
    arrival: Arrival = UNKNOWN_ARRIVAL
    is_torn: bool = False
    """Whether the frame broke off here: messages after it may be missing. A new request to the
    server may bring them whole."""

    module_id: ClassVar[None] = None
    command: ClassVar[None] = None
    server_time_unix: ClassVar[None] = None
    lag_us: ClassVar[None] = None
    sender: ClassVar[None] = None

    @property
    def params_json(self) -> bytes:
        """The unreadable text as one JSON string, so that the log keeps it."""
        return msgspec.json.encode(self.raw.encode(errors="replace").decode())

    @property
    def params(self) -> str:
        """The unreadable text."""
        return self.raw

    @property
    def channel(self) -> str | None:
        """The channel the connection listens to."""
        return self.arrival.channel

    @property
    def source(self) -> str:
        """`channel`, `offline` or `chat`: the way by which the message came."""
        return self.arrival.source

    def __repr__(self) -> str:
        return f"BadFrame({_short(self.error)!r}, {len(self.raw):,} characters)"


Record = Event | BadFrame
"""A record: the value that a codec returns and a log stores."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message that a push server sends: the input of an encoder."""

    mid: str
    body: str
    """JSON text of `{module_id, command, params, extra}`; pasted into the frame as it is."""
    channel: str = "-"
    """The 32 hex digits of the channel it was published to, `-` where it is unknown."""
    created: int = 0
    """Unix second."""
    expiry: int = 0
    """Seconds the server stores it; 0 = not stored."""
    sender_type: str = "backend"
    sender_id: str = ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
