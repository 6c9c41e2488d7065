"""Values that set a selection of events apart from the rest."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bxpull_nb.errors import SettingsError
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.chance import bits, of_split
from bxpull_nb.query.compare import checked_chance
from bxpull_nb.query.facts import Facts, gathered
from bxpull_nb.query.path_stats import TYPES, value_of
from bxpull_nb.query.source import resolved

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain"]

_COLUMNS = ("module_id", "command", "channel", "sender", "transport", "source", "portal")
_DTYPES = {
    "name": "str",
    "operator": "str",
    "value": "object",
    "selection": "int64",
    "rest": "int64",
    "share_selection": "float64",
    "share_rest": "float64",
    "bits": "float64",
    "chance": "float64",
}


def explain(selection: Any, rest: Any, *, chance: float = 0.01) -> "pd.DataFrame":
    """Return which values of which paths set the selection apart, the most telling first.

    Each of both is a feed, a DataFrame, a file, a journal or a dataset; `rest` are the events that
    are not in the selection. The columns:

    - `name`, `operator`, `value`: a column of events or a path, such as `params.stage`, and `==`
      with a value, `exists`, or `missing`: the path, in events of commands that have it
    - `selection`, `rest`: how many events have it; `share_selection`, `share_rest`: that part
    - `bits`: how much it tells of whether an event is selected (mutual information, times
      the number of events); rows are sorted by it
    - `chance`: an upper bound on the chance that any value is so uneven without a cause

    `(name, operator, value)` of `==` is a condition for `where`. Listed is what the selection has
    more often, up to a `chance` of 1 in 100; `chance=1` lists all of that. The chance is that of
    events shared out at random (hypergeometric, by Hoeffding), multiplied by the number of values
    that were looked at. Paths with more than 10 000 different values are not looked into. Raises
    SettingsError when either has no events, and the errors of `read_events`.

    >>> late = feed.df["lag"] > pd.Timedelta("5s")
    >>> bx.explain(feed.df[late], feed.df[~late])
    """
    limit = checked_chance(chance)
    walk, (one, two) = gathered([resolved(selection), resolved(rest)], _COLUMNS)
    for name, facts in (("selection", one), ("rest", two)):
        if not facts.total:
            raise SettingsError(f"the {name} has no events: there is nothing to explain.")
    found = [*_columns(one, two), *_paths(walk, one, two), *_values(walk, one, two)]
    return _table(found, one.total, two.total, limit)


class _Property(NamedTuple):
    """Something that an event may have, and how many of both groups have it."""

    name: str
    operator: str
    value: Any
    selection: int
    rest: int
    steps: int = 0


def _columns(one: Facts, two: Facts) -> Iterator[_Property]:
    for name in sorted({*one.columns, *two.columns}):
        counts = [facts.columns.get(name, Counter()) for facts in (one, two)]
        for value in sorted({*counts[0], *counts[1]}):
            a, b = (some.get(value, 0) for some in counts)
            yield _Property(name, "==", value, a, b)


def _paths(walk: Walk, one: Facts, two: Facts) -> Iterator[_Property]:
    """Yield the presence of each path, and its absence in commands that have it."""
    sums: dict[str, np.ndarray] = {}
    for path in {*one.paths, *two.paths}:
        root = walk.root_of[path]
        if path != root:
            have = np.array([one.paths.get(path, 0), two.paths.get(path, 0)])
            lack = np.array([one.roots[root], two.roots[root]]) - have
            name = _name(walk, path)
            sums[name] = np.add(sums.get(name, 0), [have, lack])
    for name in sorted(sums):
        for operator, (a, b) in zip(("exists", "missing"), sums[name].tolist(), strict=True):
            yield _Property(name, operator, None, a, b, name.count("."))


def _values(walk: Walk, one: Facts, two: Facts) -> Iterator[_Property]:
    """Yield the values of each path, of all commands together."""
    many = {_name(walk, path) for path in one.open_paths | two.open_paths}
    sums: dict[tuple[str, int, str], np.ndarray] = {}
    for path, kind, text in {*one.values, *two.values}:
        name = _name(walk, path)
        if name not in many:
            counts = [facts.values.get((path, kind, text), (0, 0))[0] for facts in (one, two)]
            key = (name, kind, text)
            sums[key] = np.add(sums.get(key, 0), counts)
    for name, kind, text in sorted(sums):
        if TYPES[kind] != "null":
            a, b = sums[name, kind, text].tolist()
            yield _Property(name, "==", value_of(kind, text), a, b, name.count("."))


def _name(walk: Walk, path: int) -> str:
    text = str(walk.paths[path])
    return f"params{text}" if text.startswith("[") else f"params.{text}"


def _table(found: list[_Property], selected: int, others: int, limit: float) -> "pd.DataFrame":
    import pandas as pd

    a = np.array([one.selection for one in found], float)
    b = np.array([one.rest for one in found], float)
    sides = (a, np.full(len(found), selected), b, np.full(len(found), others))
    chances = np.minimum(of_split(*sides) * len(found), 1.0)
    rows = [
        {
            **one._asdict(),
            "share_selection": one.selection / selected,
            "share_rest": one.rest / others,
            "bits": weight,
            "chance": chance,
        }
        for one, weight, chance in zip(found, bits(*sides).tolist(), chances.tolist(), strict=True)
        if chance <= limit and one.selection / selected > one.rest / others
    ]
    rows.sort(key=lambda row: (-round(row["bits"], 9), row["operator"], row["steps"]))
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in _DTYPES.items()}
    )
