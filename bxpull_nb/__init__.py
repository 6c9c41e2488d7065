"""Explore Bitrix24's real-time channels from a Jupyter notebook.

>>> import bxpull_nb as bx
>>> portal = bx.connect()            # an embedded sandbox; or your own portal
>>> feed = bx.listen(portal)
>>> feed.wait(10, timeout=5)         # a DataFrame of ten events
>>> bx.explore(portal)               # the control panel

Every name is loaded when it is first used, so that importing the package is quick.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bxpull_nb import analysis, errors, plots
    from bxpull_nb.errors import BxPullError
    from bxpull_nb.eventlog import EventLog
    from bxpull_nb.export import expand_params, read_events, to_csv, to_jsonl, to_parquet
    from bxpull_nb.feed import Feed, FeedStats
    from bxpull_nb.models import BadFrame, Channel, Event, PullConfig, PullServer
    from bxpull_nb.notebook import allow_nested_run, connect, explore, fetch_config, listen
    from bxpull_nb.portal import Portal
    from bxpull_nb.sandbox import Sandbox
    from bxpull_nb.widgets import Explorer, LiveTable

__version__ = "0.1.0"

__all__ = [
    "BadFrame",
    "BxPullError",
    "Channel",
    "Event",
    "EventLog",
    "Explorer",
    "Feed",
    "FeedStats",
    "LiveTable",
    "Portal",
    "PullConfig",
    "PullServer",
    "Sandbox",
    "allow_nested_run",
    "analysis",
    "codec",
    "connect",
    "errors",
    "expand_params",
    "explore",
    "fetch_config",
    "listen",
    "plots",
    "read_events",
    "to_csv",
    "to_jsonl",
    "to_parquet",
]

_ROOMS = {
    "errors": ("BxPullError",),
    "models": ("BadFrame", "Channel", "Event", "PullConfig", "PullServer"),
    "eventlog": ("EventLog",),
    "export": ("expand_params", "read_events", "to_csv", "to_jsonl", "to_parquet"),
    "feed": ("Feed", "FeedStats"),
    "portal": ("Portal",),
    "notebook": ("allow_nested_run", "connect", "explore", "fetch_config", "listen"),
    "widgets": ("Explorer", "LiveTable"),
    "sandbox": ("Sandbox",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in ("analysis", "codec", "errors", "plots"):
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
