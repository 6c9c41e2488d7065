"""The HTML table of names and values by which objects are shown in a notebook."""

from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["html_table"]


def html_table(rows: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as an HTML table; nothing in them is interpreted."""
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows
    )
    # Lab draws `$…$` as mathematics elsewhere.
    return f"<div class='mathjax_ignore'><table>{cells}</table></div>"
