"""The static picture of a panel in the notebook's file, kept up to date while the panel lives.

A cell's output is made when the cell runs, before there are events. So the picture is an output
of its own, hidden in the page by `panel_page.js` for as long as the panel is live there.
"""

import time
from collections.abc import Callable
from uuid import uuid4

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.static_picture import picture_html

__all__ = ["SavedPicture"]

_EVERY = 15.0  # seconds between two pictures: each makes the notebook one to save


class SavedPicture:
    """An output below the cell that shows the feed without widgets; `texts` as in the picture."""

    def __init__(
        self, feed: Feed, *, texts: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = f"bx-saved-{uuid4().hex[:12]}"
        """The CSS class of the output, and its display id."""
        self._feed = feed
        self._texts = texts
        self._monotonic = monotonic
        self._shown = False
        self._drawn: object = None
        self._drawn_at = float("-inf")

    def show(self) -> bool:
        """Put the picture into the running cell's output; False where there is no kernel."""
        if not _in_kernel():
            return False
        self._publish(self.html(), update=False)
        self._shown = True
        return True

    def update(self) -> None:
        """Draw it again when the feed has changed: every 15 seconds, its state at once."""
        if not self._shown:
            return
        now, state = self._monotonic(), self._feed.state
        drawn = (len(self._feed), state)
        if drawn == self._drawn:
            return
        same_state = isinstance(self._drawn, tuple) and self._drawn[1] == state
        if same_state and now - self._drawn_at < _EVERY:
            return
        self._drawn, self._drawn_at = drawn, now
        self._publish(self.html(), update=True)

    def remove(self) -> None:
        """Take the picture out of the notebook: another panel has one of the same feed."""
        if self._shown:
            self._shown = False
            self._publish("", update=True)

    def html(self) -> str:
        """Return the picture now."""
        return picture_html(self._feed, texts=self._texts)

    def _publish(self, html: str, *, update: bool) -> None:
        from IPython.display import display

        data = {"text/html": f"<div class='{self.name}'>{html}</div>", "text/plain": "a panel"}
        display(data, raw=True, display_id=self.name, update=update)  # type: ignore[no-untyped-call]


def _in_kernel() -> bool:
    """Whether outputs go to a notebook."""
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
