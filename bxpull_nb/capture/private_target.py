"""A capture target in front of another one: only pseudonyms pass."""

import msgspec

from bxpull_nb.listener import Beginnings, CaptureTarget
from bxpull_nb.models import Batch, LogEntry
from bxpull_nb.privacy import Pseudonyms, private_batch

__all__ = ["PrivateTarget"]


class PrivateTarget:
    """Hands everything on to `target`, with pseudonyms for personal data.

    It is the first to get a batch, so journal, log, waits and callbacks see pseudonyms only.
    """

    def __init__(self, target: CaptureTarget, pseudonyms: Pseudonyms) -> None:
        self._target = target
        self._pseudonyms = pseudonyms

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Note when the capture began, and after which mids."""
        self._target.began(since, beginnings)

    def store(self, batch: Batch) -> None:
        """Store the batch with pseudonyms; digests of the names it taught are saved first."""
        private = private_batch(batch, self._pseudonyms)
        self._pseudonyms.save()
        self._target.store(private)

    def is_safe(self) -> bool:
        """Whether everything that was stored is on disk, or has no disk to be on."""
        return self._target.is_safe()

    def happened(self, entry: LogEntry) -> None:
        """Log the entry, its text as free text."""
        text = self._pseudonyms.text(entry.text)
        self._target.happened(msgspec.structs.replace(entry, text=text))

    def changed(self) -> None:
        """Wake the calls that wait for a change of state."""
        self._target.changed()
