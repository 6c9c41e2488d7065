"""How long entities were in which stage."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.analysis.intervals import table_of
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.params.texts import KINDS
from bxpull_nb.query.entity_rules import EntityRule, rules_of
from bxpull_nb.query.membership import columns_of, members, spans_of, times_of, values_of
from bxpull_nb.query.source import Conditions, resolved, typed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["stages"]

_TYPES = {
    "id": "str",
    "stage": "str",
    "start": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "duration": "timedelta64[us]",
}
_SHOWN = pa.schema(
    [
        ("id", pa.large_string()),
        ("stage", pa.large_string()),
        ("at", pa.timestamp("us", "UTC")),
        ("received_at", pa.timestamp("us", "UTC")),
    ]
)
_SCALARS = [n for n, name in enumerate(KINDS) if name not in ("NULL", "ARRAY", "OBJECT")]


def stages(source: Any, entity: str, *, where: Conditions = None) -> "pd.DataFrame":
    """Return a row for each stage of each entity of a kind, in time.

    `source` is a feed, a DataFrame, a file, a journal or a dataset; `entity` is a kind whose rule
    names the path of the stage: deal, lead, task, workflow, or one of your own (`bx.entity`). The
    columns:

    - `id`: of the entity; `stage`: the value as a text
    - `start`: time of the event that first shows the stage; of an entity that existed before the
      first event, its real start is earlier
    - `end`, `duration`: until an event shows another stage; missing for the stage it is still in

    Times are those of `bx.trace`, and so is `where`. Raises SettingsError for an entity without a
    rule or without a path of a stage, and the errors of `read_events`.

    >>> bx.stages(feed, "deal").groupby("stage")["duration"].median()
    """
    rules = _with_stage(entity)
    events, parts = resolved(source, where), [_SHOWN.empty_table()]
    for table in events.tables(columns_of(events), spans_of(rules)):
        parts += _shown(table, rules)
    whole = pa.concat_tables(parts)
    order = [(name, "ascending") for name in ("id", "at", "received_at")]
    return _intervals(whole.sort_by(order).to_pandas())


def _with_stage(entity: str) -> list[EntityRule]:
    found = [rule for rule in rules_of(entity) if rule.stage is not None]
    if not found:
        raise SettingsError(
            f"no rule of {quoted(entity)} names the path of a stage; add one with "
            f'bx.entity({quoted(entity)}, module=…, path=…, stage="status").'
        )
    return found


def _shown(table: pa.Table, rules: list[EntityRule]) -> Iterator[pa.Table]:
    """Yield the stages that events show, unsorted."""
    for rule, rows, ids in members(table, rules):
        if rule.stage is not None and len(rows):
            found, kinds, texts = values_of(table, rows, rule.stage)
            chosen = np.isin(kinds, _SCALARS)
            places, mask = found[chosen], pa.array(chosen)
            owners = ids.take(pa.array(np.searchsorted(rows, places)))
            columns = [owners, texts.filter(mask), *_moments(table, places)]
            yield pa.table(columns, schema=_SHOWN)


def _moments(table: pa.Table, rows: np.ndarray) -> list[pa.Array]:
    """Return when the events of these rows happened and arrived."""
    kind, chosen = pa.timestamp("us", "UTC"), pa.array(rows)
    if "received_at" not in table.column_names:
        return [times_of(table).take(chosen), pa.nulls(len(rows), kind)]
    arrived = typed(table, "received_at", kind).take(chosen)
    return [times_of(table).take(chosen), arrived.combine_chunks()]


def _intervals(shown: "pd.DataFrame") -> "pd.DataFrame":
    """Return the sorted stages, the same one after another as one."""
    changed = (shown["id"] != shown["id"].shift()) | (shown["stage"] != shown["stage"].shift())
    starts = shown[changed].reset_index(drop=True)
    is_last = starts["id"] != starts["id"].shift(-1)
    starts["start"] = starts["at"]
    starts["end"] = starts["at"].shift(-1).mask(is_last)
    starts["duration"] = starts["end"] - starts["start"]
    return table_of(starts, _TYPES)
