"""Reading files of events, whatever their format."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bxpull_nb.errors import FileFormatError, FileMissing
from bxpull_nb.files import path_of
from bxpull_nb.masking import reason_of, scrub, shown_path
from bxpull_nb.storage.export.csv_reading import csv_table
from bxpull_nb.storage.export.files import Content, unpacked
from bxpull_nb.storage.export.jsonl import jsonl_table
from bxpull_nb.storage.export.parquet import parquet_table
from bxpull_nb.storage.export.table import to_df
from bxpull_nb.storage.journal import read_journal_events

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_events"]

_log = logging.getLogger(__name__)


def read_events(path: str | Path, *, raw: bool = False) -> "pd.DataFrame":
    """Return the events of a journal or a file of `to_csv`, `to_parquet`, `to_jsonl`.

    The format is recognised by the content, also of a file packed with gzip or zstd. Columns and
    dtypes are those of `EVENT_COLUMNS`, in any order in the file; the index counts from 0,
    categories are in the order in which they appear. `raw` is for a CSV file that was written
    with `raw=True`.

    A CSV file that a spreadsheet saved is read as long as its values are whole, with any of the
    separators `,`, `;` and tab; ids that became rounded numbers, and times that were
    reformatted, are refused. When the last line of a text file is not whole, as after a crash,
    all whole lines are read and a warning is logged; a CSV row is whole when its line break is
    there. Raises FileFormatError for another kind of file, FileMissing for none.
    """
    source = path_of(path)
    if os.path.isdir(source):  # noqa: PTH112 - False for a name that is too long, too
        return read_journal_events(source)
    if not os.path.isfile(source):  # noqa: PTH113
        raise FileMissing(f"there is no file {shown_path(source)}")
    try:
        return to_df(_table(source, raw=raw))
    except pa.ArrowException as exc:
        raise FileFormatError(
            f"{shown_path(source)} has the columns of captured events, but not their types "
            f"({reason_of(exc)})."
        ) from scrub(exc)
    except PermissionError as exc:
        raise FileMissing(
            f"{shown_path(source)} cannot be opened: you may not read it."
        ) from scrub(exc)


def _table(source: Path, *, raw: bool) -> pa.Table:
    with source.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        return parquet_table(source)
    if start == b"PK\x03\x04":
        raise FileFormatError(
            f"{shown_path(source)} cannot be read: it is a workbook of a spreadsheet. Read the "
            "file it was made from; or save its sheet as 'CSV UTF-8', if it has all columns."
        )
    content = unpacked(source)
    if _is_jsonl(content, source):
        table, lost = jsonl_table(content, source)
    else:
        table, lost = csv_table(content, source, raw=raw)
    if lost or not content.whole:
        _log.warning(
            "%s ends within a line: its %d whole rows were read, %d bytes were left out",
            shown_path(source),
            table.num_rows,
            lost,
        )
    return table


def _is_jsonl(content: Content, source: Path) -> bool:
    start = content.data[: min(content.data.size, 64)].to_pybytes()
    return start.lstrip(b" \t\r\n").startswith(b"{") or (not start and ".jsonl" in source.suffixes)
