"""A table that answers a question, in the page, with the line of Python that does the same.

Event text may be hostile, so the page gets it as a message and shows it as text; nothing is saved
with the notebook. The one message to the page is `answer {code, note, columns, rows}`.
"""

import json
from typing import TYPE_CHECKING, Any

from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.jupyter.widgets.rows import short_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AnswerTable"]

_MOST_ROWS = 500
_MOST_COLUMNS = 40
_LONGEST = 400  # characters of a cell


class AnswerTable(PageWidget):
    """A view of a DataFrame, at most 500 rows; a sentence without one."""

    _scripts = ("answer_table.js",)
    _styles = ("answer_table.css",)

    def __init__(self, note: str) -> None:
        self._message: dict[str, Any] = {"code": "", "note": note, "columns": [], "rows": []}
        super().__init__()

    @property
    def note(self) -> str:
        """The sentence that is shown."""
        return str(self._message["note"])

    @property
    def code(self) -> str:
        """The line of Python that is shown."""
        return str(self._message["code"])

    def note_that(self, note: str, code: str | None = None) -> None:
        """Show a sentence in place of the table, perhaps with a line of Python."""
        self._message = {**self._message, "note": note, "columns": [], "rows": []}
        if code is not None:
            self._message["code"] = code
        self._send_answer()

    def show(self, answer: "pd.DataFrame", code: str) -> None:
        """Show the answer, and the line of Python that returns it."""
        part = answer.iloc[:_MOST_ROWS, :_MOST_COLUMNS]
        rows = [list(map(_text, row)) for row in part.itertuples(index=False, name=None)]
        self._message = {
            "code": code,
            "note": _counted(answer),
            "columns": [short_name(str(name)) for name in part.columns],
            "rows": rows,
        }
        self._send_answer()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content == {"kind": "hello"}:
            self._send_answer()

    def _send_answer(self) -> None:
        if self.comm is not None:
            self.send({"kind": "answer", **self._message})


def _counted(answer: "pd.DataFrame") -> str:
    rows, columns = answer.shape
    if not rows:
        return "No rows."
    more = f", the first {_MOST_ROWS} here" if rows > _MOST_ROWS else ""
    wide = f"; the first {_MOST_COLUMNS} of {columns} columns" if columns > _MOST_COLUMNS else ""
    return f"{rows:,} {'row' if rows == 1 else 'rows'}{more}{wide}.".replace(",", "\u202f", 1)


def _text(value: Any) -> str | None:
    """Return the cell as text, None for a missing value."""
    import pandas as pd

    if isinstance(value, list | dict | tuple):
        value = json.dumps(value, ensure_ascii=False, default=str)
    elif value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    elif isinstance(value, pd.Timestamp):
        value = value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    text = str(value)
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return shown.encode(errors="replace").decode()
