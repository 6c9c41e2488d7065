"""Events and the rows of a log: by hand, at random, and as a DataFrame."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.models import EVENT_COLUMNS, Arrival, BadFrame, Event, Record
from bxpull_nb.storage.eventlog import EventLog

ARRIVAL = Arrival(1767225600500000, "shared", "websocket")


def event(number: int, command: str = "dealUpdate") -> Event:
    """Return an event with this number."""
    params = f'{{"n":{number}}}'.encode()
    return Event(f"1795447844{number:016}", "crm", command, params, 1767225600.25, None, ARRIVAL)


def params(record: Record) -> Any:
    """Return the parameters of an event; fail for an unreadable message."""
    assert isinstance(record, Event), record
    return record.params


def plain_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return the same table built by hand: a list of dicts, then one Series per column."""
    rows = [
        {
            "received_at": moment(record.arrival.received_us),
            "server_time": moment(microseconds(record.server_time_unix)),
            "mid": record.mid,
            "channel": record.arrival.channel,
            "module_id": record.module_id,
            "command": record.command,
            "params": record.params_json.decode(),
            "sender": record.sender,
            "transport": record.arrival.transport,
            "error": record.error,
            "source": record.arrival.source,
        }
        for record in records
    ]
    frame = pd.DataFrame(index=range(len(rows)))
    for name, kind in EVENT_COLUMNS.items():
        if name == "lag":
            frame[name] = frame["received_at"] - frame["server_time"]
            continue
        values = [row[name] for row in rows]
        names = pd.Index(dict.fromkeys(v for v in values if v is not None), dtype="str")
        dtype = pd.CategoricalDtype(names) if kind == "category" else kind
        frame[name] = pd.Series(values, dtype=dtype)
    return frame


def microseconds(seconds: float | None) -> int | None:
    """Return whole microseconds."""
    return None if seconds is None else round(seconds * 1e6)


def moment(us: int | None) -> Any:
    """Return a pandas time."""
    return pd.NaT if us is None else pd.Timestamp(us, unit="us", tz="UTC")


texts_or_none = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
arrivals = st.builds(
    Arrival,
    st.none() | st.integers(0, 4_000_000_000_000_000),
    st.sampled_from([None, "shared", "private"]),
    st.sampled_from([None, "websocket", "polling"]),
    st.sampled_from(["channel", "offline", "chat"]),
)
events = st.builds(
    Event,
    st.text("0123456789", min_size=1, max_size=26),
    texts_or_none,
    texts_or_none,
    st.sampled_from([b"null", b"[]", b'{"n":1}', '"Привет 🌍"'.encode()]),
    st.none() | st.floats(0, 4e9),
    texts_or_none,
    arrivals,
)
records = events | st.builds(
    BadFrame, st.text(max_size=5).filter(str.isprintable), st.text("xyz"), st.none(), arrivals
)


def frame(*rows: Record) -> pd.DataFrame:
    """Return the DataFrame of a log with these rows."""
    log = EventLog()
    log.extend(rows)
    return log.df


def with_params(params: bytes) -> Event:
    """Return an event with these parameters."""
    return Event("1", "m", "c", params, None, None, ARRIVAL)


def sent(module: str, command: str, params: str, second: int = 0) -> Event:
    """Return an event with this JSON, made so many seconds after others of its kind."""
    at = 1_790_000_000 + second
    return Event(f"1795447844{second:016}", module, command, params.encode(), at, None, ARRIVAL)


def played(count: int) -> pd.DataFrame:
    """Return `count` recorded events as a DataFrame, one every hundred milliseconds."""
    log = bx.EventLog()
    for n in range(count):
        arrival = Arrival(1_790_000_000_000_000 + n * 100_000, "shared", "websocket")
        sent = 1_790_000_000 + n / 10
        log.extend(
            [Event(f"1790000000{n:016}", "m", f"c{n % 2}", b'{"n":%d}' % n, sent, None, arrival)]
        )
    return log.df
