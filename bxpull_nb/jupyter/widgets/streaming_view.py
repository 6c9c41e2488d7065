"""A view that is fed by custom messages: who looks at it, and what it has said already.

What a view shows never becomes a trait: a synced trait is written into the saved notebook. Two
messages of the page are common to all views:

```
page -> kernel   hello {page, epoch, end}   drawn, or something is missing: I have all before `end`
page -> kernel   leave {page}               my last view is gone
```

`epoch` counts the sources the view has had. The page's half of this is in page.js.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from bxpull_nb.jupyter.widgets.rows import RowSource

__all__ = ["StreamingView", "page_code"]

_EXPECTED = ""  # stands in `_pages` for a page that is being drawn and has not spoken yet
_REMIND_SECONDS = 5.0


def page_code(*names: str) -> str:
    """The text of these files, one after the other, as one script or style sheet.

    Give it from a property called `_esm` or `_css`: anywidget reads that when a view is made, and
    so nothing is read at import. Scripts share one scope; only the last one exports.
    """
    return "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)


class StreamingView(anywidget.AnyWidget):
    """The kernel's half of a view of `source`: pages come, ask, and leave.

    A view says in `_send_new` what is new, in `_send_all` everything, and in `_forget` how to
    begin again; all three are called with the lock held.
    """

    def __init__(
        self, source: RowSource, clock: Callable[[], float] = time.monotonic, **settings: Any
    ) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()  # flush() and the page's messages come on different threads
        self._epoch = 0
        self._sent_at = float("-inf")
        self._pages: set[str] = set()
        super().__init__(**settings)
        self.on_msg(self._on_page)

    @property
    def source(self) -> RowSource:
        """What the view shows; set another (or the same, emptied) and the page starts over."""
        return self._source

    @source.setter
    def source(self, source: RowSource) -> None:
        with self._lock:
            self._source = source
            self._start_over()

    def flush(self) -> int:
        """Send what is new since the last flush, as one message; the number of rows sent.

        May be called from any thread, at most ten times a second. Of a greater burst than the
        page holds, only what it holds is sent.
        """
        with self._lock:
            if not self._watched:
                return 0
            sent = self._send_new()
            # Jupyter drops messages above 1000 a second, and the last ones before a silence
            # may be among them: a page that hears where we are notices.
            if self._clock() - self._sent_at >= _REMIND_SECONDS:
                self._remind()
            return sent

    def expect_page(self) -> None:
        """Send from the next flush on, without waiting for a page to ask.

        Displaying the view calls this; a container that displays it inside itself should too.
        A page's request waits until the running cell is done, and the view should move meanwhile.
        """
        with self._lock:
            self._pages.add(_EXPECTED)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.expect_page()
        return super()._repr_mimebundle_(**kwargs)

    @property
    def _watched(self) -> bool:
        return bool(self._pages) and self.comm is not None  # somebody looks, and it is not closed

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello", "page": str(page), "epoch": epoch, "end": end}:
                with self._lock:
                    self._pages.discard(_EXPECTED)
                    self._pages.add(page)
                    self._answer(epoch == self._epoch and end == self._end)
            case {"kind": "leave", "page": str(page)}:
                with self._lock:
                    self._pages.discard(page)
            case dict():
                self._on_choice(content)

    def _answer(self, up_to_date: bool) -> None:
        if up_to_date:
            self._remind()
        else:
            self._send_all()

    def _start_over(self) -> int:
        self._epoch += 1
        self._forget()
        return self._send_all() if self._watched else 0

    def _send_message(self, head: dict[str, Any], body: bytes | None) -> None:
        self.send({**head, "epoch": self._epoch}, buffers=[body] if body else None)
        self._sent_at = self._clock()

    @property
    def _end(self) -> int:
        """Where a page that has everything stands."""
        raise NotImplementedError

    def _send_new(self) -> int:
        raise NotImplementedError

    def _send_all(self) -> int:
        raise NotImplementedError

    def _remind(self) -> None:
        """Say where we are."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Begin again: another source, or the same one emptied."""
        raise NotImplementedError

    def _on_choice(self, content: dict[str, Any]) -> None:
        """Take what the user chose in the page."""
        raise NotImplementedError
