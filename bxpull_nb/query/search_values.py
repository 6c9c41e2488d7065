"""Which events have a value at a path in `params` that meets a term of a search."""

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import of_texts, opened
from bxpull_nb.params.texts import well_formed
from bxpull_nb.query.search_json import json_pattern
from bxpull_nb.query.search_text import Term

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bxpull_nb.params.path import Path

__all__ = ["met_by_values", "texts_at"]

_COMPARE = {">": pc.greater, "<": pc.less, ">=": pc.greater_equal, "<=": pc.less_equal}
_NUMBER = re.compile(r"([+-]?\d+)(?:\.(\d+))?")
_DECIMAL = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"


def met_by_values(term: Term, column: pa.ChunkedArray) -> np.ndarray:
    """Whether each of these JSON texts meets the term by a value at its path.

    Values are compared as texts: 15 and "15" are one. Greater and less compare numbers with a
    number, also those in a text, and texts with a text.
    """
    if not len(column):
        return np.zeros(0, bool)
    texts = column.cast(pa.large_string()).combine_chunks()
    assert term.path is not None  # noqa: S101 - a term on values has one
    if not term.exact and term.operator == ":" and term.value in ("*", "null"):
        return _of_kind(texts, term.path, null_only=term.value == "null")
    met = _likely(texts, term)
    if not met.all():  # finding a text is much quicker than reading JSON
        if met.any():
            met[met] = _met(texts.filter(pa.array(met)), term.path, term)
        return met
    return _met(texts, term.path, term)


def _likely(texts: pa.LargeStringArray, term: Term) -> np.ndarray:
    """Whether each text may have the value: it has its longest part without `*`."""
    if term.operator != ":":
        return np.ones(len(texts), bool)
    number = None if term.exact else _NUMBER.fullmatch(term.value)
    parts = [term.value] if term.exact else [number[1]] if number else term.value.split("*")
    pattern = json_pattern(max(parts, key=len), exact=term.exact)
    return _flags(pc.match_substring_regex(texts, pattern))


def _met(texts: pa.LargeStringArray, path: "Path", term: Term) -> np.ndarray:
    values = texts_at(texts, path)
    if not path.is_many:
        return _flags(_meets(values, term))
    met = np.zeros(len(texts), bool)
    met[pc.list_parent_indices(values).filter(_meets(values.flatten(), term)).to_numpy()] = True
    return met


def texts_at(texts: pa.LargeStringArray, path: "Path") -> pa.Array:
    """Return each JSON text's value at the path as text; lists for many values."""
    return _answered(texts, "text ->> $path", path)


def _of_kind(texts: pa.LargeStringArray, path: "Path", *, null_only: bool) -> np.ndarray:
    kinds = _answered(texts, "json_type(text, $path)", path)
    if path.is_many:
        there = np.zeros(len(texts), bool)
        inner = kinds.flatten()
        chosen = pc.equal(inner, "NULL") if null_only else inner.is_valid()
        there[pc.list_parent_indices(kinds).filter(chosen.fill_null(False)).to_numpy()] = True
        return there
    return _flags(pc.equal(kinds, "NULL") if null_only else kinds.is_valid())


def _answered(texts: pa.LargeStringArray, expression: str, path: "Path") -> pa.Array:
    from duckdb import Error

    query = f"SELECT {expression} FROM texts"  # noqa: S608 - one of two expressions
    with opened() as connection:
        try:
            return _column(connection, query, texts, path)
        except Error:  # a text that is no JSON for DuckDB
            return _column(connection, query, well_formed(texts), path)


def _column(
    connection: "DuckDBPyConnection", query: str, texts: pa.LargeStringArray, path: "Path"
) -> pa.Array:
    [found] = of_texts(connection, query, texts, {"path": path.json_path})
    return found


def _meets(values: pa.Array, term: Term) -> pa.Array:
    if term.operator == ":":
        return _is(values, term)
    number = _number(term.value)
    if number is None or term.exact:
        return _COMPARE[term.operator](values, term.value).fill_null(False)
    decimal = pc.match_substring_regex(values, _DECIMAL).fill_null(False)
    numbers = pc.if_else(decimal, values, None).cast(pa.float64())
    return _COMPARE[term.operator](numbers, number).fill_null(False)


def _is(values: pa.Array, term: Term) -> pa.Array:
    if term.exact:
        return pc.equal(values, term.value).fill_null(False)
    found = _NUMBER.fullmatch(term.value)
    if found is None:
        pattern = ".*".join(map(re.escape, term.value.split("*")))
    else:
        fraction = (found[2] or "").rstrip("0")
        pattern = re.escape(found[1]) + (rf"\.{fraction}0*" if fraction else r"(?:\.0+)?")
    return pc.match_substring_regex(values, f"(?is)^(?:{pattern})$").fill_null(False)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _flags(mask: pa.Array) -> np.ndarray:
    found: np.ndarray = mask.fill_null(False).to_numpy(zero_copy_only=False)
    return found.copy()
