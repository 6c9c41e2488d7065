"""A capture on disk that survives its process, and how it is read back."""

from bxpull_nb.storage.journal.cursor import Chunk, Cursor, bytes_after, forget_before, read_on
from bxpull_nb.storage.journal.files import Repaired, journal_files
from bxpull_nb.storage.journal.journal import Journal, JournalStats
from bxpull_nb.storage.journal.lost_note import Lost
from bxpull_nb.storage.journal.reading import read_journal, read_journal_events

__all__ = [
    "Chunk",
    "Cursor",
    "Journal",
    "JournalStats",
    "Lost",
    "Repaired",
    "bytes_after",
    "forget_before",
    "journal_files",
    "read_journal",
    "read_journal_events",
    "read_on",
]
