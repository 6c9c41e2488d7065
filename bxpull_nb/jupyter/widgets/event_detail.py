"""One event taken apart, in the page: its parameters as a tree, its frame, its id and its times.

Event text is written by strangers and frames may hold much, so neither becomes a trait: the page
gets them as messages, shows them as text, and nothing is saved with the notebook.
"""

from pathlib import Path
from typing import Any

import anywidget
import msgspec

from bxpull_nb.capture.anatomy import Anatomy
from bxpull_nb.jupyter.widgets.streaming_view import page_code

__all__ = ["EventDetail"]

_MOST_PARAMS = 2**20  # bytes of JSON sent to a page


class EventDetail(anywidget.AnyWidget):
    """Shows an `Anatomy`; a hint until `show`."""

    _css = Path(__file__).with_suffix(".css")

    def __init__(self) -> None:
        self.anatomy: Anatomy | None = None
        super().__init__()
        self.on_msg(self._on_page)

    @property
    def _esm(self) -> str:
        return page_code("page.js", "event_detail.js")

    def show(self, anatomy: Anatomy) -> None:
        """Show the event."""
        self.anatomy = anatomy
        self._send_event()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "hello":
            self._send_event()

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
        }
        self.send(message, buffers=[params if len(params) <= _MOST_PARAMS else b"null"])
