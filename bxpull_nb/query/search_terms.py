"""Which events meet one term of a search, found for many events at once."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import QueryFailed
from bxpull_nb.masking import quoted
from bxpull_nb.query.search_json import json_pattern
from bxpull_nb.query.search_text import ORDERED, Term
from bxpull_nb.query.search_values import met_by_values

__all__ = ["columns_of", "met_by"]

_WORDS = ("module_id", "command", "params", "error")
"""Columns that a word is looked for in."""
_JSON = ("params", "error")
_UNESCAPED = r"(?s)^(?:[^\\]|\\u[0-9a-fA-F]{4}|\\[^u])*?"
_COMPARE = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?)?(?:Z| ?UTC)?", re.I
)
_LENGTHS = [timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)]
_LAG = re.compile(r"(-?\d+(?:\.\d+)?)(us|ms|s|min|h)?")
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6}
_NAT = np.iinfo("int64").min


def columns_of(term: Term) -> tuple[str, ...]:
    """Return the columns that the term reads."""
    return _WORDS if term.column is None else (term.column,)


def met_by(term: Term, table: pa.Table) -> np.ndarray:
    """Whether each event meets the term; QueryFailed for a value that its column cannot have."""
    met = _met(term, table)
    return ~met if term.negated else met


def _met(term: Term, table: pa.Table) -> np.ndarray:
    if term.path is not None:
        return met_by_values(term, table["params"])
    if term.column is None:
        met = np.zeros(table.num_rows, bool)
        for name in _WORDS:
            met |= _with_text(table[name], term, name)
        return met
    if term.column in ORDERED:
        return _in_order(table[term.column], term)
    if term.column in _JSON:
        return _with_text(table[term.column], term, term.column)
    return _among_names(table[term.column], lambda names: named(names, term))


def named(names: pa.Array, term: Term) -> pa.Array:
    """Whether each text is the value of the term; a missing one is not."""
    if term.exact:
        return pc.equal(names, term.value)
    return pc.match_substring_regex(names, f"(?is)^{_pattern_of(term.value)}$")


def _pattern_of(value: str) -> str:
    return ".*".join(map(re.escape, value.split("*")))


def _with_text(column: pa.ChunkedArray, term: Term, name: str) -> np.ndarray:
    if term.value == "*" and not term.exact and term.column is not None:
        return _flags(column.is_valid())
    if name in _JSON:
        return _in_json(column, term)
    return _among_names(
        column,
        lambda names: pc.match_substring(names, term.value, ignore_case=not term.exact),
    )


def _among_names(column: pa.ChunkedArray, test: Callable[[pa.Array], pa.Array]) -> np.ndarray:
    """Whether the name of each row passes the test, which is asked once of each name."""
    masks = [np.empty(0, bool)]
    for chunk in column.chunks:
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        known = _flags(test(coded.dictionary.cast(pa.large_string())))
        masks.append(np.append(known, False)[coded.indices.fill_null(-1).to_numpy()])
    return np.concatenate(masks)


def _in_json(texts: pa.ChunkedArray, term: Term) -> np.ndarray:
    """Whether the text is in each of these JSON texts, however its characters are escaped."""
    if texts.null_count == len(texts):  # of errors, nearly always
        return np.zeros(len(texts), bool)
    pattern = json_pattern(term.value, exact=term.exact)
    found = _flags(pc.match_substring_regex(texts, pattern))
    if found.any() and re.fullmatch("[0-9a-fuA-FU]+", term.value):
        # `04` must not be found in `\u041f`: texts with escapes are read from their beginning.
        escaped = found.copy()
        escaped[found] = _flags(pc.match_substring_regex(texts.filter(pa.array(found)), r"\\u"))
        some = texts.filter(pa.array(escaped))
        found[escaped] = _flags(pc.match_substring_regex(some, _UNESCAPED + pattern))
    return found


def _in_order(column: pa.ChunkedArray, term: Term) -> np.ndarray:
    first, end = _lag(term) if term.column == "lag" else _moment(term)
    kind = pa.duration("us") if term.column == "lag" else pa.timestamp("us", "UTC")
    numbers: np.ndarray = column.cast(kind).cast(pa.int64()).fill_null(_NAT).to_numpy()
    known: np.ndarray = numbers != _NAT
    if term.value == "*" and not term.exact:
        return known
    if term.operator == ":":
        known &= (numbers >= first) & (numbers < end)
    else:
        known &= _COMPARE[term.operator](numbers, first)
    return known


def _lag(term: Term) -> tuple[int, int]:
    """Return the lag that is meant in microseconds, as wide as a table shows it."""
    found = _LAG.fullmatch(term.value)
    if found is None:
        if term.value == "*":
            return 0, 0
        raise QueryFailed(f"lag: {quoted(term.value)} is no time: write lag>250 (ms) or lag>2s.")
    value = round(float(found[1]) * _MICROSECONDS[found[2] or "ms"])
    return (value - 500, value + 500) if term.operator == ":" else (value, value)


def _moment(term: Term) -> tuple[int, int]:
    """Return the beginning and the end of the time that is meant, in microseconds."""
    if term.value == "*":
        return 0, 0
    found = _MOMENT.fullmatch(term.value)
    try:
        if found is None:
            raise ValueError
        day, *parts, fraction = found.groups()
        clock = ":".join([part or "00" for part in parts])
        start = datetime.fromisoformat(f"{day}T{clock}{fraction or ''}").replace(tzinfo=UTC)
    except ValueError:
        raise QueryFailed(
            f"{quoted(term.value)} is no time: write time>2026-01-31T12:30, which is in UTC."
        ) from None
    length = _LENGTHS[sum(part is not None for part in parts)]
    if fraction:
        length = timedelta(microseconds=10 ** (7 - len(fraction)))
    first = round((start - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    return first, first + round(length / timedelta(microseconds=1))


def _flags(mask: pa.Array | pa.ChunkedArray) -> np.ndarray:
    filled = mask.fill_null(False)
    whole = filled.combine_chunks() if isinstance(filled, pa.ChunkedArray) else filled
    found: np.ndarray = whole.to_numpy(zero_copy_only=False)
    return found.copy()
