"""The process whose records are being stored, noted on disk to ask for them again."""

from contextlib import suppress
from pathlib import Path

import msgspec

from bxpull_nb.files import read_private, replacing

__all__ = ["ProcessNote"]

_NAME = "offline-process.json"


class _Content(msgspec.Struct):
    process_id: str
    auth_connector: str | None = None
    is_stored: bool = False


class ProcessNote:
    """The `process_id` of records that are marked on the portal, and perhaps not stored yet.

    It is a file in the journal's folder, replaced as a whole; without a folder it is in memory.
    """

    def __init__(self, folder: Path | None, connector: str | None) -> None:
        self._path = None if folder is None else folder / _NAME
        self._connector = connector
        self._known: str | None = None
        self.is_stored = False
        """Whether the records are stored, so that they only have to be deleted."""

    def read(self) -> str | None:
        """Return the noted process; None for none, for another queue's, and for a damaged file."""
        if self._path is None or self._known is not None:
            return self._known
        with suppress(OSError, msgspec.MsgspecError):
            content = msgspec.json.decode(read_private(self._path), type=_Content)
            if content.auth_connector == self._connector:
                self._known, self.is_stored = content.process_id, content.is_stored
        return self._known

    def write(self, process_id: str, *, is_stored: bool = False) -> None:
        """Note the process; raises OSError when the disk does not take it."""
        self._known, self.is_stored = process_id, is_stored
        if self._path is not None:
            content = _Content(process_id, self._connector, is_stored)
            with replacing(self._path, private=True) as file:
                file.write(msgspec.json.encode(content))

    def forget(self) -> None:
        """Remove the note: the records are stored, and deleted on the portal."""
        self._known, self.is_stored = None, False
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
