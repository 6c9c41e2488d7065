"""The doorbell: a message on the shared channel when records come to the queue (protocol 4.10)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any

from bxpull_nb.sandbox.settings import Settings

__all__ = ["Doorbell"]

Ring = Callable[[list[dict[str, Any]]], object]


class Doorbell:
    """Counts the records that came, and rings with their numbers by connector.

    `ring` publishes the message's params, `spawn` runs a coroutine in the server's loop. The
    option `doorbell` is read at each ring, so it may change while the sandbox runs.
    """

    def __init__(
        self,
        settings: Settings,
        ring: Ring,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._settings = settings
        self._publish = ring
        self._spawn = spawn
        self._came: Counter[str] = Counter()
        self._merging: Counter[str] | None = None
        self._lock = Lock()

    def count(self, connector: str) -> None:
        """Count one record."""
        with self._lock:
            self._came[connector] += 1

    def ring(self) -> None:
        """Ring for all records counted since the last ring; for none it stays silent."""
        with self._lock:
            came, self._came = self._came, Counter()
        if not came or self._settings.doorbell == "missing":
            return
        if self._settings.doorbell == "late":
            self._spawn(self._ring_late(came))
        elif self._settings.doorbell == "merged":
            self._merge(came)
        else:
            self._send(came)

    def _merge(self, came: Counter[str]) -> None:
        """Add the counts to the ring that is on its way, or start one."""
        with self._lock:
            is_first = self._merging is None
            self._merging = came if self._merging is None else self._merging + came
        if is_first:
            self._spawn(self._ring_merged())

    async def _ring_late(self, came: Counter[str]) -> None:
        await asyncio.sleep(self._settings.doorbell_delay)
        self._send(came)

    async def _ring_merged(self) -> None:
        await asyncio.sleep(self._settings.doorbell_delay)
        with self._lock:
            came, self._merging = self._merging, None
        self._send(came or Counter())

    def _send(self, came: Counter[str]) -> None:
        self._publish([{"connector_id": name, "count": count} for name, count in came.items()])
