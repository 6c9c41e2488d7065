"""One event taken apart in the page: parameters as a tree, frame, id, times, and changes.

Event text may be hostile and frames large, so the page gets both as messages and shows them as
text; nothing is saved with the notebook.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from ipywidgets import CallbackDispatcher

from bxpull_nb.capture.anatomy import Anatomy
from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.query import diff

__all__ = ["EventDetail"]

_MOST_PARAMS = 2**20  # bytes of JSON sent to a page


class EventDetail(PageWidget):
    """A view of one `Anatomy`, and what differs from the one shown before; a hint until `show`."""

    _scripts = ("event_detail.js",)
    _styles = ("event_detail.css",)

    def __init__(self) -> None:
        self.anatomy: Anatomy | None = None
        self.before: Anatomy | None = None
        self._on_close = CallbackDispatcher()
        super().__init__()

    def show(self, anatomy: Anatomy) -> None:
        """Show the event, compared with the one that was shown before."""
        if self.anatomy is None or self.anatomy.row != anatomy.row:
            self.before, self.anatomy = self.anatomy, anatomy
        self._send_event()

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback()` when the user closes the view."""
        self._on_close.register_callback(callback)

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self._send_event()
            case {"kind": "close"}:
                self._on_close()

    def _send_event(self) -> None:
        anatomy = self.anatomy
        if anatomy is None or self.comm is None:
            return
        params = msgspec.json.encode(anatomy.params)
        message = {
            "kind": "event",
            "row": anatomy.row,
            "facts": list(anatomy.facts().items()),
            "frame": anatomy.frame,
            "frame_size": anatomy.frame_size,
            "cut": len(params) > _MOST_PARAMS,
            "before": None if self.before is None else self.before.row,
            "changes": _changes(self.before, anatomy),
        }
        self.send(message, buffers=[params if len(params) <= _MOST_PARAMS else b"null"])


def _changes(
    before: Anatomy | None, after: Anatomy
) -> list[tuple[str, str, str | None, str | None]]:
    """Return a sign, a path and two texts for each difference between two events."""
    from bxpull_nb.query.diff_table import shown_lines

    if before is None:
        return []
    return list(shown_lines(diff(before.record, after.record)))
