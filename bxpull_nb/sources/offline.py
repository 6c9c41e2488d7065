"""Offline events: the portal's queue, read when the doorbell rings, and regularly.

Records are marked on the portal, noted, stored, and only then deleted there. A crash between two of
these steps costs a repetition: the noted process is asked again, and known records are dropped.
Records that were marked while their answer was lost are found by `event.offline.list`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bxpull_nb.errors import ApiError, BxPullError, SettingsError, UnexpectedAnswer
from bxpull_nb.listener import CaptureTarget, Timing
from bxpull_nb.masking import reason_of
from bxpull_nb.models import Arrival, Batch, RecordBatch
from bxpull_nb.protocol.session import SeenMids
from bxpull_nb.rest.auth import Webhook
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.answers import Row, batch_of, offline_message, rows_of
from bxpull_nb.sources.bindings import Bindings
from bxpull_nb.sources.doorbell import Doorbell
from bxpull_nb.sources.enrich import Objects
from bxpull_nb.sources.marks import ForeignMarks
from bxpull_nb.sources.noted import ProcessNote
from bxpull_nb.sources.options import Sources
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["OfflineSource"]

_MOST = 50  # records in an answer
_WEBHOOK = (
    "offline events need an application's authorization, not a webhook: connect(url, token=...) "
    "with the token of an administrator."
)
_NO_MARKS = (
    "this portal's plan cannot mark records (rest_offline_extended): it deletes them as it gives "
    "them, so an answer that does not arrive, or a crash before the disk has it, loses up to 50 "
    "changes."
)
_NO_BELL = (
    "no doorbell was heard for changes that are in the queue: it is read every {:.0f} s. Listen "
    "to the shared channel to hear it."
)


class OfflineSource:
    """Reads the queue of offline events into a target until cancelled."""

    def __init__(
        self,
        client: PacedClient,
        options: Sources,
        target: CaptureTarget,
        log: SourceLog,
        timing: Timing,
        *,
        bell: Doorbell,
        seen: SeenMids,
        note: ProcessNote,
    ) -> None:
        self.log = log
        self.seen = seen
        self.bindings = Bindings(client, options, log)
        self._client = client
        self._target = target
        self._timing = timing
        self._bell = bell
        self._note = note
        self._objects = Objects(client, log) if options.enrich else None
        connector = options.auth_connector
        self._queue = {} if connector is None else {"auth_connector": connector}
        self._marks = ForeignMarks(client, self._queue, log, timing)
        self._can_mark = True
        self._to_clear: Mapping[str, Any] | None = None

    async def begin(self) -> None:
        """Bind the events; raises what keeps the source from running."""
        self._to_clear = None  # after a failure the note has them
        if isinstance(self._client.rest.auth, Webhook):
            raise SettingsError(_WEBHOOK)
        self._can_mark = await self._plan_has_marks()
        if not self._can_mark:
            self.log.note_once("source_weaker", _NO_MARKS)
        await self.bindings.bind()

    def ready_text(self) -> str:
        """Return what it listens to."""
        count = len(self.bindings.bound)
        return f"{count} events bound ({self.bindings.bound[0]}{', …' * (count > 1)})"

    async def step(self) -> None:
        """Read the queue until it is empty, then wait for the doorbell or the next reading."""
        await self._empty(rang=True)
        while True:
            seconds = self._timing.offline_every
            if self._marks.are_possible:
                seconds = min(seconds, self._timing.adopt_after)
            rang = await self._bell.wait(seconds)
            await self._empty(rang=rang)

    async def unbind(self) -> None:
        """End the bindings; raises the portal's refusal."""
        await self.bindings.unbind()

    async def _empty(self, *, rang: bool) -> None:
        """Store everything that is in the queue, and delete it there."""
        before = self.log.stats.events
        if self._can_mark:
            await self._finish_noted()
            await self._adopt()
        while await self._take():
            pass
        stats = self.log.stats
        stats.readings += 1
        stats.announced = self._bell.announced
        if not rang and stats.events > before and not self._bell.was_heard:
            self.log.note_once("doorbell_missing", _NO_BELL.format(self._timing.offline_every))

    async def _take(self) -> bool:
        """Take up to fifty records; whether there may be more."""
        self._bell.answer()
        params = {**self._queue, "clear": int(not self._can_mark), "limit": _MOST}
        self._marks.asked()
        answer = await self._cleared_and_got(params)
        self._marks.answered()
        rows, process_id = rows_of(answer), mapping(answer).get("process_id")
        if rows and self._can_mark and not process_id:
            raise UnexpectedAnswer(
                "event.offline.get: the answer names no process_id, so its records cannot be "
                "deleted. Is this the REST interface of a portal?",
                method="event.offline.get",
            )
        has_more = len(rows) >= _MOST
        if rows:
            await self._store_safely(str(process_id), rows)
            await self._clear(str(process_id), rows, soon=has_more or self._bell.is_ringing)
        return has_more or self._to_clear is not None

    async def _cleared_and_got(self, params: Mapping[str, Any]) -> Any:
        """Return the answer to `event.offline.get`; delete stored records by the same call.

        When the deletion is refused, the answer counts as lost: its records are found again.
        """
        if self._to_clear is None:
            return await self._client.call("event.offline.get", params)
        clear, self._to_clear = self._to_clear, None
        calls = {"clear": ("event.offline.clear", clear), "get": ("event.offline.get", params)}
        async with self._deleting(clear["process_id"]):
            answer = await self._client.batch(calls)
            _ = answer["clear"]  # raises its refusal
        return answer["get"]

    async def _finish_noted(self) -> None:
        """Ask again for the records that an earlier process, or a failure, left marked."""
        process_id = self._note.read()
        if process_id is None:
            return
        if self._note.is_stored:
            await self._delete({**self._queue, "process_id": process_id})
        else:
            await self._finish(process_id)

    async def _adopt(self) -> None:
        """Take over the records of processes that marked them and were not heard of since."""
        for process_id in await self._marks.left_behind():
            await self._finish(process_id)

    async def _finish(self, process_id: str) -> None:
        params = {**self._queue, "process_id": process_id, "clear": 0, "limit": _MOST}
        rows = rows_of(await self._client.call("event.offline.get", params))
        if rows:
            await self._store_safely(process_id, rows)
            await self._clear(process_id, rows)
        else:
            self._note.forget()

    async def _store_safely(self, process_id: str, rows: list[Row]) -> None:
        """Note the process, store its records, and return when the disk has them."""
        if self._can_mark:
            await self._noted(process_id)
        await self._store(rows)
        await self._until_safe()

    async def _clear(self, process_id: str, rows: list[Row], *, soon: bool = False) -> None:
        """Delete the records on the portal: now, or with the call that is made `soon`."""
        if not self._can_mark:
            return
        params: dict[str, Any] = {**self._queue, "process_id": process_id}
        ids = [row["ID"] for row in rows if row.get("ID")]
        if len(ids) == len(rows):  # otherwise all records of the process, which are these
            params["id"] = ids
        if soon:
            self._to_clear = params
            return
        await self._delete(params)

    async def _delete(self, params: Mapping[str, Any]) -> None:
        async with self._deleting(params["process_id"]):
            await self._client.call("event.offline.clear", params)

    @asynccontextmanager
    async def _deleting(self, process_id: str) -> AsyncIterator[None]:
        """Forget the note once its records are deleted; when they are not, note them as stored.

        Then they are not asked for again: the journal's newest events may no longer have them.
        """
        try:
            yield
        except BxPullError:
            await self._noted(process_id, is_stored=True)
            raise
        self._note.forget()

    async def _noted(self, process_id: str, *, is_stored: bool = False) -> None:
        try:
            await asyncio.to_thread(self._note.write, process_id, is_stored=is_stored)
        except OSError as exc:
            reason = reason_of(exc)
            self.log.note_once("note_failed", f"the process cannot be noted on disk: {reason}")

    async def _store(self, rows: list[Row]) -> None:
        """Store the records that are new, with their objects."""
        arrival = Arrival(self.log.now_us(), None, None, self.log.name)
        plain = RecordBatch.of(batch_of([offline_message(row) for row in rows], arrival).records)
        known = set(self.seen.known_places(plain))
        fresh = [row for place, row in enumerate(rows) if place not in known]
        self.log.stats.duplicates += len(known)
        if not fresh:
            return
        objects = await self._objects.of(fresh) if self._objects else [None] * len(fresh)
        messages = map(offline_message, fresh, objects)
        self._hand_over(batch_of(list(messages), arrival))

    def _hand_over(self, batch: Batch) -> None:
        self._target.store(batch)
        self.seen.add(batch.records)
        self.log.count(len(batch.records))

    async def _until_safe(self) -> None:
        """Return when the disk has the records: until then the portal keeps them."""
        while not await asyncio.to_thread(self._target.is_safe):
            self.log.note_once(
                "not_safe", "the journal takes nothing: records stay in the portal's queue."
            )
            await self._timing.sleep(1.0)

    async def _plan_has_marks(self) -> bool:
        """Whether records can be marked; where the portal does not know, it will refuse."""
        try:
            answer = await self._client.call("feature.get", {"CODE": "rest_offline_extended"})
        except ApiError as exc:
            if exc.code.upper() != "ERROR_METHOD_NOT_FOUND":
                raise
            return False
        value = mapping(answer).get("value", answer)
        return str(value).upper() in ("Y", "TRUE", "1")
