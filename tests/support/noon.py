"""Events that arrived so many seconds after a noon."""

import pandas as pd

from bxpull_nb.models import Arrival, BadFrame, Event

NOON = 1767268800  # 2026-01-01 12:00 UTC


def at(seconds: float) -> pd.Timestamp:
    """Return the time so many seconds after noon."""
    return pd.Timestamp(NOON, unit="s", tz="UTC") + pd.Timedelta(seconds=seconds)


def event(
    seconds: float,
    command: str | None = "deal",
    *,
    lag: float | None = None,
    sender: str | None = None,
) -> Event:
    """Return an event that arrived so many seconds after noon."""
    sent = None if lag is None else NOON + seconds - lag
    arrival = Arrival(round((NOON + seconds) * 1e6), "shared", "websocket")
    return Event("1", "crm", command, b"{}", sent, sender, arrival)


def bad(seconds: float) -> BadFrame:
    """Return an unreadable message."""
    return BadFrame("oops", "no", None, Arrival(round((NOON + seconds) * 1e6)))
