"""Events as CSV that is safe to open in a spreadsheet."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from bxpull_nb.errors import FileFormatError
from bxpull_nb.files import replacing
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.files import Content, packing
from bxpull_nb.storage.export.table import check_columns, slices, spelled, table_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_table", "to_csv"]

_FILE_TYPES = {
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "timedelta64[us]": pa.float64(),  # seconds in the file
    "category": pa.string(),
    "str": pa.large_string(),
}
_STARTS = "=+-@\t\r\n'"  # of cells that a spreadsheet computes, and of those made harmless
_FORMULA = r"^('*[=+\-@\t\r\n])"
_HARMLESS = r"^'('*[=+\-@\t\r\n])"
_NEXT_ROW = re.compile(rb'\n("?\d{4}-\d\d-\d\dT|,)')
_PIECE = 1 << 24  # bytes looked at in one go


def to_csv(frame: "pd.DataFrame", path: str | Path, *, raw: bool = False) -> Path:
    """Write the events to a CSV file and return its path.

    UTF-8; times as ISO 8601 in UTC with microseconds, `lag` in seconds, `params` as JSON text;
    packed when the name ends in `.gz` or `.zst`. An event's text may begin with `=`, `+`, `-`,
    `@`, a tab or a line break, and a spreadsheet would compute it: such a cell gets a `'` in
    front, which `read_events` removes. `raw=True` writes every text as it is.

    Written under another name first and renamed at the end, so that a failed export leaves an
    older file as it was. Raises OSError when the folder cannot be written.
    """
    target = Path(path).expanduser()
    table = table_of(frame)
    written = spelled if raw else _guarded
    options = csv.WriteOptions(quoting_style="needed")
    with replacing(target) as file, packing(file, target) as stream:
        header = written(table.slice(0, 0)).schema
        with csv.CSVWriter(stream, header, write_options=options) as writer:
            for part in slices(table):
                writer.write_table(written(part))
    return target


def csv_table(content: Content, source: Path, *, raw: bool) -> tuple[pa.Table, int]:
    """Return the rows of a CSV file, and the number of bytes after its last whole row.

    Raises FileFormatError for a file that is not ours.
    """
    data, lost = _whole_rows(content, source)
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: _FILE_TYPES[kind] for name, kind in EVENT_COLUMNS.items()},
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        names = table.column_names
    except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
        raise FileFormatError(
            f"{source} cannot be read as a file of captured events ({exc}). Was it damaged, or "
            f"written by something else?"
        ) from exc
    check_columns(names, source)
    return (table if raw else _as_written(table)), lost


def _whole_rows(content: Content, source: Path) -> tuple[pa.Buffer, int]:
    """Return the content up to its last whole row, and the bytes left out.

    A row is whole when its line break is there, outside of quotes.
    """
    data = content.data
    ended = data.size == 0 or data[data.size - 1 : data.size].to_pybytes() == b"\n"
    if ended and _quotes(data) % 2 == 0:
        return data, 0
    text = data.to_pybytes()
    end = _end_of_rows(text)
    if _NEXT_ROW.search(text, end):
        raise FileFormatError(
            f"{source} is damaged: a quotation mark is missing behind byte {end}. Mend that row, "
            f"or take it out."
        )
    return data.slice(0, end), len(text) - end


def _end_of_rows(text: bytes) -> int:
    """Return the place after the last line break outside of quotes; 0 for none."""
    end, within = len(text), text.count(b'"') % 2 == 1
    while (found := text.rfind(b"\n", 0, end)) >= 0:
        within ^= text.count(b'"', found, end) % 2 == 1
        if not within:
            return found + 1
        end = found
    return 0


def _quotes(data: pa.Buffer) -> int:
    """Return the number of quotation marks."""
    values = np.frombuffer(data, dtype="uint8")
    pieces = range(0, len(values), _PIECE)
    return sum(int(np.count_nonzero(values[at : at + _PIECE] == ord('"'))) for at in pieces)


def _guarded(table: pa.Table) -> pa.Table:
    """Return the spelled table with a `'` before texts that a spreadsheet would compute."""
    texts = spelled(table)
    return pa.table(
        [_replaced(column, _FORMULA, r"'\1") for column in texts.columns],
        names=[re.sub(_FORMULA, r"'\1", name) for name in texts.column_names],
    )


def _as_written(table: pa.Table) -> pa.Table:
    """Return the table without the marks of `_guarded`."""
    columns = [_replaced(column, _HARMLESS, r"\1") for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _replaced(column: pa.ChunkedArray, pattern: str, by: str) -> pa.ChunkedArray:
    """Replace the pattern in a text column, if a cheap test finds it likely."""
    if not (pa.types.is_large_string(column.type) or pa.types.is_string(column.type)):
        return column
    first = pc.binary_slice(pc.cast(column, pa.large_binary()), 0, 1)
    starts = pa.array([start.encode() for start in _STARTS], pa.large_binary())
    if not pc.any(pc.is_in(first, value_set=starts)).as_py():
        return column
    return pc.replace_substring_regex(column, pattern=pattern, replacement=by)
