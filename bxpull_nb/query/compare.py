"""Differences of two groups of events: commands, rates, paths, types and values."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.params.path import Path
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.chance import of_count, of_split
from bxpull_nb.query.facts import Facts, gathered
from bxpull_nb.query.path_stats import TYPES, value_of
from bxpull_nb.query.source import Conditions, Source, resolved

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["checked_chance", "compare", "compared"]

_DTYPES = {
    "what": "str",
    "change": "str",
    "module_id": "str",
    "command": "str",
    "path": "str",
    "value": "object",
    "before": "int64",
    "after": "int64",
    "share_before": "float64",
    "share_after": "float64",
    "per_minute_before": "float64",
    "per_minute_after": "float64",
    "chance": "float64",
}
_ORDER = ("command", "path", "type", "value")
_MOST_NEW = 1000  # different values before, beyond which a value more is no news
_SLICES = 20  # of time, in which the dispersion of a command's events is measured


def compare(
    before: Any, after: Any, *, chance: float = 0.01, where: Conditions = None
) -> "pd.DataFrame":
    """Return what is different in the events `after`, the least likely by chance first.

    Each of both is a feed, a DataFrame, a file, a journal or a dataset. The columns:

    - `what`: `command`, `path`, `type` (of a path's values) or `value` (of a path);
      `change`: `came` (none had it before), `went`, `more often`, `less often`
    - `module_id`, `command`, `path`; `value`: the type, or the value that is new
    - `before`, `after`: how many events have it; `share_before`, `share_after`: that part of the
      command's events, or for types and values of the events that have the path
    - `per_minute_before`, `per_minute_after`: rates of commands, by the time from the first event
      to the last; missing where events have no times
    - `chance`: an upper bound on the chance of such a difference anywhere without a cause

    Rows above `chance` are left out; `chance=1` lists all. For a command it is that of a Poisson
    rate (binomial, by Chernoff), its events divided by their dispersion over 20 slices of time, so
    that bursts do not count. For all others events are shared out at random (hypergeometric, by
    Hoeffding). Both are multiplied by the number of comparisons made. A value that is new, on a
    path with at most 1 000, is compared with all values that were new in the later half of
    `before`: of ids and texts, new ones are no news; and events are divided by the number after
    which the value usually changes. Paths within one that came or went are left out, and so is
    what is inside commands that came or went. `where` chooses events of both, as in `read_events`;
    folders of a dataset that it excludes are not read. Raises the errors of `read_events`.

    >>> bx.compare("yesterday.parquet", feed)[["what", "change", "command", "path", "value"]]
    """
    limit = checked_chance(chance)
    return compared(resolved(before, where), resolved(after, where), None, limit)


def checked_chance(value: Any) -> float:
    """Return the limit; SettingsError unless it is a number from 0 to 1."""
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    raise SettingsError(f"chance={quoted(value)}: give a number from 0 to 1, such as 0.01.")


class _Row(NamedTuple):
    """A difference, before its chance is known."""

    what: str
    root: int
    path: int | None
    value: Any
    before: int
    after: int
    of_before: float
    """Events that might have it: of the command, or of the path; for a command, seconds."""
    of_after: float
    dispersion: float = 1.0
    usual: tuple[float, float] | None = None
    """The usual share of new values: the events with one, and all events."""


def compared(
    before: Source, after: Source, seconds: tuple[float, float] | None, limit: float
) -> "pd.DataFrame":
    """Return the table of `compare`; `seconds` is the length of both windows, where it is known."""
    walk, (one, two) = gathered([before, after])
    if seconds is None:
        seconds = (_seconds(one), _seconds(two))
    rows = [*_commands(one, two, seconds), *_paths(walk, one, two), *_types(walk, one, two)]
    values, looked = _values(walk, one, two)
    rows += values
    chances = np.minimum(_chances(rows) * (len(rows) - len(values) + looked), 1.0)
    return _table(walk, _without_inner(walk, rows, chances, limit))


def _commands(one: Facts, two: Facts, seconds: tuple[float, float]) -> Iterator[_Row]:
    for root in sorted({*one.roots, *two.roots}):
        counts = one.roots[root], two.roots[root]
        yield _Row("command", root, None, None, *counts, *seconds, _dispersion(root, one, two))


def _paths(walk: Walk, one: Facts, two: Facts) -> Iterator[_Row]:
    for path in sorted({*one.paths, *two.paths}):
        root = walk.root_of[path]
        if path != root and one.roots[root] and two.roots[root]:
            have = one.paths.get(path, 0), two.paths.get(path, 0)
            yield _Row("path", root, path, None, *have, one.roots[root], two.roots[root])


def _types(walk: Walk, one: Facts, two: Facts) -> Iterator[_Row]:
    for path, kind in sorted({*one.types, *two.types}):
        have = one.types.get((path, kind), 0), two.types.get((path, kind), 0)
        of = one.paths.get(path, 0), two.paths.get(path, 0)
        if all(of):
            yield _Row("type", walk.root_of[path], path, TYPES[kind], *have, *of)


def _values(walk: Walk, one: Facts, two: Facts) -> tuple[list[_Row], int]:
    """Return the new values that are no rarer than new ones were, and how many were looked at."""
    late, counts = _late(one)
    fresh = two.values.keys() - one.values.keys()
    wanted = [key for key in sorted(fresh) if key[0] not in two.open_paths]
    wanted = [key for key in wanted if 0 < counts[key[0]] <= _MOST_NEW]
    rows = []
    for path, kind, text in wanted:
        of, usual = (one.paths[path], two.paths[path]), (late[path], one.paths[path] / 2)
        have = two.values[path, kind, text][0]
        if have / of[1] > usual[0] / usual[1]:
            place = ("value", walk.root_of[path], path, value_of(kind, text))
            rows.append(_Row(*place, 0, have, *of, _run_length(one, path, counts[path]), usual))
    return rows, len(wanted) + sum(path in counts for path, *_ in one.values)


def _run_length(facts: Facts, path: int, count: int) -> float:
    """Return after how many events the value changes; 1 on a path with one value only."""
    return facts.paths[path] / facts.runs[path] if count > 1 else 1.0


def _late(facts: Facts) -> tuple[Counter[int], Counter[int]]:
    """Return by path the events of values first seen in the later half, and how many values."""
    late: Counter[int] = Counter()
    counts: Counter[int] = Counter()
    for (path, *_), (events, first) in facts.values.items():
        counts[path] += 1
        late[path] += events if first >= facts.total / 2 else 0
    return late, Counter({path: n for path, n in counts.items() if path not in facts.open_paths})


def _chances(rows: list[_Row]) -> np.ndarray:
    columns = [[row[place] for row in rows] for place in range(4, 9)]
    before, after, of_before, of_after, dispersion = (np.array(c, "float64") for c in columns)
    timed = np.array([row.what == "command" for row in rows], bool)
    total, whole = before + after, of_before + of_after
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(whole > 0, of_after / whole, np.nan)
        rates = of_count(after / dispersion, total / dispersion, share)
        rates = np.where(np.isfinite(share) & (share > 0) & (share < 1), rates, 1.0)
    usual = np.array([row.usual or row[4:7:2] for row in rows]).reshape(-1, 2).T
    groups = (*usual, after, of_after)
    splits = of_split(*(np.where(timed, 0, counts / dispersion) for counts in groups))
    found: np.ndarray = np.where(timed, rates, splits)
    return found


def _dispersion(root: int, one: Facts, two: Facts) -> float:
    """Return how much more a command's counts vary over time than independent events would."""
    excess, free = 0.0, 0
    for facts in (one, two):
        times = facts.times[facts.time_roots == root]
        if len(times) < 2 or facts.times[0] == facts.times[-1]:
            continue
        counts, _ = np.histogram(times, _SLICES, (facts.times.min(), facts.times.max() + 1))
        excess += float(((counts - counts.mean()) ** 2).sum() / counts.mean())
        free += _SLICES - 1
    return max(excess / free, 1.0) if free else 1.0


def _without_inner(
    walk: Walk, rows: list[_Row], chances: np.ndarray, limit: float
) -> list[tuple[_Row, float]]:
    """Return the differences within the limit, of paths that came or went only the outermost."""
    found = [
        (row, chance)
        for row, chance in zip(rows, chances.tolist(), strict=True)
        if chance <= limit and _change(row)
    ]
    gone = {
        (row.root, walk.paths[row.path], _change(row))
        for row, _ in found
        if row.path is not None and _is_whole(row)
    }
    return [(row, chance) for row, chance in found if not _is_inner(walk, row, gone)]


def _is_whole(row: _Row) -> bool:
    return row.what == "path" and 0 in (row.before, row.after)


def _is_inner(walk: Walk, row: _Row, gone: set[Any]) -> bool:
    if not _is_whole(row) or row.path is None:
        return False
    path = walk.paths[row.path]
    return any((row.root, Path(path[:n]), _change(row)) in gone for n in range(1, len(path)))


def _change(row: _Row) -> str:
    """Return the direction of a difference; the empty text for none."""
    if not row.before or not row.after:
        return "came" if row.after else "went" if row.before else ""
    one, two = row.before * row.of_after, row.after * row.of_before
    return "more often" if two > one else "less often" if two < one else ""


def _table(walk: Walk, rows: list[tuple[_Row, float]]) -> "pd.DataFrame":
    import pandas as pd

    names = {number: name for name, number in walk.roots.items()}
    cells = [_cells(walk, names, row) | {"chance": chance} for row, chance in rows]
    cells.sort(
        key=lambda cell: (
            cell["chance"],
            _ORDER.index(cell["what"]),
            *(str(cell[name]) for name in ("module_id", "command", "path", "value")),
        )
    )
    columns = {name: [cell.get(name) for cell in cells] for name in _DTYPES}
    return pd.DataFrame(
        {name: pd.Series(columns[name], dtype=kind) for name, kind in _DTYPES.items()}
    )


def _cells(walk: Walk, names: dict[int, Any], row: _Row) -> dict[str, Any]:
    module, command = names[row.root]
    timed = row.what == "command"
    pairs = ((row.before, row.of_before), (row.after, row.of_after))
    shares = [(60 if timed else 1) * count / of if of else None for count, of in pairs]
    measure = "per_minute" if timed else "share"
    return {
        "what": row.what,
        "change": _change(row),
        "module_id": module,
        "command": command,
        "path": None if row.path is None else str(walk.paths[row.path]),
        "value": row.value,
        "before": row.before,
        "after": row.after,
        f"{measure}_before": shares[0],
        f"{measure}_after": shares[1],
    }


def _seconds(facts: Facts) -> float:
    """Return how long events last: to the last one, and a pause more; 0 of fewer than two."""
    count = len(facts.times)
    if count < 2:
        return 0.0
    return float(facts.times.max() - facts.times.min()) / 1e6 * count / (count - 1)
