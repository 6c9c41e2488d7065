"""The one panel of a source that paints: a cell that is run twice leaves no second one.

A source is a portal, a feed, or a recording: a file, a folder or a DataFrame.

Forty live panels would send more messages than Jupyter takes (1,000 a second).
"""

from typing import TYPE_CHECKING
from weakref import ReferenceType, WeakKeyDictionary, WeakValueDictionary, ref

if TYPE_CHECKING:
    from bxpull_nb.jupyter.widgets.explorer import Explorer

__all__ = ["frozen_text", "take_over"]

_painting: "WeakKeyDictionary[object, ReferenceType[Explorer]]" = WeakKeyDictionary()
"""Portal or feed -> its panel that paints; neither is kept alive by it."""
_playing: "WeakValueDictionary[str, Explorer]" = WeakValueDictionary()
"""Recording -> the panel that paints a feed of it; a cell that runs again makes another feed."""


def take_over(panel: "Explorer") -> "list[Explorer]":
    """Note the panel as the one that paints its portal, its feed and its recording.

    Returns the earlier ones.
    """
    found = []
    for source in (panel.portal, panel.feed):
        if source is not None:
            known = _painting.get(source)
            found.append(known() if known is not None else None)
            _painting[source] = ref(panel)
    if panel.feed.recording:
        found.append(_playing.get(panel.feed.recording))
        _playing[panel.feed.recording] = panel
    others = (other for other in found if other is not None and other is not panel)
    return list(dict.fromkeys(others))


def frozen_text() -> str:
    """Return the line of a frozen panel: where it lives on, and how to have it here."""
    from IPython.core.getipython import get_ipython

    history = getattr(get_ipython(), "history_manager", None)
    inputs = history.input_hist_parsed if history is not None else []
    # Not `execution_count`: whether it counts the running cell depends on IPython's version.
    where = f" in the output of cell [{len(inputs) - 1}]" if len(inputs) > 1 else ""
    return f"Frozen: a newer panel shows this feed{where}. To have it here, run this cell again."
