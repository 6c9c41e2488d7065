"""A button in the page that saves a file of the kernel's machine through the browser.

A link to the file would open a tab in Lab, be refused by Voila, and lead nowhere in marimo.

```
page   -> kernel   hello             drawn: asks for the name
page   -> kernel   get {}            the button was pressed
kernel -> page     offer {name}      this file can be had; "" for none
kernel -> page     file {name}       the bytes are a buffer
kernel -> page     failed {text}     why there are none
```
"""

from pathlib import Path
from typing import Any

from bxpull_nb.jupyter.widgets.figures import grouped
from bxpull_nb.jupyter.widgets.page_widget import PageWidget

__all__ = ["Download"]

_MOST_BYTES = 64 * 1024 * 1024  # one message to the page; more would stop its other messages


class Download(PageWidget):
    """A button for the file of `offer`; nothing is shown before."""

    _scripts = ("download.js",)
    _styles = ("download.css",)

    def __init__(self) -> None:
        self._path: Path | None = None
        super().__init__()

    def offer(self, path: Path) -> None:
        """Offer this file, instead of the one before."""
        self._path = path
        self._send_offer()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self._send_offer()
            case {"kind": "get"} if self._path is not None:
                self._send_file(self._path)

    def _send_offer(self) -> None:
        self.send({"kind": "offer", "name": self._path.name if self._path else ""})

    def _send_file(self, path: Path) -> None:
        try:
            content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
        except OSError as exc:
            self._fail(f"{path.name}: {exc.strerror or 'it cannot be read'}")
            return
        if content is None:
            most = grouped(_MOST_BYTES / 1e6)
            self._fail(f"{path.name} has more than {most} MB, too much for a page. It is {path}.")
        else:
            self.send({"kind": "file", "name": path.name}, buffers=[content])

    def _fail(self, text: str) -> None:
        self.send({"kind": "failed", "text": text})
