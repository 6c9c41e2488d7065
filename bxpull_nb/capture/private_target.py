"""A capture target in front of another one: only pseudonyms pass."""

import msgspec

from bxpull_nb.listener import CaptureTarget, PassingTarget
from bxpull_nb.models import Batch, LogEntry
from bxpull_nb.privacy import Pseudonyms, private_batch

__all__ = ["PrivateTarget"]


class PrivateTarget(PassingTarget):
    """Hands everything on to `target`, with pseudonyms for personal data.

    It is the first to get a batch, so journal, log, waits and callbacks see pseudonyms only.
    """

    def __init__(self, target: CaptureTarget, pseudonyms: Pseudonyms) -> None:
        super().__init__(target)
        self._pseudonyms = pseudonyms

    def store(self, batch: Batch) -> None:
        """Store the batch with pseudonyms; digests of the names it taught are saved first."""
        private = private_batch(batch, self._pseudonyms)
        self._pseudonyms.save()
        super().store(private)

    def happened(self, entry: LogEntry) -> None:
        """Log the entry, its text as free text."""
        text = self._pseudonyms.text(entry.text)
        super().happened(msgspec.structs.replace(entry, text=text))
