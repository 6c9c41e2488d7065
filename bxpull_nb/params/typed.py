"""Values of one path as a column of pandas, with the type that they have themselves."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.models.json_text import all_decoded
from bxpull_nb.params.flatten import Values

__all__ = ["column"]

_NULL, _BOOLEAN, _BIGINT, _UBIGINT, _DOUBLE, _VARCHAR = range(6)  # places in KINDS
_EXACT = 1 << 53  # integers up to here are exact as floats


def column(values: Values, length: int) -> Any:
    """Return the values as a pandas array of so many rows. Null is missing, as no value is.

    Integers are `Int64`, beyond it `UInt64`, beyond that Python's own in a column of objects.
    Other numbers are `Float64`, truth values `boolean`, texts `str`. Integers among other numbers
    are floats where all of them are exact so. Arrays, objects and mixed types are Python values.
    """
    rows, kinds, texts = values
    known = kinds != _NULL
    if not known.all():
        texts = texts.filter(pa.array(known))
        rows, kinds = rows[known], kinds[known]
    found = set(np.unique(kinds).tolist())
    typed = None
    if found and found <= {_BIGINT, _UBIGINT}:
        typed = _integers(texts)
    elif found and found <= {_BIGINT, _UBIGINT, _DOUBLE}:
        typed = _floats(texts, kinds)
    elif found == {_BOOLEAN}:
        typed = _of(pc.cast(texts, pa.bool_()).to_numpy(zero_copy_only=False))
    elif found == {_VARCHAR}:
        return _strings(texts, rows, length)
    if typed is None:
        return _objects(texts, kinds, rows, length)
    return _nullable(typed, rows, length)


def _integers(texts: pa.LargeStringArray) -> np.ndarray | None:
    for kind in (pa.int64(), pa.uint64()):
        try:
            return _of(pc.cast(texts, kind).to_numpy())
        except pa.ArrowInvalid:
            continue
    return None


def _of(values: Any) -> np.ndarray:
    array: np.ndarray = values
    return array


def _floats(texts: pa.LargeStringArray, kinds: np.ndarray) -> np.ndarray | None:
    """Return the numbers as floats; None where an integer would lose digits."""
    whole = texts.filter(pc.match_substring_regex(texts, r"^-?\d+$"))
    if len(whole) > np.count_nonzero(kinds != _DOUBLE):  # an integer beyond 64 bits
        return None
    if len(whole):
        integers = _integers(whole)
        if integers is None or integers.max() > _EXACT or integers.min() < -_EXACT:
            return None
    return _of(pc.cast(texts, pa.float64()).to_numpy())


def _nullable(typed: np.ndarray, rows: np.ndarray, length: int) -> Any:
    import pandas as pd

    data, missing = np.zeros(length, typed.dtype), np.ones(length, bool)
    data[rows], missing[rows] = typed, False
    kinds = {"i": pd.arrays.IntegerArray, "u": pd.arrays.IntegerArray, "b": pd.arrays.BooleanArray}
    return kinds.get(typed.dtype.kind, pd.arrays.FloatingArray)(data, missing)


def _strings(texts: pa.LargeStringArray, rows: np.ndarray, length: int) -> Any:
    import pandas as pd

    places, missing = np.zeros(length, "int64"), np.ones(length, bool)
    places[rows], missing[rows] = np.arange(len(rows)), False
    spread = pa.chunked_array([texts.take(pa.array(places, mask=missing))])
    return pd.arrays.ArrowStringArray(spread, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]


def _objects(texts: pa.LargeStringArray, kinds: np.ndarray, rows: np.ndarray, length: int) -> Any:
    data = np.full(length, None, dtype=object)
    for kind in np.unique(kinds):
        chosen = kinds == kind
        contents = texts.filter(pa.array(chosen))
        cells = contents.to_pylist() if kind == _VARCHAR else all_decoded(contents.to_pylist())
        data[rows[chosen]] = _cells(cells)
    return data


def _cells(values: list[Any]) -> np.ndarray:
    """Return the values as an array of objects; numpy would make two dimensions of lists."""
    return np.fromiter(values, dtype=object, count=len(values))
