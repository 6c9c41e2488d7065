"""Faults on demand: counters that the push server checks before it acts.

Each counter is a number of messages, frames or connections to come; all of them may be set from
any thread.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from threading import Lock

from bxpull_nb.models import Message
from bxpull_nb.sandbox.push.dialects import Frame

__all__ = ["Countdown", "Delivery", "MessageFaults", "WireFaults"]

Delivery = tuple[Message, Sequence[str]]
"""A message, and the channels that it is delivered to."""


class Countdown:
    """A counter of faults still to come; any thread may use it."""

    def __init__(self) -> None:
        self._left = 0.0
        self._lock = Lock()

    def add(self, times: float) -> None:
        """Increase the counter, by infinity too."""
        with self._lock:
            self._left += max(0, times)

    def clear(self) -> None:
        """Set the counter to 0."""
        with self._lock:
            self._left = 0.0

    def take(self) -> bool:
        """Decrease the counter; return False if it was 0 already."""
        with self._lock:
            due = self._left > 0
            self._left -= due
        return due

    def __bool__(self) -> bool:
        return self._left > 0


class MessageFaults:
    """Faults of the next messages, in the history and on the way to the subscriptions.

    `lock` is the broker's; the broker holds it when it calls `expiry` and `deliveries`.
    """

    def __init__(self, lock: Lock) -> None:
        self.waiting = False
        """Whether there are faults to come; the only check for most messages."""
        self._lock = lock
        self._duplicate = 0
        self._lose = 0
        self._unstored = 0
        self._reverse = 0
        self._held: list[Delivery] = []

    def duplicate(self, count: int) -> None:
        """Deliver the next messages twice."""
        with self._lock:
            self._duplicate += max(0, count)
            self.waiting = True

    def lose(self, count: int) -> None:
        """Store the next stored messages without delivering them."""
        with self._lock:
            self._lose += max(0, count)
            self.waiting = True

    def store_nothing(self, count: int) -> None:
        """Deliver the next messages without storing them."""
        with self._lock:
            self._unstored += max(0, count)
            self.waiting = True

    def reorder(self, count: int) -> None:
        """Hold the next messages until all are there, then deliver them backwards."""
        with self._lock:
            self._reverse += max(0, count)
            self.waiting = True

    def expiry(self, expiry: int) -> int:
        """Return the seconds to store this message."""
        if not self._unstored:
            return expiry
        self._unstored -= 1
        return 0

    def deliveries(self, message: Message, channels: Sequence[str]) -> list[Delivery]:
        """Return the deliveries that this message causes now."""
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
        self.waiting = bool(self._lose or self._duplicate or self._reverse or self._unstored)
        return deliveries


class WireFaults:
    """Faults of the next connections and frames."""

    def __init__(self) -> None:
        self.garbage: deque[Frame | None] = deque()
        """Additional frames, as given; None = the dialect's frame that cannot be decoded."""
        self.truncate = Countdown()
        """Frames of which only the first half is sent."""
        self.html = Countdown()
        """Polls that are answered with an HTML page."""
        self.refuse = Countdown()
        """WebSocket handshakes that are answered with `refusal_status`."""
        self.refusal_status = 503
        self.fail_requests = Countdown()
        """JSON-RPC requests that end in an internal error."""
        self.idle_limit: float | None = None
        """Seconds without traffic after which a connection is cut."""
        self._stalled_until = 0.0
        self._down_until = 0.0

    def take_garbage(self, usual: Frame) -> Frame:
        """Remove and return the next additional frame, `usual` for None; empty without one."""
        if not self.garbage:
            return ""
        given = self.garbage.popleft()
        return usual if given is None else given

    def stall(self, seconds: float) -> None:
        """Send nothing for so many seconds; connections are accepted."""
        self._stalled_until = time.monotonic() + seconds

    def go_down(self, seconds: float) -> None:
        """Cut new connections at once for so many seconds."""
        self._down_until = time.monotonic() + seconds

    async def wait_while_stalled(self) -> None:
        """Wait until sending is allowed again."""
        left = self._stalled_until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self.wait_while_stalled()  # the time may have been extended

    @property
    def is_down(self) -> bool:
        """Whether connections are to be cut at once."""
        return time.monotonic() < self._down_until

    def maybe_truncate(self, frame: Frame) -> Frame:
        """Return the frame as it is sent: whole, or only its first half."""
        return frame[: len(frame) // 2] if self.truncate.take() else frame
