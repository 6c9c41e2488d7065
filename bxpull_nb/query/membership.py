"""Which events belong to which entity, found for many events at once."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import of_texts, opened
from bxpull_nb.params.extract import extracted
from bxpull_nb.params.path import Path
from bxpull_nb.params.texts import KINDS, readable
from bxpull_nb.query.entity_rules import EntityRule
from bxpull_nb.query.source import Source, check_columns, typed
from bxpull_nb.storage.dataset.filters import Condition

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "COLUMNS",
    "Members",
    "columns_of",
    "members",
    "spans_of",
    "times_of",
    "values_of",
]

COLUMNS = ("received_at", "server_time", "mid", "module_id", "command", "params")
"""Columns of events that these questions read."""

_NEEDED = COLUMNS[3:]
_INTEGERS = [KINDS.index(name) for name in ("BIGINT", "UBIGINT", "DOUBLE")]
_VARCHAR = KINDS.index("VARCHAR")
_WORD = re.compile(r"[A-Za-z0-9_-]+")  # JSON writes these as they are, or as \u00…
_FOLDED = re.compile("[^fks]*(?=[fks])")
_LAST = "\U0010ffff"
_WHOLE = r"^[1-9][0-9]*$"  # no sign, no fraction, no exponent


class Members(NamedTuple):
    """Events that one rule assigns."""

    rule: EntityRule
    rows: np.ndarray
    """Their rows, ascending."""
    ids: pa.LargeStringArray
    """The id of the entity of each, without the prefix."""


def columns_of(events: Source) -> list[str]:
    """Return the columns to read; SettingsError where one that rules need is missing."""
    check_columns(events, *_NEEDED)
    return [name for name in (*COLUMNS, "source", "error") if name in events.columns]


def spans_of(rules: Sequence[EntityRule]) -> list[Condition]:
    """Return conditions that all events of the rules meet, and of others only some.

    They are ranges of names, which statistics of a file decide: modules and commands in any case
    are from the least spelling of the first one to the greatest of the last one.
    """
    found = _span("module_id", [rule.module for rule in rules])
    if all(rule.commands for rule in rules):
        found += _span("command", [name for rule in rules for name in rule.commands])
    return found


def _span(column: str, names: Sequence[str]) -> list[Condition]:
    if not all(map(str.isascii, names)):
        return []
    least, greatest = min(map(str.upper, names)), max(map(_greatest, names))
    return [(column, ">=", least), (column, "<=", greatest)]


def _greatest(name: str) -> str:
    """Return a text that no spelling of the name exceeds: some other letters fold to f, k or s."""
    start = _FOLDED.match(name.lower())
    return name.lower() if start is None else start[0] + _LAST


def members(
    table: pa.Table, rules: Sequence[EntityRule], only: str | None = None
) -> Iterator[Members]:
    """Yield the events of each rule's entities, or of the one with the id `only`.

    Unreadable messages belong to none. A rule may come several times, with other events.
    """
    with opened() as connection:
        for rows, alike in _Names(table).groups(rules):
            texts = _params(table, rows)
            if only is not None:
                likely = _likely(connection, texts, only)
                rows, texts = rows[likely], texts.filter(pa.array(likely))
            paths = [rule.path for rule in alike]
            found = extracted(connection, readable(connection, texts), paths)
            for rule, values in zip(alike, found, strict=True):
                ids = _ids(rule, values.kinds, values.texts)
                met = pc.is_valid(ids) if only is None else pc.equal(ids, only).fill_null(False)
                mask = met.to_numpy(zero_copy_only=False)
                yield Members(rule, rows[values.rows[mask]], ids.filter(met))


def times_of(table: pa.Table) -> pa.Array:
    """Return when each event happened: by the portal's clock, or when it arrived."""
    kind, found = pa.timestamp("us", "UTC"), pa.nulls(table.num_rows, pa.timestamp("us", "UTC"))
    for name in ("server_time", "received_at"):
        if name in table.column_names:
            found = pc.coalesce(found, typed(table, name, kind).combine_chunks())
    return found


def values_of(
    table: pa.Table, rows: np.ndarray, path: Path
) -> tuple[np.ndarray, np.ndarray, pa.LargeStringArray]:
    """Return the rows whose params have the path, with type and text of each value."""
    texts = _params(table, rows)
    with opened() as connection:
        [values] = extracted(connection, readable(connection, texts), [path])
    return rows[values.rows], values.kinds, values.texts


class _Names:
    """The module and the command of each row, as codes."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = [_coded(table, name) for name in ("module_id", "command")]
        self._readable = np.ones(table.num_rows, bool)
        if "error" in table.column_names:
            missing = pc.is_null(pc.cast(table["error"], pa.large_string()))
            self._readable = missing.to_numpy()

    def groups(self, rules: Sequence[EntityRule]) -> Iterator[tuple[np.ndarray, list[EntityRule]]]:
        """Yield the rows that the same rules may assign, with these rules."""
        masks = [self._mask(rule) for rule in rules]
        groups = np.zeros(len(self._readable), "int64")
        known: list[tuple[int, ...]] = [()]
        for number, mask in enumerate(masks):
            if mask.any():
                found, places = np.unique(groups[mask], return_inverse=True)
                groups[mask] = len(known) + places
                known += [(*known[group], number) for group in found]
        for group in np.unique(groups[groups > 0]):
            yield np.flatnonzero(groups == group), [rules[number] for number in known[group]]

    def _mask(self, rule: EntityRule) -> np.ndarray:
        """Whether each row has the rule's module and one of its commands."""
        modules, commands = self._columns
        met: np.ndarray = self._readable & _among([rule.module], *modules)
        return met & _among(rule.commands, *commands) if rule.commands else met


def _coded(table: pa.Table, name: str) -> tuple[np.ndarray, list[str | None]]:
    column = table[name]
    if not pa.types.is_dictionary(column.type):
        column = typed(table, name, pa.large_string()).dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    names = whole.dictionary.cast(pa.large_string())  # of any type, as text
    return whole.indices.fill_null(-1).to_numpy(zero_copy_only=False), names.to_pylist()


def _among(wanted: Iterable[str], codes: np.ndarray, names: list[str | None]) -> np.ndarray:
    folded = {name.casefold() for name in wanted}
    known = [name is not None and name.casefold() in folded for name in names]
    met: np.ndarray = np.array([*known, False])[codes]
    return met


def _likely(
    connection: "duckdb.DuckDBPyConnection", texts: pa.LargeStringArray, only: str
) -> np.ndarray:
    """Whether each text may hold the id: as it is, or with letters written as escapes."""
    if not _WORD.fullmatch(only):
        return np.ones(len(texts), bool)
    query = r"SELECT contains(text, $id) OR contains(text, '\u00') FROM texts"
    [found] = of_texts(connection, query, texts, {"id": only})
    likely: np.ndarray = found.fill_null(False).to_numpy(zero_copy_only=False)
    return likely


def _params(table: pa.Table, rows: np.ndarray) -> pa.LargeStringArray:
    texts = typed(table, "params", pa.large_string()).combine_chunks()
    return texts if len(rows) == len(texts) else texts.take(pa.array(rows))


def _ids(rule: EntityRule, kinds: np.ndarray, texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the ids; missing where the value is none."""
    whole = pc.match_substring_regex(texts, _WHOLE)
    are_integers = pa.array(np.isin(kinds, _INTEGERS))
    are_texts = pa.array(kinds == _VARCHAR)
    missing = pa.scalar(None, texts.type)
    if rule.prefix:
        cut = pc.utf8_slice_codeunits(texts, len(rule.prefix))
        met = pc.and_(pc.starts_with(texts, rule.prefix), pc.match_substring_regex(cut, _WHOLE))
        return pc.if_else(pc.and_(are_texts, met), cut, missing)
    named = whole if rule.digits else pc.invert(pc.is_in(texts, pa.array(["", "0"], texts.type)))
    met = pc.or_(pc.and_(are_integers, whole), pc.and_(are_texts, named))
    return pc.if_else(met, texts, missing)
