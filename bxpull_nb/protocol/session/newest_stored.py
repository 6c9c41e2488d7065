"""Reads a history of any size in parts, for its greatest mid."""

from bxpull_nb.errors import FrameTooLarge
from bxpull_nb.models import BadFrame, Record
from bxpull_nb.protocol.codec import TextCodec, decoded
from bxpull_nb.protocol.session.session import Session

__all__ = ["NewestStored"]

_PART = 16 * 1024 * 1024  # bytes of the text dialect in memory at once
_LARGEST = 4 * _PART  # bytes of another dialect
_SAMPLE = 100  # messages that are looked up
_LAST = 16  # messages
_START = b"#!NGINXNMS!#"


class NewestStored:
    """The greatest mid of a history that comes in parts, each cut anywhere.

    A history in the text dialect takes little memory. In another dialect, from a server that
    ignores the wish for text, all of it is kept until its end; FrameTooLarge above 64 MB. Any
    thread may call `add` and `take`, one after the other.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept = bytearray()
        self._first: list[Record] = []
        self.newest: str | None = None
        self.last: list[Record] = []
        """The sixteen messages with the greatest mids, in order."""

    @property
    def newest_of_history(self) -> str | None:
        """The greatest mid; None where the messages may be new ones.

        A poll that was held brings a new message alone, and the connection brings it too.
        """
        is_history = len(self._first) > 1 and not any(map(self._session.seen.holds, self._first))
        return self.newest if is_history else None

    def add(self, part: bytes) -> bool:
        """Keep a part, and return whether `take` should read what has come."""
        self._kept += part
        if self._kept.startswith(_START):
            return len(self._kept) >= _PART
        if len(self._kept) > _LARGEST:
            raise FrameTooLarge(
                "the push server stores more than can be read here. The capture begins with the "
                "first message that comes."
            )
        return False

    def take(self, *, is_end: bool = False) -> None:
        """Read the messages that are whole; one that is cut waits for the next part."""
        frame = bytes(self._kept)
        if is_end or not frame.startswith(_START):
            self._note(list(decoded(frame, self._session.codec)[1]))
            return
        text = frame.decode(errors="surrogateescape")  # a character may be cut, too
        records = list(TextCodec().decode(text))
        cut = records.pop() if records and _is_torn(records[-1]) else None
        rest = cut.raw if isinstance(cut, BadFrame) else ""
        if cut is not None and text.endswith(marked := _START.decode() + rest):
            rest = marked
        self._kept = bytearray(rest.encode(errors="surrogateescape"))
        self._note(records)

    def _note(self, records: list[Record]) -> None:
        whole = [record for record in records if record.mid and not _is_torn(record)]
        self._first += whole[: _SAMPLE - len(self._first)]
        self.last = sorted([*self.last, *whole], key=lambda one: one.mid or "")[-_LAST:]
        self.newest = max([self.newest or "", *(record.mid or "" for record in whole)]) or None


def _is_torn(record: Record) -> bool:
    return isinstance(record, BadFrame) and record.is_torn
