"""The panel as one anywidget: the same in every program that shows notebooks.

Its script draws the widgets of `content`: boxes and ready-made controls of ipywidgets from their
models, our own widgets by their own scripts. It has one style sheet, and needs no
controls of Jupyter's.

```
page   -> kernel   hello              drawn: asks for a sign of life
kernel -> page     alive {picture}    hides the outputs of this CSS class
```
"""

from typing import Any

import anywidget
import ipywidgets as ipw

from bxpull_nb.jupyter.widgets.controls import close_children
from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.jupyter.widgets.saved_picture import SavedPicture

__all__ = ["PanelPage"]


class PanelPage(PageWidget):
    """A widget that shows all widgets in `content`, a box; `picture` is hidden meanwhile.

    After a restart of the kernel the page reports that the panel is dead; its rows stay readable.
    """

    _scripts = ("panel_controls.js", "panel_page.js")
    _styles = ("panel_page.css",)

    # Only a reference is synced: what is synced is saved with the notebook.
    content = anywidget.WidgetTrait().tag(sync=True)

    def __init__(self, content: ipw.Box, picture: SavedPicture) -> None:
        self.picture = picture
        super().__init__(content=content)

    def close(self) -> None:
        """End the panel and the widgets in it."""
        close_children(self.content)
        self.content.close()
        super().close()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content == {"kind": "hello"}:
            self.send({"kind": "alive", "picture": self.picture.name})
