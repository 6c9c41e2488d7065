"""A view that gets rows by custom messages, and the pages that show it.

Two messages of the page are common to all views:

```
page -> kernel   hello {page, epoch, end}   drawn, or missing something: has all before `end`
page -> kernel   leave {page}               the last view is gone, or the page is hidden or closed
```

`epoch` counts the sources the view has had. The page's half of this is in page.js.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.jupyter.widgets.rows import RowSource
from bxpull_nb.listener.periodic import every

if TYPE_CHECKING:
    from bxpull_nb.bridge import LoopThread

__all__ = ["MOST_FLAGS", "StreamingView"]

MOST_FLAGS = 200
"""A view keeps the newest flags only."""

_EXPECTED = ""  # in `_pages`: a page that is being drawn and has not sent a hello yet
_REMIND_SECONDS = 5.0
_FLUSH_SECONDS = 0.2  # of a view of a feed on its own

_log = logging.getLogger("bxpull_nb")


def log_of(source: Any) -> "tuple[RowSource, LoopThread | None]":
    """Return a feed's log with its bridge; another source of rows as it is."""
    return getattr(source, "log", source), getattr(source, "bridge", None)


class StreamingView(PageWidget):
    """The kernel's half of a view of `source`, a log or a feed. A feed's updates on its own.

    A subclass sends new rows in `_send_new`, everything in `_send_all`, and forgets it in
    `_forget`; all three are called with the lock held.
    """

    _alone: "Future[None] | None" = None
    """The timer of a view that is displayed on its own."""

    def __init__(
        self, source: Any, clock: Callable[[], float] = time.monotonic, **settings: Any
    ) -> None:
        self._source, self._bridge = log_of(source)
        self._replaced = self._times_replaced()
        self._clock = clock
        self._lock = threading.Lock()  # flush() and the page's messages come on different threads
        self._epoch = 0
        self._sent_at = float("-inf")
        self._pages: set[str] = set()
        self._left = False
        super().__init__(**settings)

    @property
    def source(self) -> RowSource:
        """The source of the rows; the page starts over when it is set."""
        return self._source

    @source.setter
    def source(self, source: Any) -> None:
        with self._lock:
            self._source, self._bridge = log_of(source)
            self._replaced = self._times_replaced()
            self._start_over()

    def flush(self) -> int:
        """Send the rows since the last flush as one message; return their number.

        Any thread may call it, at most ten times a second. Of a larger burst than the page
        holds, only as much as it holds is sent.
        """
        with self._lock:
            if self._replaced != self._times_replaced():
                self._replaced = self._times_replaced()
                return self._start_over()
            if not self._watched:
                return 0
            try:
                sent = self._send_new()
            except Exception:
                if self._replaced == self._times_replaced():
                    raise
                return 0  # its rows were replaced meanwhile: the next flush starts over
            # Jupyter drops messages above 1000 a second, perhaps the last ones before a silence:
            # the page notices it by a reminder of the position.
            if self._clock() - self._sent_at >= _REMIND_SECONDS:
                self._remind()
            return sent

    def expect_page(self) -> None:
        """Send from the next flush on, before a page asks.

        Displaying the view calls this; a container that holds it should call it too. A page's
        request waits until the running cell is done, and the view should move meanwhile.
        """
        with self._lock:
            self._pages.add(_EXPECTED)

    @property
    def abandoned(self) -> bool:
        """Whether pages have shown the view, and all of them have left."""
        return self._left and not self._pages

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.expect_page()
        self._go_alone()
        return super()._repr_mimebundle_(**kwargs)

    def close(self) -> None:
        """End the view, and its timer if it has one."""
        if self._alone is not None:
            self._alone.cancel()
        super().close()

    def _go_alone(self) -> None:
        """Flush on a timer, for a view of a feed that is displayed without a panel around it."""
        if self._bridge is not None and self._alone is None:
            self._alone = self._bridge.submit(every(_FLUSH_SECONDS, self._flush_or_log))

    def _flush_or_log(self) -> None:
        try:
            self.flush()
        except Exception:  # noqa: BLE001 - one bad flush must not freeze the view for good
            _log.exception("the view could not be updated")

    def _times_replaced(self) -> int:
        """Return how often the source's rows were replaced, as by a replay that goes back."""
        return getattr(self._source, "replaced", 0)

    @property
    def _watched(self) -> bool:
        return bool(self._pages) and self.comm is not None  # a page shows it, and it is not closed

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello", "page": str(page), "epoch": epoch, "end": end}:
                with self._lock:
                    self._pages.discard(_EXPECTED)
                    self._pages.add(page)
                    self._answer(epoch == self._epoch and end == self._end)
            case {"kind": "leave", "page": str(page)}:
                with self._lock:
                    self._pages -= {page, _EXPECTED}
                    self._left = True
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
        """The position of a page that has everything."""
        raise NotImplementedError

    def _send_new(self) -> int:
        raise NotImplementedError

    def _send_all(self) -> int:
        raise NotImplementedError

    def _remind(self) -> None:
        """Send the position."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Forget all rows: the source is another one, or was emptied."""
        raise NotImplementedError

    def _on_choice(self, content: dict[str, Any]) -> None:
        """Take the user's choice in the page."""
        raise NotImplementedError
