"""The entities of one event, and the event before of the same entity."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bxpull_nb.query.entity_rules import known_rules, rules_of
from bxpull_nb.query.membership import members

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["entities_of", "row_before"]

_COLUMNS = ("module_id", "command", "params", "error")
_PIECE = 50_000  # rows that are looked at in one go, the newest first


def entities_of(event: "pd.DataFrame") -> list[tuple[str, str]]:
    """Return kind and id of each entity of an event, a table of one row."""
    found = members(_table(event), known_rules())
    pairs = [(one.rule.entity, name) for one in found for name in one.ids.to_pylist()]
    return list(dict.fromkeys(pairs))


def row_before(events: "pd.DataFrame", place: int, entity: str, name: str) -> int | None:
    """Return the place of the last event of the entity before `place`; None without one."""
    rules = rules_of(entity)
    for stop in range(place, 0, -_PIECE):
        first = max(0, stop - _PIECE)
        found = members(_table(events.iloc[first:stop]), rules, name)
        rows = [int(one.rows[-1]) for one in found if len(one.rows)]
        if rows:
            return first + max(rows)
    return None


def _table(df: "pd.DataFrame") -> Any:
    columns = {name: pa.array(df[name], from_pandas=True) for name in _COLUMNS}
    return pa.table(columns)
