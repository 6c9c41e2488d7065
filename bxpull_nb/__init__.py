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
    from IPython.core.interactiveshell import InteractiveShell

    from bxpull_nb import errors
    from bxpull_nb.analysis import gaps, lag, plots, rates, sessions, since, summary, who
    from bxpull_nb.api import connect, fetch_config, listen, replay
    from bxpull_nb.capture.feed import Feed, FeedStats
    from bxpull_nb.capture.gap_report import Report
    from bxpull_nb.diagnosis import Diagnosis, doctor
    from bxpull_nb.errors import BxPullError
    from bxpull_nb.jupyter.notebook import allow_nested_run, explore
    from bxpull_nb.jupyter.widgets import Explorer, LiveTable, RateChart
    from bxpull_nb.models import BadFrame, Channel, Event, PullConfig, PullServer
    from bxpull_nb.params import expand_params
    from bxpull_nb.portal import Portal
    from bxpull_nb.privacy import Pseudonyms, pseudonymised
    from bxpull_nb.protocol import codec
    from bxpull_nb.query import (
        compare,
        diff,
        entities,
        entity,
        explain,
        model,
        pairs,
        schema,
        search,
        sql,
        stages,
        trace,
        unusual,
    )
    from bxpull_nb.sandbox import Sandbox
    from bxpull_nb.storage.dataset import compact, read_events
    from bxpull_nb.storage.eventlog import EventLog
    from bxpull_nb.storage.export import to_csv, to_excel, to_jsonl, to_parquet
    from bxpull_nb.storage.journal import Journal

__version__ = "0.1.0"

__all__ = [
    "BadFrame",
    "BxPullError",
    "Channel",
    "Diagnosis",
    "Event",
    "EventLog",
    "Explorer",
    "Feed",
    "FeedStats",
    "Journal",
    "LiveTable",
    "Portal",
    "Pseudonyms",
    "PullConfig",
    "PullServer",
    "RateChart",
    "Report",
    "Sandbox",
    "allow_nested_run",
    "codec",
    "compact",
    "compare",
    "connect",
    "diff",
    "doctor",
    "entities",
    "entity",
    "errors",
    "expand_params",
    "explain",
    "explore",
    "fetch_config",
    "gaps",
    "lag",
    "listen",
    "model",
    "pairs",
    "plots",
    "pseudonymised",
    "rates",
    "read_events",
    "replay",
    "schema",
    "search",
    "sessions",
    "since",
    "sql",
    "stages",
    "summary",
    "to_csv",
    "to_excel",
    "to_jsonl",
    "to_parquet",
    "trace",
    "unusual",
    "who",
]

_ROOMS = {
    "errors": ("BxPullError",),
    "models": ("BadFrame", "Channel", "Event", "PullConfig", "PullServer"),
    "storage.eventlog": ("EventLog",),
    "storage.journal": ("Journal",),
    "params": ("expand_params",),
    "storage.export": ("to_csv", "to_excel", "to_jsonl", "to_parquet"),
    "storage.dataset": ("compact", "read_events"),
    "query": (
        "compare",
        "diff",
        "entities",
        "entity",
        "explain",
        "model",
        "pairs",
        "schema",
        "search",
        "sql",
        "stages",
        "trace",
        "unusual",
    ),
    "capture.gap_report": ("Report",),
    "analysis": ("gaps", "lag", "rates", "sessions", "since", "summary", "who"),
    "capture.feed": ("Feed", "FeedStats"),
    "portal": ("Portal",),
    "privacy": ("Pseudonyms", "pseudonymised"),
    "diagnosis": ("Diagnosis", "doctor"),
    "api": ("connect", "fetch_config", "listen", "replay"),
    "jupyter.notebook": ("allow_nested_run", "explore"),
    "jupyter.widgets": ("Explorer", "LiveTable", "RateChart"),
    "sandbox": ("Sandbox",),
}
_SUBMODULES = {"codec": "protocol.codec", "errors": "errors", "plots": "analysis.plots"}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{_SUBMODULES[name]}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def load_ipython_extension(ipython: "InteractiveShell") -> None:
    """`%load_ext bxpull_nb`: from then on there is `%bxpull`."""
    import_module(f"{__name__}.jupyter.magics").load(ipython)


def unload_ipython_extension(ipython: "InteractiveShell") -> None:
    """`%unload_ext bxpull_nb`: what `%bxpull` started ends, and the magic goes."""
    import_module(f"{__name__}.jupyter.magics").unload(ipython)


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
