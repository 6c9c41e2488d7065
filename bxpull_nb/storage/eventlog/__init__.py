"""The log in memory that the live DataFrame shows."""

from bxpull_nb.storage.eventlog.log import EventLog
from bxpull_nb.storage.eventlog.recent_log import RecentLog
from bxpull_nb.storage.eventlog.rows import batch_of_rows

__all__ = ["EventLog", "RecentLog", "batch_of_rows"]
