"""Whether the panel's kernel is alive, as the page shows it.

A live panel hides its saved picture. After a restart of the kernel the page reports that the
panel is dead; the rows in it stay readable.

```
page   -> kernel   hello              drawn: asks for a sign of life
kernel -> page     alive {picture}    hides the outputs of this CSS class
```
"""

from typing import Any

from bxpull_nb.jupyter.widgets.page_widget import PageWidget

__all__ = ["KernelSign"]


class KernelSign(PageWidget):
    """A line that is shown once the kernel is gone; `picture` is the saved picture's class."""

    _scripts = ("kernel_sign.js",)
    _styles = ("kernel_sign.css",)

    def __init__(self, picture: str) -> None:
        self._picture = picture
        super().__init__()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self.send({"kind": "alive", "picture": self._picture})
