"""The table of differences, which shows itself in colours.

Imported only when such a table is made: it is a class of pandas, which loads slowly.
"""

import json
from collections.abc import Iterable, Iterator
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bxpull_nb.params.changes import ABSENT, Change

if TYPE_CHECKING:
    import pandas as pd
    from pandas import DataFrame
else:
    pd = import_module("pandas")
    DataFrame = pd.DataFrame

__all__ = ["DiffTable", "shown_lines", "table_of"]

_LONGEST = 200  # characters of a shown value
_MOST = 500  # paths that are shown
_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
_HTML_RED, _HTML_GREEN = "#c62828", "#2e7d32"


class DiffTable(DataFrame):
    """The table of `bx.diff`; a part of its rows is one too."""

    @property
    def _constructor(self) -> Any:
        return DiffTable

    def to_text(self, *, color: bool = False) -> str:
        """Return a line for each path: `stage: "NEW" → "WON"`, `+` if new, `-` if gone.

        With `color` the old values are red and the new ones green, for a terminal.
        """
        red, green, plain = (_RED, _GREEN, _PLAIN) if color else ("", "", "")
        lines = [
            f"{sign} {_printable(path)}: "
            + " → ".join(
                f"{paint}{text}{plain}"
                for paint, text in ((red, before), (green, after))
                if text is not None
            )
            for sign, path, before, after in shown_lines(self)
        ]
        return "\n".join(lines) or "no difference"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the coloured text in a terminal of IPython."""
        printer.text("…" if cycle or not _is_whole(self) else self.to_text(color=True))

    def _repr_html_(self) -> Any:
        if not _is_whole(self):
            return DataFrame(self)._repr_html_()  # type: ignore[operator]
        rows = "".join(
            f"<tr><td>{sign}</td><td style='text-align:left'>{escape(path)}</td>"
            f"{_cell(before, _HTML_RED)}{_cell(after, _HTML_GREEN)}</tr>"
            for sign, path, before, after in shown_lines(self)
        )
        head = "<tr><th></th><th>path</th><th>from</th><th>to</th></tr>"
        return f"<table>{head}{rows}</table>" if rows else "<p>no difference</p>"


def table_of(found: Iterable[Change]) -> DiffTable:
    """Return the differences as a table."""
    rows = list(found)
    sides = [
        pd.Series([_cell_of(side) for side in one], dtype=object)
        for one in ([row.before for row in rows], [row.after for row in rows])
    ]
    paths = pd.Series([str(row.path) for row in rows], dtype="str")
    return DiffTable({"path": paths, "from": sides[0], "to": sides[1]})


def _cell_of(value: Any) -> Any:
    return pd.NA if value is ABSENT else value


def _is_whole(table: DiffTable) -> bool:
    return list(table.columns) == ["path", "from", "to"]


def shown_lines(table: DiffTable) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Yield a sign, the path, and both values' texts; None for a missing value."""
    for path, *sides in table.head(_MOST).itertuples(index=False, name=None):
        before, after = (None if side is pd.NA else _text(side) for side in sides)
        yield ("+" if before is None else "-" if after is None else "~"), path, before, after
    if len(table) > _MOST:
        yield "…", f"{len(table) - _MOST:,} more", None, None


def _text(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "a value too deep to show"
    return _printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _printable(text: str) -> str:
    """Return the text without characters that could steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _cell(text: str | None, color: str) -> str:
    shown = "" if text is None else escape(text)
    return f"<td style='text-align:left;color:{color}'>{shown}</td>"
