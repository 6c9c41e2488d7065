"""Chat events: the user's queue of the messenger, read regularly.

The portal deletes what is below the `offset` of a call, so an offset is given only when everything
below it is on disk.
"""

import asyncio
from typing import Any

from bxpull_nb.listener import CaptureTarget, Timing
from bxpull_nb.models import Arrival, RecordBatch
from bxpull_nb.models.fields import whole_number
from bxpull_nb.protocol.session import SeenMids
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.answers import Row, batch_of, chat_message, rows_of, seconds_of
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["ChatSource"]

_MOST = 100  # events in an answer
_ONE_READER = (
    "a user's chat events have one reader: another program that reads them for this user does "
    "not get those that this feed takes. Stop it, or listen without chat=True."
)


class ChatSource:
    """Reads the chat events of the user into a target until cancelled.

    `since` is when the capture began, in Unix seconds by the portal's clock: earlier events are
    left out. With `backfill` all are stored that the portal has, which are those of 24 hours.
    """

    def __init__(
        self,
        client: PacedClient,
        target: CaptureTarget,
        log: SourceLog,
        timing: Timing,
        *,
        seen: SeenMids,
        backfill: bool,
        since: float | None,
    ) -> None:
        self.log = log
        self.seen = seen
        self._client = client
        self._target = target
        self._timing = timing
        self._backfill = backfill
        self._since = since
        self._offset: int | None = None

    async def begin(self) -> None:
        """Subscribe; raises what keeps the source from running."""
        self.log.note_once("one_reader", _ONE_READER)
        if self._since is None:
            self._since = seconds_of(await self._client.call("server.time"))
        await self._client.call("im.v2.Event.subscribe")

    def ready_text(self) -> str:
        """Return what it listens to."""
        return f"subscribed to the user's chat events, read every {self._timing.chat_every:.0f} s"

    async def step(self) -> None:
        """Read the queue until it is empty, again and again."""
        while True:
            while await self._take():
                pass
            self.log.stats.readings += 1
            await self._timing.sleep(self._timing.chat_every)

    async def unbind(self) -> None:
        """End the subscription; raises the portal's refusal."""
        await self._client.call("im.v2.Event.unsubscribe")

    async def _take(self) -> bool:
        """Take one page of events, and acknowledge the page before; whether there is more."""
        params: dict[str, Any] = {"limit": _MOST}
        if self._offset is not None:
            params["offset"] = self._offset
        answer = mapping(await self._client.call("im.v2.Event.get", params))
        rows = rows_of(answer)
        self._store([row for row in rows if self._is_wanted(row)])
        await self._until_safe()
        offset = whole_number(answer.get("nextOffset"))
        has_moved = offset is not None and offset != self._offset
        self._offset = self._offset if offset is None else offset
        return bool(answer.get("hasMore")) and has_moved

    def _is_wanted(self, row: Row) -> bool:
        moment = seconds_of(row.get("date"))
        if self._backfill or moment is None or self._since is None:
            return True
        return moment >= int(self._since)  # the portal's dates are whole seconds

    def _store(self, rows: list[Row]) -> None:
        """Store the events that are new."""
        arrival = Arrival(self.log.now_us(), None, None, self.log.name)
        messages = list(map(chat_message, rows))
        plain = RecordBatch.of(batch_of(messages, arrival).records)
        known = set(self.seen.known_places(plain))
        self.log.stats.duplicates += len(known)
        fresh = [message for place, message in enumerate(messages) if place not in known]
        if fresh:
            batch = batch_of(fresh, arrival)
            self._target.store(batch)
            self.seen.add(batch.records)
            self.log.count(len(batch.records))

    async def _until_safe(self) -> None:
        """Return when the disk has the events: until then the portal keeps them."""
        while not await asyncio.to_thread(self._target.is_safe):
            self.log.note_once(
                "not_safe", "the journal takes nothing: events stay in the portal's queue."
            )
            await self._timing.sleep(1.0)
