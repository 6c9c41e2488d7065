"""What was published in a storm: which events a capture owes, and which may be missing."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from bxpull_nb.models import Event, Record

__all__ = ["COMMAND", "Published", "Truth", "counted", "doubled", "number_of"]

COMMAND = "storm"
_number = msgspec.json.Decoder(dict[str, int]).decode


class Published(msgspec.Struct):
    """One published event."""

    at_us: int
    """A moment after it was published, by the capture's clock."""
    is_stored: bool
    """Whether the server stored it."""
    is_owed: bool
    """Whether the capture must have it: it was stored, and came before any wipe."""


class Truth:
    """Every published message; under the lock a wipe meets no message half published.

    An event is known by its number, a hostile message by its mid. A mid that a wiped server gives
    again names no message, so those are left out.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: list[Published] = []
        self.came: Counter[int] = Counter()
        self._hostile: set[str] = set()
        self._newest = ""
        self._owed_hostile: set[str] = set()
        self._others_came: Counter[str | None] = Counter()

    def add(self, at_us: int, mid: str, *, is_stored: bool) -> None:
        """Note that the next event was published."""
        self._newest = max(self._newest, mid)
        self.events.append(Published(at_us, is_stored, is_stored))

    def add_hostile(self, mid: str) -> None:
        """Note that a hostile message was published, and stored; count it if its mid is new."""
        if mid > self._newest:
            self._newest = mid
            self._hostile.add(mid)
            self._owed_hostile.add(mid)
        else:
            self._hostile.discard(mid)

    def receive(self, records: Sequence[Record]) -> None:
        """Count records; a torn message is none yet, and messages of the push system are others."""
        for record in records:
            number = number_of(record)
            if number is not None:
                self.came[number] += 1
            elif record.module_id != "pull" and not getattr(record, "is_torn", False):
                self._others_came[record.mid] += 1

    def wiped(self) -> None:
        """Note that the server forgets all it stores: only what came is owed still."""
        for number, event in enumerate(self.events):
            event.is_owed = event.is_owed and number in self.came
        self._owed_hostile = {mid for mid in self._owed_hostile if mid in self._others_came}

    @property
    def is_complete(self) -> bool:
        """Whether everything came that the capture owes."""
        return not (self.lost() or self.lost_hostile())

    @property
    def hostile(self) -> int:
        """How many hostile messages were published, and are known by their mid."""
        return len(self._hostile)

    def missing(self) -> list[int]:
        """Return the numbers of events that did not come, owed or not."""
        return [number for number in range(len(self.events)) if number not in self.came]

    def lost(self) -> list[int]:
        """Return the numbers of owed events that did not come."""
        return [number for number in self.missing() if self.events[number].is_owed]

    def lost_hostile(self) -> list[str]:
        """Return the mids of hostile messages that did not come."""
        return sorted(mid for mid in self._owed_hostile if mid not in self._others_came)

    def doubled_hostile(self) -> list[str]:
        """Return the mids of hostile messages that came more than once."""
        return sorted(mid for mid in self._hostile if self._others_came[mid] > 1)

    def unknown(self) -> int:
        """Return how many events came that were never published."""
        return sum(number >= len(self.events) for number in self.came)


def number_of(record: Record) -> int | None:
    """Return the number of an event of the storm; None for another record."""
    if isinstance(record, Event) and record.command == COMMAND:
        return _number(record.params_json)["n"]
    return None


def counted(records: Iterable[Record]) -> Counter[int]:
    """Return how often each event of the storm is among the records."""
    return Counter(number for number in map(number_of, records) if number is not None)


def doubled(came: Counter[int]) -> list[int]:
    """Return the numbers that were counted more than once."""
    return sorted(number for number, times in came.items() if times > 1)
