"""A capture as a process has it: a listener, a journal, and the records it handed over."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec

from bxpull_nb.listener import (
    Beginnings,
    Listener,
    ListenerStats,
    Timing,
    audit,
    beginning,
    polling,
    transport,
)
from bxpull_nb.models import Batch, Event, LogEntry, PullConfig, Record
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.storage.journal import Journal, read_journal
from bxpull_nb.storage.journal.files import journal_files
from tests.support.configs import seed_answer
from tests.support.listening import BOTH
from tests.support.model_connections import ModelConnection, poll_client
from tests.support.model_server import ModelServer
from tests.support.stepped_loop import SteppedLoop

if TYPE_CHECKING:
    from bxpull_nb.protocol.session import Resume

__all__ = ["AUDIT_EVERY", "BEGUN", "Client", "numbers_of"]

BEGUN = 1_767_225_600.0
"""Unix seconds at which the loop's clock would be at zero."""
AUDIT_EVERY = 20.0
"""Seconds."""


class KilledError(Exception):
    """The process ends while it writes: it runs nothing any more."""


class Client:
    """Runs one listener after another, as one user's processes, over one journal in `folder`."""

    def __init__(self, loop: SteppedLoop, server: ModelServer, folder: Path) -> None:
        self.listener: Listener | None = None
        self.handed_over: list[int] = []
        """The numbers of all messages that reached the target, over all processes."""
        self.resets = dict.fromkeys(BOTH, 0)
        """The resets that each lane counted in this process."""
        self.placed: set[str] = set()
        """The lanes that have a position in the journal."""
        self.tells_by_time = False
        """Whether a lane of this process continues without a position: old is told by the time."""
        self.kill_at: float | None = None
        """Which part of the next record is written before the process is killed; None for none."""
        self.is_ready = False
        """Whether the capture was ready at some time."""
        self.clock_offset = 0.0
        """Seconds by which this machine's clock is wrong."""
        self.slept = 0.0
        """Seconds for which the machine slept."""
        self.checked: dict[str, tuple[float, float]] = {}
        """The time of which audits found everything: by lane, by the portal's clock."""
        self._clock: list[tuple[int, int, float]] = []  # this machine's, and the portal's
        self._since: dict[str, float] = {}
        self._loop, self._server, self._folder = loop, server, folder
        self._journal: Journal | None = None
        self._task: asyncio.Task[None] | None = None
        self._resume: Resume | None = None
        self._stats = ListenerStats()
        self._patches = ExitStack()
        self._is_killed = False
        self._torn_from: dict[str, int] = {}

    def __enter__(self) -> "Client":
        for module in (polling, audit, beginning):
            brings = module is not beginning  # that poll only looks where the history ends
            client = partial(poll_client, self._server, brings=brings)
            self._patches.enter_context(patch.object(module, "PollClient", client))
        connect = partial(ModelConnection, self._server)
        self._patches.enter_context(patch.object(transport, "connect", connect))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end()
        self._patches.close()

    @property
    def is_running(self) -> bool:
        """Whether a process captures."""
        return self.listener is not None

    def start(self, by: str) -> None:
        """Start, or continue: from this process's own state, else from the journal."""
        journal = self._journal = Journal(
            self._folder,
            "os",
            rotate_bytes=3000,
            clock=self._now_ns,
            monotonic=self._monotonic,
        ).open()
        resume = self._resume or journal.resume()
        self.tells_by_time = False
        self.listener = Listener(
            self._fetch,
            self,
            channels=BOTH,
            transport=by,
            resume=resume,
            stats=self._stats,
            timing=self._timing(),
        )
        self._task = self._loop.create_task(self.listener.run())
        self.step(0.001)
        for lane in self.listener.lanes:
            view, session = self._server.lanes[lane.name], lane.session
            is_unplaced = resume.since is not None and not session.has_begun
            self.tells_by_time |= is_unplaced
            known = max(session.newest or "", session.resume_point() or "")
            view.top = min(view.top, known)  # what was not written before a kill is not known
            if known == FULL_HISTORY:
                view.learn("", self._server.era)

    def stop(self) -> None:
        """Stop as `feed.stop` does; the process lives on and knows where it was."""
        if self.listener is not None:
            self._resume = self.listener.resume_state()
            self._end()
            self._server.forget_process(set(self.handed_over))

    def kill(self) -> None:
        """Kill the process between two steps."""
        self._end()
        self._forget()

    def step(self, seconds: float) -> None:
        """Let the time pass; a process that was killed meanwhile is gone afterwards."""
        begun_us, begun_at = self._now_ns() // 1000, self._server.now()
        self._loop.step(seconds)
        self._clock.append((begun_us, self._now_ns() // 1000, begun_at))
        self._note_covered()
        if self._is_killed:
            self._end()
            self._tear()
            self._forget()
        if self.listener is not None and self._task is not None:
            if self._task.done():
                self._task.result()
            self.is_ready = self.is_ready or self.listener.ready

    def journaled(self) -> list[int]:
        """Return the numbers of all messages in the journal."""
        with suppress(FileNotFoundError):
            return [n for batch in read_journal(self._folder) for n in numbers_of(batch.records)]
        return []

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Note in the journal when the capture began, and after which mids."""
        if self._is_killed or self._journal is None:
            raise KilledError
        self._journal.began(since, beginnings)
        self.placed |= {lane or "" for lane, _ in beginnings}

    def store(self, batch: Batch) -> None:
        """Write the batch to the journal, then hand it over; or be killed in between."""
        if self._is_killed or self._journal is None:
            raise KilledError
        if self.kill_at is not None and batch.records:
            self._torn_from = self._file_sizes()
            self._journal.write(batch)
            self._is_killed = True
            raise KilledError
        self._journal.write(batch)
        self.placed |= {batch.arrival.channel or ""} if batch.records else set()
        for number in numbers_of(batch.records):
            self.handed_over.append(number)
            self._server.kept(number)

    def is_safe(self) -> bool:
        """Return True: there is no disk."""
        return True

    def happened(self, entry: LogEntry) -> None:
        """Count a reset."""
        if entry.kind == "reset" and entry.channel is not None:
            self.resets[entry.channel] += 1
            view = self._server.lanes[entry.channel]
            has_started_over = "another channel" in entry.text  # it asks for everything next
            view.learn("" if has_started_over else view.last, self._server.era)

    def changed(self) -> None:
        """Do nothing: the test looks after each step."""

    def _note_covered(self) -> None:
        for lane in BOTH:
            if lane in self._stats.covered_us:
                self._since[lane] = self._at(self._stats.covered_us[lane])
            if lane in self._stats.audited_us:
                until = self._at(self._stats.audited_us[lane])
                self.checked[lane] = self._since.get(lane, 0.0), until

    def _at(self, at_us: int) -> float:
        """Return the portal's time when this machine's clock showed this, for the last time."""
        parts = (part for part in reversed(self._clock) if part[0] <= at_us <= part[1])
        begun_us, _, begun_at = next(parts)
        return begun_at + (at_us - begun_us) / 1e6

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._loop.run_until_complete(asyncio.wait([self._task]))
            if not self._task.cancelled():
                self._task.exception()
        if self._journal is not None:
            self._journal.close()
        self.listener = self._task = self._journal = None

    def _forget(self) -> None:
        """Lose what only the process knew: the next one has the journal."""
        self._resume, self._stats = None, ListenerStats()
        self.checked.clear()
        self._since.clear()
        self._is_killed, self.kill_at = False, None
        self.resets = dict.fromkeys(BOTH, 0)
        self.handed_over = self.journaled()
        self._server.forget_process(set(self.handed_over))
        self._server.channels.known.clear()

    def _tear(self) -> None:
        """Cut off a part of the record that was being written."""
        newest = journal_files(self._folder)[-1]
        size, begun = newest.stat().st_size, self._torn_from.get(newest.name, 0)
        with newest.open("r+b") as file:
            file.truncate(begun + round((size - begun) * (self.kill_at or 0.0)))

    def _file_sizes(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in journal_files(self._folder)}

    async def _fetch(self) -> PullConfig:
        answer = msgspec.to_builtins(seed_answer())
        answer["server"]["version"] = self._server.version
        answer["channels"] = self._server.channels.answer()
        return PullConfig.from_answer(
            answer, portal_time=datetime.fromtimestamp(self._server.now(), UTC)
        )

    def _timing(self) -> Timing:
        return Timing(
            clock=self._now_ns,
            monotonic=self._monotonic,
            sleep=asyncio.sleep,
            delays=_delays,
            jitter=lambda: 0.5,
            audit_every=AUDIT_EVERY,
            audit_again=4.0,
        )

    def _now_ns(self) -> int:
        return int((BEGUN + self._monotonic() + self.clock_offset) * 1e9)

    def _monotonic(self) -> float:
        return self._loop.time() + self.slept


def numbers_of(records: Iterable[Record]) -> list[int]:
    """Return the numbers of these messages."""
    return [record.params["n"] for record in records if type(record) is Event]


def _delays() -> Iterator[float]:
    return repeat(0.5)
