"""Reading CSV files of events, also those that a spreadsheet saved; refusing what it ruined."""

import logging
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import mask_text, shown_path
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.columns import is_text
from bxpull_nb.storage.export.damage import REMEDY, check_damage
from bxpull_nb.storage.export.files import Content
from bxpull_nb.storage.export.guard import SEPARATORS, Guard
from bxpull_nb.storage.export.table import check_columns, with_later_columns

__all__ = ["csv_table"]

_log = logging.getLogger(__name__)

_FILE_TYPES = {
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "timedelta64[us]": pa.float64(),  # seconds in the file
    "category": pa.string(),
    "str": pa.large_string(),
}
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NEXT_ROW = re.compile(rb'\n("?\d{4}-\d\d-\d\dT|[,;\t])')
_PIECE = 1 << 24  # bytes looked at in one go


class _Form(NamedTuple):
    """The form of a CSV file."""

    sep: str
    marks: tuple[str, str]
    """The decimal mark that is likely, and the other."""
    for_excel: bool


def csv_table(content: Content, source: Path, *, raw: bool) -> tuple[pa.Table, int]:
    """Return a CSV file's rows, and the number of bytes after the last whole one.

    The separator is seen from the header, and columns may come in any order. Raises
    FileFormatError for a file that is not ours, or whose values a spreadsheet has changed.
    """
    data, lost = _whole_rows(content, source)
    form = _form(data, source)
    table = _without_empty_rows(_parsed(data, form, source), source)
    check_damage(table, source)
    if raw:
        return table, lost
    guard = Guard(form.sep, numbers=form.for_excel or _has_quoted_mids(table))
    columns = [_restored(column, guard) for column in table.columns]
    return pa.table(columns, names=table.column_names), lost


def _without_empty_rows(table: pa.Table, source: Path) -> pa.Table:
    """Return the rows that hold anything: every event has a mid, or at least an error."""
    found = pc.or_(pc.is_valid(table["mid"]), pc.is_valid(table["params"]))
    found = pc.or_(found, pc.is_valid(table["error"]))
    whole = table.filter(found) if not pc.all(found).as_py() and table.num_rows else table
    if len(whole) < len(table):
        _log.warning("%s: %d empty rows were left out", shown_path(source), len(table) - len(whole))
    return whole


def _restored(column: pa.ChunkedArray, guard: Guard) -> pa.ChunkedArray:
    return guard.restore(column) if is_text(column.type) else column


def _form(data: pa.Buffer, source: Path) -> _Form:
    start = data[: min(data.size, 4096)].to_pybytes()
    if start.startswith(_UTF16):
        raise FileFormatError(
            f"{shown_path(source)} cannot be read: it is UTF-16, as a spreadsheet's 'Unicode "
            "text'. Save it there as 'CSV UTF-8'."
        )
    header = start.partition(b"\n")[0].decode(errors="replace")
    sep = max(SEPARATORS, key=header.count)
    return _Form(sep, (",", ".") if sep == ";" else (".", ","), start.startswith(_BOM))


def _parsed(data: pa.Buffer, form: _Form, source: Path) -> pa.Table:
    types = {name: _FILE_TYPES[kind] for name, kind in EVENT_COLUMNS.items()}
    for mark in form.marks:
        try:
            table = _read(data, form.sep, types, mark)
            names = table.column_names
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
            continue
        check_columns(names, source)
        return with_later_columns(table).select(list(EVENT_COLUMNS))
    raise _explained(data, form, source)


def _read(data: pa.Buffer, sep: str, types: dict[str, pa.DataType], mark: str) -> pa.Table:
    return csv.read_csv(
        pa.BufferReader(data),
        parse_options=csv.ParseOptions(delimiter=sep, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            decimal_point=mark,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )


def _explained(data: pa.Buffer, form: _Form, source: Path) -> FileFormatError:
    """Return the error that names the first cell which cannot be read."""
    try:
        types = dict.fromkeys(EVENT_COLUMNS, pa.large_binary())
        table = _read(data, form.sep, types, ".")
        check_columns(table.column_names, source)
    except FileFormatError as exc:
        return exc
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        return FileFormatError(
            f"{shown_path(source)} cannot be read as a file of captured events: its rows have "
            "different numbers of cells, or it is empty. Was it damaged, or written by something "
            "else?"
        )
    for name in table.column_names:
        kind = EVENT_COLUMNS[name]
        for number, cell in enumerate(table[name].to_pylist(), 2):
            if cell is not None and not _fits(cell, _FILE_TYPES[kind]):
                return _bad_cell(source, name, number, cell, kind)
    return FileFormatError(
        f"{shown_path(source)} cannot be read as a file of captured events: its numbers have "
        f"decimals of two kinds, with a point and with a comma. {REMEDY}"
    )


def _fits(cell: bytes, kind: pa.DataType) -> bool:
    try:
        text = cell.decode()
        text = text.replace(",", ".") if pa.types.is_floating(kind) else text
        pc.cast(pa.array([text]), kind)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return False
    return True


def _bad_cell(source: Path, name: str, row: int, cell: bytes, kind: str) -> FileFormatError:
    wanted = {
        "datetime64[us, UTC]": "a time with its zone, as 2026-01-31T12:00:00.000000Z",
        "timedelta64[us]": "a number of seconds",
    }.get(kind, "text in UTF-8: save the file as 'CSV UTF-8'")
    shown = mask_text(cell[:40].decode(errors="replace"))
    return FileFormatError(
        f"{shown_path(source)} cannot be read: in row {row} the column {name} holds {shown!r}, "
        f"which is not {wanted}. Did a spreadsheet save the file? {REMEDY}"
    )


def _has_quoted_mids(table: pa.Table) -> bool:
    """Whether ids have the quote of `to_csv(excel=True)`, after a program saved the file."""
    return bool(pc.any(pc.match_substring_regex(table["mid"], r"^'[0-9]")).as_py())


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
            f"{shown_path(source)} is damaged: a quotation mark is missing after byte {end}. "
            "Mend that row, or take it out."
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
