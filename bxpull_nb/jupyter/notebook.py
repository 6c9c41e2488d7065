"""Functions for notebooks only: the control panel, and event loops within the kernel's loop."""

from typing import TYPE_CHECKING

from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal

if TYPE_CHECKING:
    from bxpull_nb.jupyter.widgets import Explorer

__all__ = ["allow_nested_run", "explore"]


def explore(source: Portal | Feed, *, static: bool = False) -> "Explorer":
    """Return the control panel for a portal or a feed.

    A second panel of the same portal shows the same feed: the one started last. The first one
    freezes then, with a line that names the cell of the second. `static` adds a plain table of
    the newest events, which is saved with the notebook and shown where no widgets are.
    """
    from bxpull_nb.jupyter.widgets import Explorer

    return Explorer(source, static=static)


def allow_nested_run() -> None:
    """Let `asyncio.run(...)` of your own code work inside a cell.

    It patches asyncio for the whole process (nest_asyncio2). The toolkit does not need it: its
    loop runs on a thread of its own.
    """
    import nest_asyncio2

    nest_asyncio2.apply()
