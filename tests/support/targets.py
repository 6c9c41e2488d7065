"""Capture targets for tests."""

from collections.abc import Callable

from bxpull_nb.models import Batch, LogEntry, Record
from bxpull_nb.storage.journal import Journal

__all__ = ["ListTarget"]


class ListTarget:
    """A capture target that keeps everything in lists; a journal comes first.

    `on_change` is called whenever something came.
    """

    def __init__(
        self, journal: Journal | None = None, on_change: Callable[[], object] = lambda: None
    ) -> None:
        self.records: list[Record] = []
        self.batches: list[Batch] = []
        self.entries: list[LogEntry] = []
        self.beginnings: list[float] = []
        self.failure: Exception | None = None
        """Raised by `store` while it is set."""
        self._journal = journal
        self._on_change = on_change

    def began(self, since: float) -> None:
        """Keep the moment."""
        self.beginnings.append(since)
        if self._journal is not None:
            self._journal.began(since)

    def store(self, batch: Batch) -> None:
        """Keep the batch."""
        if self._journal is not None:
            self._journal.write(batch)
        if self.failure:
            raise self.failure
        self.batches.append(batch)
        self.records.extend(batch.records)
        self._on_change()

    def is_safe(self) -> bool:
        """Whether the journal has everything."""
        return self._journal is None or self._journal.sync()

    def happened(self, entry: LogEntry) -> None:
        """Keep the entry."""
        self.entries.append(entry)

    def changed(self) -> None:
        """Notify the test."""
        self._on_change()
