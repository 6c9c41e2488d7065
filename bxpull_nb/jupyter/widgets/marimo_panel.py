"""The panel as one anywidget, for marimo: it shows no boxes of ipywidgets.

The page's script draws the widgets below `panel`: the ready-made controls of ipywidgets from the
models that marimo has of them, and our own widgets by their own scripts. So the panel is built
once, for every notebook.
"""

import ipywidgets as ipw
import traitlets

from bxpull_nb.jupyter.widgets.page_widget import PageWidget

__all__ = ["MarimoPanel"]


class MarimoPanel(PageWidget):
    """A view of the whole panel in one anywidget; `panel` is a box of ipywidgets."""

    _scripts = ("marimo_controls.js", "marimo_panel.js")
    _styles = ("marimo_panel.css",)

    # A reference only: what is synced is saved with the notebook.
    panel = traitlets.Unicode().tag(sync=True)

    def __init__(self, panel: ipw.Box) -> None:
        super().__init__(panel=f"anywidget:{panel.model_id}")

    def _on_page(self, _widget: object, _content: object, _buffers: object) -> None:
        """Take nothing: each control's own model takes its messages."""
