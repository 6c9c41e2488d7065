"""JSON texts as DuckDB can read them: valid ones, repaired ones, and the others apart."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.params.engine import of_texts, opened

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "KINDS",
    "Texts",
    "is_whole",
    "kinds_of",
    "params_texts",
    "readable",
    "well_formed",
]

KINDS = ("NULL", "BOOLEAN", "BIGINT", "UBIGINT", "DOUBLE", "VARCHAR", "ARRAY", "OBJECT")
"""The types of JSON, as DuckDB names them; an integer beyond 64 bits is a DOUBLE of digits."""


class Texts(NamedTuple):
    """JSON texts that DuckDB can read, missing where one is missing or is no JSON."""

    texts: pa.LargeStringArray
    kinds: np.ndarray
    """The type of each, as a place in `KINDS`; -1 for a missing one."""
    bad: np.ndarray
    """Whether the text is no JSON."""


def params_texts(df: Any) -> pa.LargeStringArray:
    """Return the column `params` as one array; SettingsError without such a column of texts."""
    if "params" not in df.columns:
        raise SettingsError("the DataFrame lacks the column params: these are no events.")
    if list(df.columns).count("params") > 1:
        raise SettingsError(
            "the DataFrame has several columns called params. Keep one: "
            "df.loc[:, ~df.columns.duplicated()]."
        )
    try:
        texts = pa.array(df["params"], from_pandas=True).cast(pa.large_string())
    except (pa.ArrowException, UnicodeError):
        raise SettingsError(
            "the column params holds other values than JSON texts in UTF-8; encode them with "
            "json.dumps."
        ) from None
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def readable(connection: "duckdb.DuckDBPyConnection", texts: pa.LargeStringArray) -> Texts:
    r"""Return the texts with their types; a text that is no JSON becomes a missing one.

    Half a character (`"\ud83d"`), which JSON allows and DuckDB does not, is a question mark.
    """
    [names] = of_texts(connection, "SELECT TRY(json_type(text)) FROM texts", texts)
    kinds = kinds_of(names)
    bad = pc.is_valid(texts).to_numpy(zero_copy_only=False) & (kinds < 0)
    if not bad.any():
        return Texts(texts, kinds, bad)
    mask, places = pa.array(bad), np.flatnonzero(bad)
    repaired = pa.array(map(_repaired, texts.filter(mask).to_pylist()), pa.large_string())
    [names] = of_texts(connection, "SELECT json_type(text) FROM texts", repaired)
    kinds[places] = kinds_of(names)
    return Texts(pc.replace_with_mask(texts, mask, repaired), kinds, bad & (kinds < 0))


def well_formed(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the texts as JSON that DuckDB can read. Another text becomes a JSON string."""
    with opened() as connection:
        given = readable(connection, texts)
    if not given.bad.any():
        return given.texts
    mask = pa.array(given.bad)
    written = [json.dumps(text, ensure_ascii=False) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(given.texts, mask, pa.array(written, pa.large_string()))


def kinds_of(names: pa.Array) -> np.ndarray:
    """Return the places of the names in `KINDS`, -1 for a missing one."""
    places = pc.index_in(names, pa.array(KINDS, names.type)).fill_null(-1)
    found: np.ndarray = places.to_numpy(zero_copy_only=False).copy()
    return found


def is_whole(text: str) -> bool:
    """Whether the text has no half character (U+D800 to U+DFFF), which no table can hold."""
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


def _repaired(text: str) -> str | None:
    try:
        written = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return written.encode(errors="replace").decode()
