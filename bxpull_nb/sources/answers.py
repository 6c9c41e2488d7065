"""Answers of the portal's queues as batches of records.

A batch has a frame, as those of channels have: a list of messages of the JSON dialect, so a journal
keeps it and reads it back without knowing of queues.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bxpull_nb.models import Arrival, Batch, known_time
from bxpull_nb.models.fields import whole_number
from bxpull_nb.protocol.codec import JsonCodec
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.event_names import module_of

__all__ = ["Row", "batch_of", "chat_message", "offline_message", "rows_of"]

Row = Mapping[str, Any]
"""One record of a queue, as the portal writes it."""
_CODEC = JsonCodec()


def rows_of(answer: Any) -> list[Row]:
    """Return the records of an answer; other values among them are left out.

    PHP writes a list whose numbers have a gap as a map.
    """
    events = mapping(mapping(answer).get("events")).values()
    return [row for row in events if isinstance(row, Mapping)]


def batch_of(messages: Sequence[Row], arrival: Arrival) -> Batch:
    """Return the messages as a batch with its frame."""
    frame = msgspec.json.encode(messages).decode()
    return Batch(_CODEC.decode(frame, arrival), frame, _CODEC.dialect)


def offline_message(row: Row, found: Any = None) -> dict[str, Any]:
    """Return an offline event as a message; `found` is its object.

    Its mid has the record's id: `MESSAGE_ID` is the same for all changes of one object.
    """
    name = str(row.get("EVENT_NAME") or "").upper()
    data = row.get("EVENT_DATA") or {}
    params = data if found is None else {**mapping(data), "object": found}
    mid = "-".join(str(row[key]) for key in ("MESSAGE_ID", "ID") if row.get(key))
    user = whole_number(mapping(row.get("EVENT_ADDITIONAL")).get("user_id"))
    return _message(mid, module_of(name), name, params, row.get("TIMESTAMP_X"), user)


def chat_message(row: Row) -> dict[str, Any]:
    """Return a chat event as a message."""
    name = str(row.get("type") or "").upper()
    return _message(f"chat-{row.get('eventId')}", "im", name, row.get("data"), row.get("date"))


def _message(
    mid: str, module: str, command: str, params: Any, moment: Any, user: int | None = None
) -> dict[str, Any]:
    body = {"module_id": module, "command": command, "params": params}
    extra = dict(_extra(moment, user))
    return {"mid": mid, "text": {**body, "extra": extra} if extra else body}


def _extra(moment: Any, user: int | None) -> Iterator[tuple[str, Any]]:
    seconds = seconds_of(moment)
    if seconds is not None:
        yield "server_time_unix", seconds
    if user:
        yield "sender", {"type": "user", "id": str(user)}


def seconds_of(moment: Any) -> float | None:
    """Return an ISO 8601 time with its zone as Unix seconds; None for another value."""
    try:
        found = datetime.fromisoformat(str(moment))
    except ValueError:
        return None
    return known_time(found.timestamp()) if found.tzinfo else None
