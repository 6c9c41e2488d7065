"""Which entities there are in the events."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.analysis.intervals import table_of
from bxpull_nb.query.entity_rules import EntityRule, known_rules, rules_of
from bxpull_nb.query.membership import Members, columns_of, members, spans_of, times_of
from bxpull_nb.query.source import Conditions, resolved

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["entities"]

_TYPES = {
    "entity": "str",
    "id": "str",
    "events": "int64",
    "first": "datetime64[us, UTC]",
    "last": "datetime64[us, UTC]",
}
_COUNTS = pa.schema(
    [
        ("entity", pa.large_string()),
        ("id", pa.large_string()),
        ("events", pa.int64()),
        ("first", pa.timestamp("us", "UTC")),
        ("last", pa.timestamp("us", "UTC")),
    ]
)


def entities(source: Any, entity: str | None = None, *, where: Conditions = None) -> "pd.DataFrame":
    """Return a row for each entity, by kind, the busiest ones first.

    `source` is a feed, a DataFrame, a file, a journal or a dataset; `entity` is a kind such as
    `deal`, None is all of them. An event may belong to several, a message and its chat; one whose
    shape no rule knows belongs to none. See `bx.entity` for rules of your own. The columns:

    - `entity`, `id`: the id is a text, `15` and `"15"` are one
    - `events`: how many belong to it
    - `first`, `last`: when they happened, `server_time` or, where it is unknown, `received_at`

    `where` chooses events as in `read_events`; folders of a dataset that it excludes are not
    read. Raises SettingsError for an entity without a rule, and the errors of `read_events`.

    >>> bx.entities(feed, "deal").head()
    """
    rules = known_rules() if entity is None else rules_of(entity)
    events = resolved(source, where)
    tables = events.tables(columns_of(events), spans_of(rules))
    parts = [list(_counted(table, rules)) for table in tables]
    found = pa.concat_tables([_COUNTS.empty_table(), *chain.from_iterable(parts)])
    if len(parts) > 1:
        sums = [("events", "sum"), ("first", "min"), ("last", "max")]
        found = found.group_by(["entity", "id"]).aggregate(sums).rename_columns(list(_TYPES))
    order = [("entity", "ascending"), ("events", "descending"), ("first", "ascending")]
    return table_of(found.sort_by([*order, ("id", "ascending")]).to_pandas(), _TYPES)


def _counted(table: pa.Table, rules: Sequence[EntityRule]) -> Iterator[pa.Table]:
    """Yield the entities of each kind in these events, each event of an entity counted once."""
    times = times_of(table)
    kinds: dict[str, list[Members]] = {}
    for found in members(table, rules):
        kinds.setdefault(found.rule.entity, []).append(found)
    for kind, parts in kinds.items():
        rows = np.concatenate([found.rows for found in parts])
        names = pa.concat_arrays([found.ids for found in parts]).dictionary_encode()
        pairs = np.stack([names.indices.to_numpy(), rows], axis=1)
        if len(parts) > 1:
            pairs = np.unique(pairs, axis=0)
        pairs_of = pa.table({"name": pairs[:, 0], "at": times.take(pa.array(pairs[:, 1]))})
        counts = [("at", "count", pc.CountOptions(mode="all")), ("at", "min"), ("at", "max")]
        counted = pairs_of.group_by("name").aggregate(counts)
        ids = names.dictionary.take(counted["name"].combine_chunks())
        kind_of_all = pa.array([kind] * len(ids), pa.large_string())
        yield pa.table([kind_of_all, ids, *counted.columns[1:]], schema=_COUNTS)
