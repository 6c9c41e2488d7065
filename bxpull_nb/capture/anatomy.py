"""One event in detail: its parameters, the frame it came in, its id and its times."""

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import msgspec

from bxpull_nb.capture.recent_frames import KeptFrame
from bxpull_nb.masking import mask_text
from bxpull_nb.models import Record
from bxpull_nb.models.html import html_table

__all__ = ["Anatomy", "MidParts", "inspect", "take_mid_apart"]

_FRAME_SHOWN = 4_000
_SERVER_START = slice(0, 10)


class MidParts(msgspec.Struct, frozen=True):
    """The two numbers in the 26 digits of a message id."""

    server_start: datetime
    """The time at which the push server first started to count (UTC)."""
    counter: int
    """The message's number since then, counted over the whole server; gaps are normal."""


class Anatomy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known about one row of the log."""

    row: int
    record: Record
    params: Any
    """The decoded parameters, as `Event.params` has them."""
    frame: str | None
    """The raw frame, masked, bytes as hex; None when it is no longer kept."""
    frame_size: int | None
    """Characters of a text frame, bytes of a binary one."""
    in_frame: tuple[int, int] | None
    """This message's number among the new ones that arrived with it, from 1, and their number."""
    dialect: str | None
    """`text`, `protobuf`, `json` or `jsonrpc`."""
    mid_parts: MidParts | None
    copies: int
    """Duplicates of the message that were dropped."""

    @property
    def lag(self) -> timedelta | None:
        """The time from the portal's clock to this machine's; None where either is unknown."""
        lag = self.record.lag_us
        return None if lag is None else timedelta(microseconds=lag)

    @property
    def params_json(self) -> bytes:
        """The parameters as JSON that any reader takes: one string where they are none."""
        raw = self.record.params_json
        try:
            return msgspec.json.encode(msgspec.json.decode(raw))
        except (ValueError, RecursionError):  # such as 1e400
            return msgspec.json.encode(raw.decode(errors="replace"))

    def facts(self) -> dict[str, str]:
        """Return the known facts as text, without the parameters and the frame."""
        record, mid = self.record, self.mid_parts
        known = {
            "command": record.command,
            "module": record.module_id,
            "source": None if record.source == "channel" else record.source,
            "channel": record.arrival.channel,
            "sender": record.sender,
            "error": record.error,
            "mid": record.mid,
            "server counts since": mid and f"{mid.server_start:%Y-%m-%d %H:%M:%S} UTC",
            "message number": mid and f"{mid.counter:,}",
            "made by the portal": _moment(record.server_time_unix),
            "received": _moment((record.arrival.received_us or 0) / 1e6 or None),
            "lag": None if self.lag is None else f"{self.lag.total_seconds() * 1000:,.0f} ms",
            "transport": record.arrival.transport,
            "dialect": self.dialect,
            "arrived together": self.in_frame
            and f"{self.in_frame[0]} of {self.in_frame[1]} new ones",
            "duplicates dropped": str(self.copies),
        }
        return {name: str(value) for name, value in known.items() if value is not None}

    def __repr__(self) -> str:
        return f"Anatomy(row {self.row}, {self.record.module_id}.{self.record.command})"

    def _repr_html_(self) -> str:
        params = escape(msgspec.json.format(self.params_json).decode())
        frame = "no longer kept" if self.frame is None else escape(self.frame)
        return (
            f"{html_table(self.facts().items())}<b>params</b><pre>{params}</pre>"
            f"<b>raw frame</b><pre style='white-space:pre-wrap'>{frame}</pre>"
        )


def inspect(row: int, record: Record, frame: KeptFrame | None, copies: int) -> Anatomy:
    """Return the anatomy of the record in `row`, with its frame if that is still kept."""
    content = None if frame is None else frame.content_of(record.mid)
    return Anatomy(
        row=row,
        record=record,
        params=record.params,
        frame=None if content is None else _readable(content),
        frame_size=None if content is None else len(content),
        in_frame=None if frame is None else (row - frame.first_row + 1, frame.rows),
        dialect=None if frame is None else frame.dialect or None,
        mid_parts=take_mid_apart(record.mid),
        copies=copies,
    )


def take_mid_apart(mid: str | None) -> MidParts | None:
    """Return the parts of a message id; None if it does not have 26 digits.

    The first ten digits are the Unix second of the server's first start, the others count all
    its messages.
    """
    if mid is None or len(mid) != 26 or not (mid.isascii() and mid.isdecimal()):
        return None
    start = datetime.fromtimestamp(int(mid[_SERVER_START]), UTC)
    return MidParts(start, int(mid[_SERVER_START.stop :]))


def _readable(frame: str | bytes) -> str:
    """Return the frame as text, cut if long, with likely channel ids and tokens masked."""
    shown = frame[:_FRAME_SHOWN]
    text = shown.hex(" ") if isinstance(shown, bytes) else mask_text(shown)
    more = len(frame) - len(shown)
    return f"{text}\n… {more:,} more" if more else text


def _moment(seconds: float | None) -> str | None:
    if seconds is None or not abs(seconds) < 2.5e11:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"
