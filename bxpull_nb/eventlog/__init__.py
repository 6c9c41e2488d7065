"""The log behind the live DataFrame."""

from bxpull_nb.eventlog.log import EventLog
from bxpull_nb.eventlog.recent import RecentLog
from bxpull_nb.eventlog.rows import records_of_rows

__all__ = ["EventLog", "RecentLog", "records_of_rows"]
