"""The log in memory that the live DataFrame shows."""

from bxpull_nb.storage.eventlog.log import RECENT, EventLog
from bxpull_nb.storage.eventlog.rows import batch_of_rows
from bxpull_nb.storage.eventlog.stored_rows import Names, StoredRows

__all__ = ["RECENT", "EventLog", "Names", "StoredRows", "batch_of_rows"]
