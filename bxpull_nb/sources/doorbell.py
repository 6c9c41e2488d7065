"""The doorbell: a message on the shared channel that the queue of offline events has filled."""

import asyncio
from contextlib import suppress
from typing import Any

from bxpull_nb.listener import CaptureTarget, PassingTarget
from bxpull_nb.models import Batch, Event, RecordBatch
from bxpull_nb.models.fields import whole_number

__all__ = ["Doorbell", "DoorbellTarget"]

_COMMAND = "event_offline"
_HISTORY = 60.0  # seconds of lag after which a bell announces what was taken long ago


class Doorbell:
    """Rings when the portal announces records for the queue of one connector."""

    def __init__(self, connector: str | None = None) -> None:
        self.was_heard = False
        """Whether it ever rang."""
        self.announced = 0
        """Changes that it announced."""
        self._connector = connector or ""
        self._ringing = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Ring for a message of the doorbell; bells of other queues are not heard."""
        counts = [_count(entry, self._connector) for entry in _entries(event.params)]
        heard = [count for count in counts if count is not None]
        if not heard:
            return
        self.was_heard = True
        self._ringing.set()
        if event.lag_us is None or event.lag_us < _HISTORY * 1e6:
            self.announced += sum(heard)

    @property
    def is_ringing(self) -> bool:
        """Whether it rang since it was answered."""
        return self._ringing.is_set()

    def answer(self) -> None:
        """Stop ringing; what rings from now on is new."""
        self._ringing.clear()

    async def wait(self, seconds: float) -> bool:
        """Return when it rings, or after so many seconds; whether it rang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ringing.wait()
        return self._ringing.is_set()


class DoorbellTarget(PassingTarget):
    """Passes a listener's batches on, and lets the doorbell hear its messages among them."""

    def __init__(self, target: CaptureTarget, bell: Doorbell) -> None:
        super().__init__(target)
        self._bell = bell

    def store(self, batch: Batch) -> None:
        """Store the records, then hear the doorbell."""
        super().store(batch)
        if _COMMAND in RecordBatch.of(batch.records).commands:
            for record in batch.records:
                if isinstance(record, Event) and _is_bell(record):
                    self._bell.hear(record)


def _is_bell(event: Event) -> bool:
    return (event.module_id, event.command) == ("rest", _COMMAND) and event.is_of_portal


def _entries(params: Any) -> list[Any]:
    return params if isinstance(params, list) else [params]


def _count(entry: Any, connector: str) -> int | None:
    """Return the changes that an entry announces for the connector; None for another one."""
    if not isinstance(entry, dict) or _connector(entry) != connector:
        return None
    return whole_number(entry.get("count")) or 1


def _connector(entry: dict[str, Any]) -> str | None:
    """Return the connector's name, empty for the application's own queue; None for no name."""
    name = entry.get("connector_id") or ""
    return str(name) if isinstance(name, str | int) else None
