"""Commands that follow each other more often than chance, and events without their partner."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.analysis.intervals import duration
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import listed, quoted
from bxpull_nb.params.engine import opened
from bxpull_nb.params.extract import extracted
from bxpull_nb.params.levels import ARRAY
from bxpull_nb.params.path import Path
from bxpull_nb.params.texts import readable
from bxpull_nb.query.chance import of_split
from bxpull_nb.query.compare import checked_chance
from bxpull_nb.query.source import Conditions, Source, check_columns, resolved
from bxpull_nb.query.walked import names_of, readable_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pairs"]

_DTYPES: dict[str, Any] = {
    "first": "str",
    "then": "str",
    "events": "int64",
    "followed": "int64",
    "share": "float64",
    "expected": "float64",
    "median": "timedelta64[us]",
    "unpaired": "int64",
    "unpaired_keys": "object",
    "chance": "float64",
}
_FAR = (-6, -5, -4, -3, -2, 2, 3, 4, 5, 6)
"""Windows to compare with: so many times `within` later, or earlier."""
_NEEDED = ("received_at", "module_id", "command", "mid")


def pairs(
    source: Any,
    within: Any = "500ms",
    key: str | None = None,
    *,
    chance: float = 0.01,
    where: Conditions = None,
) -> "pd.DataFrame":
    """Return which command follows which more often than chance, the least likely first.

    `source` is a feed, a DataFrame, a file, a journal or a dataset. With `key`, a path such as
    `orderId`, an event is followed only by those of the same key: a text or a number, 15 and "15"
    alike; events without it are left out. The columns:

    - `first`, `then`: the commands, as `module.command`
    - `events`: how many of `first` there are; `followed`: how many have a `then` after them,
      at most `within` later; `share`: that part; `median`: the time to the next `then`
    - `expected`: the share that has a `then` in other windows as long, two to six times `within`
      earlier or later, so that a busy hour makes no pair
    - `unpaired`: events of `first` without a `then`; `unpaired_keys`: the list of their keys,
      or without `key` of their mids
    - `chance`: an upper bound on the chance that any two commands follow each other so often

    Rows above `chance` are left out; `chance=1` lists all. The chance is that of the windows
    shared out at random between these and the others (hypergeometric, by Hoeffding), multiplied
    by the number of pairs looked at. Events less than `within` before the end are not counted: a
    partner may still come. Events of one frame come at the same time, in their order. `where`
    chooses events as in `read_events`. Raises
    SettingsError for a path that no event has, with those that there are.

    >>> bx.pairs(feed, within="2s", key="orderId")[["first", "then", "share", "unpaired_keys"]]
    """
    span = max(round(duration(within, "within").total_seconds() * 1e6), 1)
    limit = checked_chance(chance)
    events = _in_order(_events(resolved(source, where), key), span)
    rows = list(_rows(events, span))
    chances = np.minimum([len(rows) * row.pop("alone") for row in rows], 1.0).tolist()
    found = [row | {"chance": one} for row, one in zip(rows, chances, strict=True)]
    found = [row for row in found if row["chance"] <= limit and row["share"] > row["expected"]]
    found.sort(key=lambda row: (row["chance"], -row["followed"], row["first"], row["then"]))
    for row in found:
        row["unpaired_keys"] = events.keys[row.pop("lonely")].tolist()
    return _table(found)


class _Events(NamedTuple):
    """Events in the order of their keys, and of their times within one key."""

    names: list[str]
    commands: np.ndarray
    """Place in `names` of each event."""
    keys: np.ndarray
    """Key of each event, or its mid."""
    times: np.ndarray
    """Microseconds since 1970."""
    places: np.ndarray
    """Times in which one key comes after the other, and long pauses are shortened."""


def _events(source: Source, key: str | None) -> tuple[pa.Table, np.ndarray]:
    """Return the events that have a time and the key, and the number of the key of each."""
    check_columns(source, *_NEEDED, *([] if key is None else ["params"]))
    named = key.removeprefix("params.") if isinstance(key, str) else key
    path = None if named is None else Path.of(named)
    names = [name for name in (*_NEEDED, "params", "error") if name in source.columns]
    chosen = names if path is not None else [name for name in names if name != "params"]
    parts = [_known(table, path) for table in source.tables(chosen)]
    empty = pa.table({name: pa.array([], kind) for name, kind in _TYPES.items()})
    table = pa.concat_tables([empty, *parts])
    if path is None:
        return table, np.zeros(table.num_rows, "int64")
    if not table.num_rows:
        raise SettingsError(f"no event has the key {quoted(key)}; {_paths(source)}.")
    codes = table["key"].combine_chunks().dictionary_encode().indices
    return table, codes.to_numpy().astype("int64")


_TYPES = {
    "time": pa.int64(),
    "name": pa.large_string(),
    "key": pa.large_string(),
}


def _known(table: pa.Table, path: Path | None) -> pa.Table:
    """Return time, name and key of the events that have all three."""
    table = readable_rows(table)
    times = pc.cast(pc.cast(table["received_at"], pa.timestamp("us", "UTC")), pa.int64())
    keys = pc.cast(table["mid"], pa.large_string()) if path is None else _keys(table, path)
    found = pa.table({"time": times, "name": names_of(table), "key": keys}).cast(pa.schema(_TYPES))
    wanted = pc.is_valid(found["time"])
    return found.filter(wanted if path is None else pc.and_(wanted, pc.is_valid(found["key"])))


def _keys(table: pa.Table, path: Path) -> pa.Array:
    texts = pc.cast(table["params"], pa.large_string()).combine_chunks()
    if path.is_many:
        raise SettingsError(f"key={quoted(str(path))} leads to many values: name one of them.")
    with opened() as connection:
        [values] = extracted(connection, readable(connection, texts), [path])
    found = np.full(table.num_rows, None, object)
    scalar = values.kinds < ARRAY
    found[values.rows[scalar]] = values.texts.filter(pa.array(scalar)).to_pylist()
    return pa.array(found, pa.large_string())


def _paths(source: Source) -> str:
    from bxpull_nb.query.schema import schema_of

    return f"paths: {listed(sorted({path for path in schema_of(source)['path'] if path != '$'}))}"


def _in_order(found: tuple[pa.Table, np.ndarray], span: int) -> _Events:
    table, codes = found
    times = table["time"].to_numpy()
    coded = table["name"].combine_chunks().dictionary_encode()
    order = np.lexsort((np.arange(len(times)), times, codes))
    codes, times = codes[order], times[order]
    far = (max(_FAR) + 2) * span
    steps = np.minimum(np.diff(times, prepend=times[:1]), far)
    steps[1:][codes[1:] != codes[:-1]] = far
    commands = coded.indices.to_numpy().astype("int64")[order]
    keys = np.array(table["key"].to_pylist(), object)[order]
    return _Events(coded.dictionary.to_pylist(), commands, keys, times, np.cumsum(steps))


def _rows(events: _Events, span: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each two commands, with its chance `alone`."""
    if not len(events.times):
        return
    begin, end = events.times.min(), events.times.max()
    counted = events.times + span <= end
    width = len(events.names)
    totals = np.bincount(events.commands[counted], minlength=width)
    for then, name in enumerate(events.names):
        mine = np.flatnonzero(events.commands == then)
        delays = _delays(events, mine, span)
        hits, tries = _elsewhere(events, mine, span, begin, end)
        followed = counted & (delays >= 0)
        for first in np.flatnonzero(totals).tolist():
            chosen = counted & (events.commands == first)
            pair = chosen & followed
            of, have = int(totals[first]), int(pair.sum())
            yield {
                "first": events.names[first],
                "then": name,
                "events": of,
                "followed": have,
                "share": have / of,
                "expected": hits[first] / tries[first] if tries[first] else 0.0,
                "median": int(np.median(delays[pair])) if have else None,
                "unpaired": of - have,
                "lonely": np.flatnonzero(chosen & ~followed),
                "alone": float(of_split(have, of, hits[first], tries[first])),
            }


def _delays(events: _Events, mine: np.ndarray, span: int) -> np.ndarray:
    """Return the microseconds from each event to the next of `mine`, -1 for more than `span`."""
    following = np.searchsorted(mine, np.arange(len(events.times)), side="right")
    places = np.append(events.places[mine], events.places[-1] + 2 * span)
    delays = places[following] - events.places
    found: np.ndarray = np.where(delays <= span, delays, -1)
    return found


def _elsewhere(
    events: _Events, mine: np.ndarray, span: int, begin: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows elsewhere with one of `mine`, and all of them, by command."""
    width, places = len(events.names), events.places[mine]
    hits, tries = np.zeros(width), np.zeros(width)
    for far in _FAR:
        since = events.places + far * span
        inside = (events.times + far * span >= begin) & (events.times + (far + 1) * span <= end)
        there = np.searchsorted(places, since + span, "right") > np.searchsorted(
            places, since, "right"
        )
        tries += np.bincount(events.commands[inside], minlength=width)
        hits += np.bincount(events.commands[inside & there], minlength=width)
    return hits, tries


def _table(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    columns = {name: pd.Series([row[name] for row in rows], dtype=object) for name in _DTYPES}
    columns["median"] = pd.to_timedelta(columns["median"].astype("Int64"), unit="us")
    return pd.DataFrame({name: columns[name].astype(kind) for name, kind in _DTYPES.items()})
