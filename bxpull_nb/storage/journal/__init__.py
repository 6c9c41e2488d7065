"""The log on disk, and back: a capture that survives its process."""

from bxpull_nb.storage.journal.cursor import Chunk, Cursor, forget_before, read_on
from bxpull_nb.storage.journal.files import Repaired, journal_files
from bxpull_nb.storage.journal.journal import Journal, JournalStats
from bxpull_nb.storage.journal.reading import read_frame, read_journal

__all__ = [
    "Chunk",
    "Cursor",
    "Journal",
    "JournalStats",
    "Repaired",
    "forget_before",
    "journal_files",
    "read_frame",
    "read_journal",
    "read_on",
]
