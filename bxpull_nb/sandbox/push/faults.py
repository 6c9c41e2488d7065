"""What is to go wrong, on demand: counters that the push server asks before it acts.

Each counter says how many of the next messages, frames or connections are hit; all of them may be
set from any thread.
"""

import asyncio
import time
from collections.abc import Sequence
from threading import Lock

from bxpull_nb.models import Message
from bxpull_nb.sandbox.push.dialects import Frame

__all__ = ["Countdown", "Delivery", "MessageFaults", "WireFaults"]

Delivery = tuple[Message, Sequence[str]]
"""A message, and the channels it is delivered to."""


class Countdown:
    """So many times yes, then no; from any thread."""

    def __init__(self) -> None:
        self._left = 0
        self._lock = Lock()

    def add(self, times: int) -> None:
        """Say yes so many times more."""
        with self._lock:
            self._left += max(0, times)

    def take(self) -> bool:
        """Whether this is one of those times."""
        with self._lock:
            due = self._left > 0
            self._left -= due
        return due

    def __bool__(self) -> bool:
        return self._left > 0


class MessageFaults:
    """What happens to the next messages between the history and the mailboxes.

    `lock` is the broker's: `pass_on` is called by who holds it.
    """

    def __init__(self, lock: Lock) -> None:
        self.waiting = False
        """Whether any of them is due; the broker asks nothing else for most messages."""
        self._lock = lock
        self._duplicate = 0
        self._lose = 0
        self._reverse = 0
        self._held: list[Delivery] = []

    def duplicate(self, count: int) -> None:
        """The next messages are delivered twice."""
        with self._lock:
            self._duplicate += max(0, count)
            self.waiting = True

    def lose(self, count: int) -> None:
        """The next stored messages are not delivered, only stored."""
        with self._lock:
            self._lose += max(0, count)
            self.waiting = True

    def reorder(self, count: int) -> None:
        """The next messages are held until the last of them is there, then go out backwards."""
        with self._lock:
            self._reverse += max(0, count)
            self.waiting = True

    def pass_on(self, message: Message, channels: Sequence[str]) -> list[Delivery]:
        """What is to be delivered now that this message has come."""
        deliveries: list[Delivery] = [(message, channels)]
        if self._lose and message.expiry > 0:
            self._lose -= 1
            deliveries = []
        elif self._duplicate:
            self._duplicate -= 1
            deliveries *= 2
        if self._reverse and deliveries:
            self._held += deliveries
            self._reverse -= 1
            deliveries = [] if self._reverse else self._held[::-1]
            self._held = self._held if self._reverse else []
        self.waiting = bool(self._lose or self._duplicate or self._reverse)
        return deliveries


class WireFaults:
    """What happens to the next connections and frames."""

    def __init__(self) -> None:
        self.garbage = Countdown()
        """Frames nobody can read, sent besides the good ones."""
        self.torn = Countdown()
        """Good frames of which only the first half is sent."""
        self.html = Countdown()
        """Polls that are answered with an HTML page."""
        self.refused = Countdown()
        """WebSocket handshakes that are answered with `refusal`."""
        self.refusal = 503
        self.failing = Countdown()
        """JSON-RPC requests that end in an internal error."""
        self._silent_until = 0.0
        self._down_until = 0.0

    def stall(self, seconds: float) -> None:
        """Connections are taken, but nothing is said on any of them for so long."""
        self._silent_until = time.monotonic() + seconds

    def go_down(self, seconds: float) -> None:
        """Connections are cut as soon as they come, for so long."""
        self._down_until = time.monotonic() + seconds

    async def keep_silence(self) -> None:
        """Return when something may be said again."""
        left = self._silent_until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self.keep_silence()  # it may have been made longer

    @property
    def is_down(self) -> bool:
        """Whether connections are to be cut at once."""
        return time.monotonic() < self._down_until

    def maybe_truncate(self, frame: Frame) -> Frame:
        """The frame as it is sent: whole, or only its first half."""
        return frame[: len(frame) // 2] if self.torn.take() else frame
