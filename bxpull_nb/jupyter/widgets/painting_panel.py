"""The one panel of a source that paints: a cell that is run twice leaves no second one.

Forty live panels would send more messages than Jupyter takes (1,000 a second).
"""

from typing import TYPE_CHECKING
from weakref import ReferenceType, WeakKeyDictionary, ref

if TYPE_CHECKING:
    from bxpull_nb.jupyter.widgets.explorer import Explorer

__all__ = ["frozen_text", "take_over"]

_painting: "WeakKeyDictionary[object, ReferenceType[Explorer]]" = WeakKeyDictionary()
"""Portal or feed -> its panel that paints; neither is kept alive by it."""


def take_over(panel: "Explorer") -> "list[Explorer]":
    """Note the panel as the one that paints its portal and its feed; return the earlier ones."""
    earlier: list[Explorer] = []
    for source in (panel.portal, panel.feed):
        if source is None:
            continue
        known = _painting.get(source)
        other = known() if known is not None else None
        if other is not None and other is not panel and other not in earlier:
            earlier.append(other)
        _painting[source] = ref(panel)
    return earlier


def frozen_text() -> str:
    """Return the line of a frozen panel: where it lives on, and how to have it here."""
    from IPython.core.getipython import get_ipython

    history = getattr(get_ipython(), "history_manager", None)
    inputs = history.input_hist_parsed if history is not None else []
    # Not `execution_count`: whether it counts the running cell depends on IPython's version.
    where = f" in the output of cell [{len(inputs) - 1}]" if len(inputs) > 1 else ""
    return f"Frozen: a newer panel shows this feed{where}. To have it here, run this cell again."
