"""The log on disk, and back: a capture that survives its process."""

from bxpull_nb.journal.files import Repaired
from bxpull_nb.journal.journal import Journal, JournalStats
from bxpull_nb.journal.reading import read_frame, read_journal

__all__ = ["Journal", "JournalStats", "Repaired", "read_frame", "read_journal"]
