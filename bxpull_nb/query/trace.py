"""The life of one entity: its events in time, and what each of them changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.analysis.intervals import table_of
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.json_text import decoded
from bxpull_nb.params.changes import ABSENT, changes, merged
from bxpull_nb.params.texts import is_whole
from bxpull_nb.query.entities import entities
from bxpull_nb.query.entity_rules import rules_of
from bxpull_nb.query.membership import COLUMNS, columns_of, members, spans_of, times_of
from bxpull_nb.query.source import Conditions, resolved, typed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["trace"]

_TYPES = {
    "event": "int64",
    "server_time": "datetime64[us, UTC]",
    "received_at": "datetime64[us, UTC]",
    "mid": "str",
    "module_id": "str",
    "command": "str",
    "path": "str",
    "from": "object",
    "to": "object",
    "params": "str",
}
_SHOWN = 10  # ids in an error


def trace(
    source: Any,
    entity: str,
    id: int | str,  # noqa: A002 - its name
    *,
    where: Conditions = None,
) -> "pd.DataFrame":
    """Return the events of one entity in time, and what each changed.

    `source` is a feed, a DataFrame, a file, a journal or a dataset; `entity` is a kind such as
    `deal` (see `bx.entities` for those there are), `id` a number or a text. There is a row for
    each change, and one without a path for an event that changes nothing, such as the first:

    - `event`: number of the event, from 0; `server_time`, `received_at`, `mid`,
      `module_id`, `command`
    - `path`, `from`, `to`: what changed since the events before of the same source; of offline
      events the object is compared (`listen(enrich=True)`). An event carries parts of its
      entity, so a key that it lacks is unchanged; an array is replaced as a whole. A value that
      was not there before is `pd.NA`, null is None
    - `params`: the JSON of the event

    Events are in the order of `server_time`, those without it by `received_at`. `where` chooses
    events as in `read_events`: of a dataset of several portals name one, `("portal", "==", …)`,
    since each has its own deal 15; folders that it excludes are not read. Raises
    SettingsError for an entity without a rule and for an id that no event has, with those there
    are; and the errors of `read_events`.

    >>> life = bx.trace(feed, "deal", 15)
    >>> life[life["path"] == "stage"][["server_time", "from", "to"]]
    """
    rules, wanted = rules_of(entity), _text_of(id)
    events, parts = resolved(source, where), list[pa.Table]()
    for table in events.tables(columns_of(events), spans_of(rules)):
        rows = [found.rows for found in members(table, rules, wanted)]
        chosen = np.unique(np.concatenate([np.empty(0, "int64"), *rows]))
        parts.append(_plain(table.take(pa.array(chosen))))
    whole = pa.concat_tables(parts) if parts else None
    if whole is None or not whole.num_rows:
        raise SettingsError(_nothing_of(source, rules[0].entity, wanted, where))
    return _table(whole.sort_by([("at", "ascending"), ("received_at", "ascending")]).to_pylist())


def _text_of(id: int | str) -> str:  # noqa: A002
    value: Any = id.item() if isinstance(id, np.generic) else id
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise SettingsError(f"id={quoted(value)}: give the id of an entity, a number or a text.")
    if not is_whole(text := str(value)):
        raise SettingsError(f"id={quoted(text)} holds half a character, which no id does.")
    return text


def _nothing_of(source: Any, kind: str, wanted: str, where: Conditions) -> str:
    there = entities(source, kind, where=where)["id"]
    more = ", …" if len(there) > _SHOWN else ""
    known = (
        f"There are {', '.join(map(quoted, there[:_SHOWN]))}{more}"
        if len(there)
        else ("No event belongs to any; bx.entities(…) lists the entities that there are")
    )
    return f"no event belongs to {kind} {quoted(wanted)}. {known}."


def _plain(table: pa.Table) -> pa.Table:
    """Return the columns of a trace with one type each, and the time to sort by."""
    columns = {"at": times_of(table)}
    for name in (*COLUMNS, "source"):
        kind = _KINDS.get(name, pa.large_string())
        there = name in table.column_names
        columns[name] = typed(table, name, kind) if there else pa.nulls(table.num_rows, kind)
    return pa.table(columns)


_KINDS = dict.fromkeys(("received_at", "server_time"), pa.timestamp("us", "UTC"))


def _table(events: list[dict[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    rows = list(_rows(events))
    cells = {name: pd.Series([row[name] for row in rows], dtype=_TYPES[name]) for name in _TYPES}
    return table_of(cells, _TYPES)


def _rows(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    import pandas as pd

    states: dict[str, Any] = {}
    for number, event in enumerate(events):
        params = decoded(event["params"]) if event["params"] is not None else None
        source = event["source"] or "channel"
        if source == "offline":
            params = _object_of(params)
        known = states.get(source, ABSENT)
        found = [] if known is ABSENT else list(changes(known, params, partial=True))
        states[source] = merged(known, params)
        if not found:
            yield {**event, "event": number, "path": None, "from": pd.NA, "to": pd.NA}
        for path, *sides in found:
            before, after = (pd.NA if side is ABSENT else side for side in sides)
            yield {**event, "event": number, "path": str(path), "from": before, "to": after}


def _object_of(params: Any) -> dict[str, Any]:
    """Return the object of an offline event: its other values only name the object."""
    there = isinstance(params, dict) and "object" in params
    return {"object": params["object"]} if there else {}
