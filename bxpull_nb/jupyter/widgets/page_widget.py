"""Widgets that exchange custom messages with their scripts in the page.

What a widget shows never becomes a trait: a synced trait is saved with the notebook.
"""

from pathlib import Path
from typing import Any, ClassVar

import anywidget

__all__ = ["PageWidget"]


class PageWidget(anywidget.AnyWidget):
    """A widget made of scripts and style sheets in this folder, after `page.js` and `page.css`."""

    _scripts: ClassVar[tuple[str, ...]]
    """Scripts share one scope; only the last one exports."""
    _styles: ClassVar[tuple[str, ...]]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.on_msg(self._on_page)

    # anywidget reads these two when a widget is made, so that no file is read at import.
    @property
    def _esm(self) -> str:
        return _joined("page.js", *self._scripts)

    @property
    def _css(self) -> str:
        return _joined("page.css", *self._styles)

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Take a message of the page."""
        raise NotImplementedError


def _joined(*names: str) -> str:
    return "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)
