"""Recorded events: the rows of a DataFrame in the columns that a log takes."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import reason_of
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.eventlog import Names, StoredRows
from bxpull_nb.storage.export.columns import column_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["microseconds", "recorded_rows"]

_NAMES = [name for name, kind in EVENT_COLUMNS.items() if kind == "category"]
_TEXTS = [name for name, kind in EVENT_COLUMNS.items() if kind == "str"]


def recorded_rows(events: "pd.DataFrame") -> StoredRows:
    """Return the rows; they share memory with the DataFrame where its dtypes are the usual ones.

    Raises SettingsError for a text that UTF-8 cannot hold.
    """
    texts = {name: _texts(events[name], name) for name in _TEXTS}
    texts["mid"] = _filled(texts["mid"], "", texts["error"])
    texts["params"] = _filled(_without_empty(texts["params"]), "null", texts["error"])
    return StoredRows(
        {name: microseconds(events[name]) for name in ("received_at", "server_time")},
        {name: _names(events[name]) for name in _NAMES} | {"source": _sources(events["source"])},
        texts,
    )


def microseconds(column: "pd.Series[Any]") -> np.ndarray:
    """Return times as microseconds since 1970, NaT for missing ones."""
    return column.astype("datetime64[us, UTC]").astype("int64").to_numpy()


def _names(column: "pd.Series[Any]") -> Names:
    coded = column.astype("category").cat
    return Names(coded.categories.tolist(), coded.codes.to_numpy())


def _sources(column: "pd.Series[Any]") -> Names:
    """Return the sources; a missing one is a channel, the only one of earlier versions."""
    is_missing = column.isna()
    return _names(column.astype(object).mask(is_missing, "channel") if is_missing.any() else column)


def _texts(column: "pd.Series[Any]", name: str) -> pa.ChunkedArray:
    texts = pc.cast(column_of(column, name, "replay()"), pa.large_string())
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as exc:
        raise SettingsError(
            f"replay(): the column {name} holds text that is not UTF-8 ({reason_of(exc)}). Leave "
            f"its rows out, or read the recording again."
        ) from None
    return texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])


def _without_empty(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts with missing ones in place of empty ones."""
    is_empty = pc.equal(texts, "")
    return pc.if_else(is_empty, None, texts) if pc.any(is_empty).as_py() else texts


def _filled(texts: pa.ChunkedArray, text: str, error: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts with `text` in place of those missing from readable rows."""
    if not texts.null_count:
        return texts
    return pc.if_else(pc.is_null(error), pc.fill_null(texts, text), texts)
