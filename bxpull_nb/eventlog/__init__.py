"""The log behind the live DataFrame."""

from bxpull_nb.eventlog.log import EventLog

__all__ = ["EventLog"]
