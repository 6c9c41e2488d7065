"""The spelling of values in text files: times, durations and categories as every reader knows."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import scrub
from bxpull_nb.storage.export.table import iso_texts

__all__ = ["spelled"]

_UTC = pa.timestamp("us", "UTC")
_MICROSECONDS = pa.duration("us")
_YEARS = (-62_167_219_200_000_000, 253_402_300_799_999_999)  # microseconds: years 0 to 9999
_EXACT = 1 << 53  # microseconds that a number of seconds can hold: 285 years


def spelled(table: pa.Table, function: str) -> pa.Table:
    """Return the table with times as ISO 8601, durations in seconds, categories as text.

    Times with a zone are in UTC and end in `Z`; those without one have none in the file. Raises
    SettingsError, which names the column, for times outside the years 0 to 9999 and durations of
    more than 285 years.
    """
    columns = list(_columns(table, function))
    fields = [
        pa.field(field.name, column.type, metadata=field.metadata)
        for field, column in zip(table.schema, columns, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _columns(table: pa.Table, function: str) -> Iterator[pa.ChunkedArray | pa.Array]:
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            yield _spelled(column)
        except (pa.ArrowInvalid, OverflowError) as exc:
            raise SettingsError(
                f"{function}: the column {name} holds a time outside the years 0 to 9999, or a "
                f"duration of more than 285 years. Take it out, or write it as text."
            ) from scrub(exc)


def _spelled(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _times(column)
    if pa.types.is_duration(kind):
        return _seconds(column)
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return pc.cast(column, pa.large_string())
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_decimal(kind):
        return pc.cast(column, pa.large_string())
    return column


def _times(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    aware = column.type.tz is not None
    instants = pc.cast(column, pa.timestamp(column.type.unit, "UTC"))
    try:
        exact = pc.cast(instants, _UTC)
    except pa.ArrowInvalid:
        if column.type.unit != "ns":
            raise
        return pc.strftime(instants, format="%Y-%m-%dT%H:%M:%SZ" if aware else "%Y-%m-%dT%H:%M:%S")
    _within(exact, *_YEARS)
    texts = iso_texts(exact)
    return texts if aware else pc.utf8_slice_codeunits(texts, 0, -1)


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    counts, second = column, 1e9  # nanoseconds reach 292 years, and lose digits beyond days
    if column.type.unit != "ns":
        counts, second = pc.cast(column, _MICROSECONDS), 1e6
        _within(counts, -_EXACT, _EXACT)
    return pc.divide(pc.cast(pc.cast(counts, pa.int64()), pa.float64(), safe=False), second)


def _within(column: pa.ChunkedArray, least: int, most: int) -> None:
    ends = pc.min_max(pc.cast(column, pa.int64())).as_py()
    if ends["min"] is not None and not least <= ends["min"] <= ends["max"] <= most:
        raise pa.ArrowInvalid("out of range")
