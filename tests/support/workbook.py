"""Read a workbook as another program does."""

from pathlib import Path
from typing import Any

import openpyxl

__all__ = ["sheet"]


def sheet(path: Path) -> tuple[str, list[list[tuple[Any, str]]]]:
    """Return the sheet's name, and the value and type of each cell, row by row.

    Types: `s` text, `n` number or nothing, `d` time, `b` truth value, `f` formula.
    """
    book = openpyxl.load_workbook(path)
    table = book.active
    rows = [[(cell.value, cell.data_type) for cell in row] for row in table.iter_rows()]
    assert not any(cell.hyperlink for row in table.iter_rows() for cell in row)
    return table.title, rows
