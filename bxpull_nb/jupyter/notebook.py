"""Functions for notebooks only: the control panel, and event loops within the kernel's loop."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from bxpull_nb.api import connect, replay
from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.jupyter.widgets import Explorer

__all__ = ["allow_nested_run", "explore"]


def explore(
    source: "Portal | Feed | Journal | str | Path | pd.DataFrame | None" = None,
    *,
    static: bool = False,
) -> "Explorer":
    """Return the control panel for a portal, a feed, or recorded events.

    Without a source it connects as `connect()` does, and starts. A file, a journal, a dataset or
    a DataFrame of events is played at once, as by `replay`; the panel of a feed alone has no
    controls that need a portal.

    A second panel of the same portal shows the same feed: the one started last. The first one
    freezes then, with a line that names the cell of the second.

    A picture of the panel is saved with the notebook and shown where no widgets are, such as
    GitHub and nbconvert: counters, chart and the newest events, masked. The texts of the events
    are in it with `static` only.

    >>> bx.explore(portal)
    """
    from bxpull_nb.jupyter.widgets import Explorer

    if isinstance(source, Portal | Feed):
        return Explorer(source, static=static)
    if source is not None:
        recorded = source.folder if isinstance(source, Journal) else source
        return Explorer(replay(recorded, speed=math.inf), static=static)
    panel = Explorer(connect(), static=static)
    panel.start()
    return panel


def allow_nested_run() -> None:
    """Let `asyncio.run(...)` of your own code work inside a cell.

    It patches asyncio for the whole process (nest_asyncio2). The toolkit does not need it: its
    loop runs on a thread of its own.
    """
    import nest_asyncio2

    nest_asyncio2.apply()
