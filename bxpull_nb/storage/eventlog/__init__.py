"""The log in memory that the live DataFrame shows."""

from bxpull_nb.storage.eventlog.log import EventLog
from bxpull_nb.storage.eventlog.recent_log import RecentLog
from bxpull_nb.storage.eventlog.rows import records_of_rows

__all__ = ["EventLog", "RecentLog", "records_of_rows"]
