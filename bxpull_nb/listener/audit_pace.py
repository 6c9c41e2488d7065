"""When the next audit is due: before its answer would be too large to take."""

import math
from collections import deque
from collections.abc import Callable

__all__ = ["LARGEST_AUDIT", "AuditPace"]

LARGEST_AUDIT = 64 * 1024 * 1024
"""Bytes of history taken at once."""

_VOLUME = LARGEST_AUDIT // 16  # characters; to decode an answer takes six times its size
_MOST_VOLUME = LARGEST_AUDIT * 3 // 8  # characters; larger answers take too much memory
_SHARE = 0.05  # of the time may be spent on audits
_COMPARED = 4  # audits, of which the quickest shows what one takes


class AuditPace:
    """Counts what a lane receives between two audits; `monotonic` gives seconds.

    The history of a busy lane grows too large in the usual time between two audits, so they are
    due by volume too. Where audits would take more than 5 % of the time, they are not. One that
    was slow by chance, as on a busy machine, changes nothing: the next would be larger, and slower.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._received = 0
        self._rate = 0.0  # characters a second
        self._asked = 0  # characters of the present audit
        self._costs: deque[float] = deque(maxlen=_COMPARED)  # seconds for a character
        self._was_too_much = False
        self._limit: float = _VOLUME

    def add(self, characters: int) -> bool:
        """Count a frame, and return whether an audit is due."""
        self._received += characters
        return self._received >= self._limit

    @property
    def is_too_much(self) -> bool:
        """Whether the history since the last audit is too large for an answer."""
        return self._received > LARGEST_AUDIT

    def begin(self) -> None:
        """Note that an audit begins: what comes from now on is for the next one."""
        now = self._monotonic()
        self._was_too_much = self.is_too_much
        self._rate = self._received / max(now - self._since, 0.001)
        self._asked, self._received, self._since = self._received, 0, now

    def end(self) -> None:
        """Note that the audit has ended: a longer one leaves more time before the next."""
        wanted = 0.0
        if not self._was_too_much:  # else it was not asked: how long it takes now is unknown
            self._costs.append((self._monotonic() - self._since) / max(self._asked, 1))
            wanted = self._rate * self._asked * min(self._costs) / _SHARE
        self._limit = max(_VOLUME, wanted) if wanted <= _MOST_VOLUME else math.inf
