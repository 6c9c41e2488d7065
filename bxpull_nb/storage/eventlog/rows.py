"""Turning rows of a log into records, column by column."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import msgspec
import numpy as np

from bxpull_nb.models import Arrival, BadFrame, Event, Record, RecordBatch

__all__ = ["batch_of_rows"]

_NAT = np.iinfo("int64").min
_AS_THEY_ARE = ("mid", "module_id", "command", "params", "sender", "error")


def batch_of_rows(columns: Mapping[str, Any]) -> RecordBatch:
    """Return the records of these rows, equal but for fractions of a microsecond.

    `columns` are those of `EVENT_COLUMNS`: times as arrays of microseconds, `params` as bytes, the
    others as texts; a missing value is None. A row with an error becomes a BadFrame; one without
    a source came by a channel.
    """
    received = [None if us == _NAT else us for us in columns["received_at"].tolist()]
    sources = [source or "channel" for source in columns["source"]]
    arrivals = zip(received, columns["channel"], columns["transport"], sources, strict=True)
    sent = _seconds(columns["server_time"])
    if columns["error"].count(None) < len(received):
        rows = zip(arrivals, sent, *(columns[name] for name in _AS_THEY_ARE), strict=True)
        return RecordBatch.of(_record(Arrival(*arrival), *row) for arrival, *row in rows)
    batch = RecordBatch(
        [mid or "" for mid in columns["mid"]],
        columns["module_id"],
        columns["command"],
        [params or b"null" for params in columns["params"]],
        sent,
        columns["sender"],
    )
    batch.arrivals = [(Arrival(*one), len(list(run))) for one, run in groupby(arrivals)]
    return batch


def _record(
    arrival: Arrival,
    sent: float | None,
    mid: str | None,
    module_id: str | None,
    command: str | None,
    params: bytes | None,
    sender: str | None,
    error: str | None,
) -> Record:
    text = params or b"null"
    if error is not None:
        return BadFrame(_raw(text), error, mid, arrival)
    return Event(mid or "", module_id, command, text, sent, sender, arrival)


def _seconds(microseconds: np.ndarray) -> list[float | None]:
    """Return seconds that a log rounds to exactly these microseconds."""
    exact = microseconds / 1e6
    for towards in (-np.inf, np.inf):  # far times need the neighbour
        near = np.nextafter(microseconds / 1e6, towards)
        exact = np.where(np.rint(exact * 1e6) == microseconds, exact, near)
    seconds: list[float | None] = exact.tolist()
    for row in np.flatnonzero(microseconds == _NAT):
        seconds[row] = None
    return seconds


def _raw(params: bytes) -> str:
    """Return the unreadable text of a row: a JSON string, unless a user edited it."""
    try:
        return msgspec.json.decode(params, type=str)
    except msgspec.DecodeError:
        return params.decode()
