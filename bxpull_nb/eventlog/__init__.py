"""The log behind the live DataFrame."""

from bxpull_nb.eventlog.log import EventLog, RecentLog

__all__ = ["EventLog", "RecentLog"]
