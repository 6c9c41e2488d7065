"""DataFrames of events as Arrow tables, and tables as DataFrames."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import mask_text, shown_path
from bxpull_nb.models import EVENT_COLUMNS, LATER_COLUMNS
from bxpull_nb.models.dataframes import are_of_events, event_columns
from bxpull_nb.storage.export.columns import column_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_columns",
    "event_table",
    "iso_texts",
    "slices",
    "to_df",
    "with_later_columns",
]

_SLICE = 65_536  # rows: bounds the memory that the spelling of a file takes
_UTC = pa.timestamp("us", "UTC")
_LENGTH = len("2026-01-01T00:00:00.000000Z")
_DAY = 86_400_000_000  # microseconds
_FIELDS = ((11, 2), (14, 2), (17, 2), (20, 6))  # places of hours, minutes, seconds, microseconds


def event_table(df: "pd.DataFrame", function: str = "this table") -> pa.Table:
    """Return whole events as a table, with their dtypes; texts and categories share memory.

    Raises SettingsError, which names the column, for a DataFrame that is not one of events.
    """
    events = event_columns(df, list(EVENT_COLUMNS), function)
    return pa.table({name: column_of(events[name], name, function) for name in EVENT_COLUMNS})


def slices(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the table in parts of some ten thousand rows, without a copy."""
    return (table.slice(start, _SLICE) for start in range(0, table.num_rows, _SLICE))


def check_columns(names: list[str], source: object) -> None:
    """Raise FileFormatError unless the columns are those of events, in any order."""
    if are_of_events(names):
        return
    missing = [name for name in EVENT_COLUMNS if name not in (*names, *LATER_COLUMNS)]
    others = [name for name in dict.fromkeys(names) if name not in EVENT_COLUMNS]
    raise FileFormatError(
        f"{shown_path(source)} is not a file of captured events: "
        + (f"it lacks the columns {', '.join(missing)}." if missing else _too_many(others))
    )


def with_later_columns(table: pa.Table) -> pa.Table:
    """Return the table with the columns that a file of an earlier version lacks."""
    for name, value in LATER_COLUMNS.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
    return table


def _too_many(others: list[str]) -> str:
    if not others:
        return "it has a column twice."
    shown = ", ".join(mask_text(name)[:40] or "one without a name" for name in others[:5])
    return f"it has other columns too ({shown}). Read it with pandas, or take them out."


def to_df(table: pa.Table) -> "pd.DataFrame":
    """Return a table of columns of events as a DataFrame with their dtypes.

    Other columns become categories. Categories are in the order in which they appear, as in the
    log. Raises pa.ArrowException for columns of other types.
    """
    import pandas as pd

    kinds = {name: EVENT_COLUMNS.get(name, "category") for name in table.column_names}
    _check_texts(table, kinds)
    columns = {name: _COLUMNS[kind](table[name]) for name, kind in kinds.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _check_texts(table: pa.Table, kinds: dict[str, str]) -> None:
    """Raise pa.ArrowTypeError for numbers in a column of texts: an id of 26 digits was rounded."""
    for name, kind in kinds.items():
        found = table.schema.field(name).type
        if kind in ("str", "category") and (
            pa.types.is_floating(found) or pa.types.is_integer(found)
        ):
            raise pa.ArrowTypeError(f"{name} holds numbers instead of text")


def iso_texts(column: pa.ChunkedArray) -> pa.LargeStringArray:
    """Return microsecond times (UTC, years 0 to 9999) as ISO 8601 text.

    The digits are computed in columns, in a fifth of the time that `strftime` takes.
    """
    times = pa.concat_arrays([pa.array([], column.type), *column.chunks])
    days, within = np.divmod(times.cast(pa.int64()).fill_null(0).to_numpy(), _DAY)
    text = np.empty((len(times), _LENGTH), dtype="uint8")
    text[:, :10] = _dates(days)
    text[:, [10, 13, 16, 19, 26]] = np.frombuffer(b"T::.Z", dtype="uint8")
    for (start, digits), rest in zip(_FIELDS, _clock(within), strict=True):
        for place in range(start + digits - 1, start - 1, -1):
            rest, digit = np.divmod(rest, 10)
            text[:, place] = digit + ord("0")
    ends = np.arange(0, (len(times) + 1) * _LENGTH, _LENGTH, dtype="int64")
    missing = pa.array(times.is_valid()).buffers()[1] if times.null_count else None
    buffers = (pa.py_buffer(ends), pa.py_buffer(text), missing)
    return pa.LargeStringArray.from_buffers(len(times), *buffers, times.null_count)


def _dates(days: np.ndarray) -> np.ndarray:
    """Return ten bytes of text a day since 1970; a capture has few different days."""
    known, which = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(known.astype("datetime64[D]")).astype("S10")
    return dates.view("uint8").reshape(-1, 10)[which]


def _clock(within: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return hours, minutes, seconds and microseconds of the microseconds within a day."""
    seconds, microseconds = np.divmod(within, 1_000_000)
    minutes, seconds = np.divmod(seconds.astype("int32"), 60)
    hours, minutes = np.divmod(minutes, 60)
    return hours, minutes, seconds, microseconds.astype("int32")


def _times(column: pa.ChunkedArray) -> Any:
    return pc.cast(column, _UTC).to_pandas()


def _durations(column: pa.ChunkedArray) -> Any:
    if pa.types.is_floating(column.type):  # seconds
        column = pc.cast(pc.round(pc.multiply(column, 1e6)), pa.int64())
    return pc.cast(column, pa.duration("us")).to_pandas()


def _categories(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    is_coded = pa.types.is_dictionary(column.type)
    if not is_coded or any(chunk.dictionary.null_count for chunk in column.chunks):
        column = pc.dictionary_encode(pc.cast(column, pa.large_string()))
    codes, known = _codes_and_names(column)
    names = pd.Index(known, dtype="str")
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))


def _codes_and_names(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return a code for each row, -1 for a missing text, and the texts as they appear."""
    coded = column.unify_dictionaries().combine_chunks()
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    used = pc.unique(pa.array(codes))
    used = used.filter(pc.greater_equal(used, 0))
    names = pc.cast(coded.dictionary, pa.large_string()).take(used).dictionary_encode()
    places = np.full(len(coded.dictionary) + 1, -1)  # the last one is that of a missing text
    places[used.to_numpy()] = names.indices.to_numpy()
    return places[codes], names.dictionary.to_pylist()


def _texts(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    texts = pc.cast(column, pa.large_string())
    return pd.arrays.ArrowStringArray(texts, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]


_COLUMNS: dict[str, Callable[[pa.ChunkedArray], Any]] = {
    "datetime64[us, UTC]": _times,
    "timedelta64[us]": _durations,
    "category": _categories,
    "str": _texts,
}
