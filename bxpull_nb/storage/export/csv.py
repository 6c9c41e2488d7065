"""Events and tables as CSV that is safe to open in a spreadsheet."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from bxpull_nb.errors import SettingsError
from bxpull_nb.files import path_of, writing
from bxpull_nb.masking import quoted
from bxpull_nb.models.flags import flag
from bxpull_nb.storage.export.columns import is_text
from bxpull_nb.storage.export.exported import exported
from bxpull_nb.storage.export.files import packing
from bxpull_nb.storage.export.guard import EXACT, SEPARATORS, Guard
from bxpull_nb.storage.export.spelling import spelled
from bxpull_nb.storage.export.table import slices

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_csv"]

_BOM = b"\xef\xbb\xbf"


def to_csv(
    frame: "pd.DataFrame",
    path: str | Path,
    *,
    raw: bool = False,
    excel: bool = False,
    sep: str | None = None,
    reveal: bool = False,
) -> Path:
    """Write the events, or any other table, to a CSV file and return its path.

    ```python
    bx.to_csv(feed.df, "events.csv")                     # bx.read_events gives it back
    bx.to_csv(bx.rates(feed.df), "rates.csv.gz")         # a table, with its index
    bx.to_csv(feed.df, "for-excel.csv", excel=True)      # opens with a double click
    ```

    UTF-8; times as ISO 8601 with microseconds, in UTC with a `Z`, or without one where they have
    no zone; durations in seconds; lists, objects and mixed values as JSON text. The index of
    a table is written where it has a name or is not made of whole numbers; that of whole events
    only where it is one of their columns. Packed when the name ends in
    `.gz` or `.zst`; `-` is standard output.

    An event's text may begin with `=`, `+`, `-`, `@`, also full-width or after white space, or
    hold them after a separator or a line break, and a spreadsheet would compute it: such a place
    gets a `'`, which `read_events` removes. `raw=True` writes every text as it is.

    `excel=True` is for a double click: the file begins with the mark by which Excel knows UTF-8,
    the separator is `;` and decimals have a comma, as in Russian, German or French; for Excel in
    English choose `sep=","`. Texts that look like numbers or dates, and columns with whole
    numbers of more than 15 digits, such as ids, get a `'` too, so that they stay what they are.
    `sep` is `,`, `;` or a tab.

    In messages of the push system (module `pull`) and in unreadable ones, channel ids, tokens
    and webhook secrets are masked unless `reveal=True`. The file appears whole or not at all
    (see `files.replacing`). Raises FileNotWritten when it cannot be written, SettingsError,
    which names the column, for values that have no form in a file.
    """
    raw, excel = flag("raw", raw), flag("excel", excel)
    target, guard = path_of(path), _guard(raw=raw, excel=excel, sep=sep)
    table, _ = exported(frame, "to_csv()", reveal=reveal, typed=False)
    table = _with_ids_as_texts(table) if excel else table
    convert = partial(_cells, guard=None if raw else guard)
    options = csv.WriteOptions(quoting_style="needed", delimiter=guard.sep)
    with writing(target) as file, packing(file, target) as stream:
        if excel:
            stream.write(_BOM)
        with csv.CSVWriter(stream, convert(table.slice(0, 0)).schema, write_options=options) as out:
            for part in slices(table):
                out.write_table(convert(part))
    return target


def _guard(*, raw: bool, excel: bool, sep: str | None) -> Guard:
    """Return the separator and the guard; raise SettingsError for options that exclude another."""
    chosen = sep if sep is not None else (";" if excel else ",")
    if not isinstance(chosen, str) or chosen not in SEPARATORS:
        raise SettingsError(f"sep={quoted(chosen)}: choose from ',', ';' and a tab, '\\t'.")
    if raw and excel:
        raise SettingsError("raw=True is for programs, excel=True for people: choose one.")
    return Guard(chosen, numbers=excel)


def _with_ids_as_texts(table: pa.Table) -> pa.Table:
    """Return the table with whole numbers as texts where a spreadsheet would round any."""
    for at, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) and _are_long(table[at]):
            table = table.set_column(at, field.name, pc.cast(table[at], pa.large_string()))
    return table


def _are_long(column: pa.ChunkedArray) -> bool:
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and (ends["min"] < -EXACT or ends["max"] > EXACT)


def _cells(table: pa.Table, guard: Guard | None) -> pa.Table:
    """Return the table as it is written: spelled, decimals with the mark, texts guarded."""
    columns = spelled(table, "to_csv()").columns
    if guard is None:
        return pa.table(columns, names=table.column_names)
    mark = "," if guard.numbers and guard.sep == ";" else "."
    guarded = [
        guard.protect(column) if is_text(field.type) else _with_mark(column, field.type, mark)
        for field, column in zip(table.schema, columns, strict=True)
    ]
    return pa.table(guarded, names=guard.protect_names(table.column_names))


def _with_mark(column: pa.ChunkedArray, kind: pa.DataType, mark: str) -> pa.ChunkedArray:
    """Return the column; of numbers of this kind with their decimal mark."""
    is_number = pa.types.is_floating(column.type) or pa.types.is_decimal(kind)
    if mark == "." or not is_number:
        return column
    return pc.replace_substring(pc.cast(column, pa.large_string()), ".", mark)
