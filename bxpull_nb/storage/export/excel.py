"""Events and tables as a workbook of Excel, for people; programs read the other formats."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.files import path_of, writing
from bxpull_nb.masking import quoted, shown_path
from bxpull_nb.models.dataframes import needs_dataframe
from bxpull_nb.storage.export.exported import exported
from bxpull_nb.storage.export.guard import EXACT
from bxpull_nb.storage.export.reading import read_events
from bxpull_nb.storage.export.spelling import spelled
from bxpull_nb.storage.export.table import slices

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_excel"]

_log = logging.getLogger(__name__)

_ROWS, _COLUMNS, _CHARACTERS = 1_048_576, 16_384, 32_767  # what a sheet takes; rows with the header
_FIRST = -2_203_804_800_000_000  # microseconds: 1900-03-02; Excel has a 29 February before it
_LAST = 253_402_214_400_000_000  # 9999-12-31, in every zone
_DAY, _EPOCH = 86_400_000_000, 25_569  # microseconds of a day; Excel's number of 1970-01-01
_TIME = "yyyy-mm-dd hh:mm:ss.000"
_CUT = " … (cut: {count:,} characters)"

Write = Callable[[int, int, Any], object]


def to_excel(
    source: "pd.DataFrame | str | Path",
    path: str | Path,
    *,
    tz: str | ZoneInfo = "UTC",
    reveal: bool = False,
) -> Path:
    """Write the events, or any other table, to a workbook (.xlsx) and return its path.

    ```python
    bx.to_excel(feed.df, "events.xlsx", tz="Europe/Moscow")
    bx.to_excel("events.parquet", "events.xlsx")         # a file or a journal
    ```

    One sheet. Excel's times have no zone and milliseconds: those of the table are shown in the
    zone `tz`, which is the sheet's name; those without a zone stay as they are. Durations are in
    seconds. All texts are texts, also those like formulas, addresses and numbers, and columns
    with whole numbers of more than 15 digits, so that ids survive. A text of more than 32 767
    characters is cut, with its length at the end, and a warning is logged. A column with times
    before 1900 is text.

    Secrets in messages of the push system and in unreadable ones are masked unless
    `reveal=True`. Raises SettingsError for more than 1 048 575 rows or 16 384 columns before
    anything is written, for an unknown zone, and, with the column's name, for values that have
    no form; FileNotWritten when the file cannot be written.
    """
    target, zone = path_of(path), _zone(tz)
    df = read_events(source) if isinstance(source, str | Path) else source
    needs_dataframe(df, "to_excel()")
    _check_size(*df.shape)
    table, _ = exported(df, "to_excel()", reveal=reveal, typed=False)
    _check_size(table.num_rows, table.num_columns)  # the index became columns
    with writing(target) as file:
        cut = _write(table, file, zone)
    if cut:
        _log.warning(
            "%s: %d texts of more than %d characters were cut", shown_path(target), cut, _CHARACTERS
        )
    return target


def _zone(tz: str | ZoneInfo) -> ZoneInfo:
    try:
        return tz if isinstance(tz, ZoneInfo) else ZoneInfo(tz)
    except Exception:  # noqa: BLE001 - any object
        raise SettingsError(
            f"tz={quoted(tz)} is no time zone: write 'Europe/Moscow', or 'UTC'."
        ) from None


def _check_size(rows: int, columns: int) -> None:
    if rows >= _ROWS or columns > _COLUMNS:
        raise SettingsError(
            f"a sheet of Excel takes {_ROWS - 1:,} rows and {_COLUMNS:,} columns, and this table "
            f"has {rows:,} and {columns:,}: take a part of it, or write Parquet."
        )


def _write(table: pa.Table, file: Any, zone: ZoneInfo) -> int:
    """Write the sheet row by row; return the number of texts that were cut."""
    kinds, rows, cut = [_kind(column) for column in table.columns], count(1), 0
    with _sheet(file, zone) as (sheet, time):
        for at, name in enumerate(table.column_names):
            sheet.write_string(0, at, _fitting(name))
        writers = [_writer(sheet, kind, time) for kind in kinds]
        for part in slices(table):
            columns = [_values(part.select([at]), kind, zone) for at, kind in enumerate(kinds)]
            cut += sum(_count_long(values) for values in columns)
            for cells, row in zip(zip(*columns, strict=True), rows, strict=False):
                for at, value in enumerate(cells):
                    if value is not None:
                        writers[at](row, at, value)
    return cut


@contextmanager
def _sheet(file: Any, zone: ZoneInfo) -> Iterator[tuple[Any, Any]]:
    """Yield the sheet of a new workbook and its format of times; write the workbook at the end.

    Rows wait in a file of a private folder, which is removed after a failure too.
    """
    from xlsxwriter import Workbook

    with TemporaryDirectory(prefix="bxpull-") as folder:
        book = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        book.use_zip64()  # for a sheet of more than 4 GB
        sheet = book.add_worksheet(zone.key.replace("/", " ")[:31])
        sheet.freeze_panes(1, 0)
        try:
            yield sheet, book.add_format({"num_format": _TIME})
            book.close()
        finally:
            sheet.row_data_fh.close()


def _kind(column: pa.ChunkedArray) -> str:
    """Return `time`, `flag`, `number` or `text`: the form that all cells of the column have."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return "flag"
    if pa.types.is_timestamp(kind):
        return "time" if _within(_instants(column), _FIRST, _LAST) else "text"
    if pa.types.is_integer(kind):
        return "number" if _within(column, -EXACT, EXACT) else "text"
    return "number" if pa.types.is_floating(kind) or pa.types.is_duration(kind) else "text"


def _writer(sheet: Any, kind: str, time: Any) -> Write:
    """Return the method for the cells of a column, which never guesses what a text means."""

    def put_number(row: int, at: int, value: float) -> None:
        if math.isfinite(value):
            sheet.write_number(row, at, value)
        else:
            sheet.write_string(row, at, "Infinity" if value > 0 else "-Infinity")

    writers: dict[str, Write] = {
        "flag": sheet.write_boolean,
        "time": lambda row, at, value: sheet.write_number(row, at, value, time),
        "number": put_number,
        "text": lambda row, at, value: sheet.write_string(row, at, _fitting(value)),
    }
    return writers[kind]


def _values(one: pa.Table, kind: str, zone: ZoneInfo) -> list[Any]:
    """Return the cells of a table of one column."""
    if kind == "time":
        column = one.column(0)
        local = _instants(column)
        if column.type.tz is not None:
            moments = local.to_pandas().dt.tz_convert(zone).dt.tz_localize(None)
            local = pa.chunked_array([pa.array(moments, pa.timestamp("us"), from_pandas=True)])
        return [None if us is None else us / _DAY + _EPOCH for us in _counts(local)]
    cells: list[Any] = spelled(one, "to_excel()").column(0).to_pylist()
    if kind == "text":
        return [value if value is None else str(value) for value in cells]
    return [None if value is None or value != value else value for value in cells]


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    zone = None if column.type.tz is None else "UTC"
    return pc.cast(column, pa.timestamp("us", zone), safe=False)


def _counts(column: pa.ChunkedArray) -> list[int | None]:
    counts: list[int | None] = pc.cast(column, pa.int64()).to_pylist()
    return counts


def _within(column: pa.ChunkedArray, least: int, most: int) -> bool:
    ends = pc.min_max(column if pa.types.is_integer(column.type) else pc.cast(column, pa.int64()))
    low, high = ends.as_py().values()
    return low is None or (least <= low and high <= most)


def _fitting(text: str) -> str:
    """Return the text, cut to what a cell takes; Excel counts in UTF-16."""
    if not _is_long(text):
        return text
    end = _CUT.format(count=len(text))
    whole = text.encode("utf-16-le")[: 2 * (_CHARACTERS - len(end))]
    return whole.decode("utf-16-le", errors="ignore") + end


def _is_long(text: str) -> bool:
    if len(text) <= _CHARACTERS // 2:
        return False
    return len(text.encode("utf-16-le")) > 2 * _CHARACTERS


def _count_long(values: list[Any]) -> int:
    return sum(isinstance(value, str) and _is_long(value) for value in values)
