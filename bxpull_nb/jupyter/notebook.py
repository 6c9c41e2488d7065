"""The functions that only a notebook needs: the control panel, and loops within its loop."""

from typing import TYPE_CHECKING

from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal

if TYPE_CHECKING:
    from bxpull_nb.jupyter.widgets import Explorer

__all__ = ["allow_nested_run", "explore"]


def explore(source: Portal | Feed, *, static: bool = False) -> "Explorer":
    """The control panel for a portal, or for a feed: fetch, start, watch, mark, send, export.

    Called again for the same portal, it shows the same feed: the one that was started last.
    `static` puts a plain table of the newest events beside it, which is saved with the notebook
    and shown where no widgets are.
    """
    from bxpull_nb.jupyter.widgets import Explorer

    return Explorer(source, static=static)


def allow_nested_run() -> None:
    """Let `asyncio.run(...)` of your own code work inside a cell.

    Patches asyncio for the whole process (nest_asyncio2), so it is done only when asked for.
    The toolkit itself does not need it: its loop runs on a thread of its own.
    """
    import nest_asyncio2

    nest_asyncio2.apply()
