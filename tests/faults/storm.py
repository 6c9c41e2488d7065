"""Events flow steadily while everything goes wrong: what is lost, what is doubled."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from bxpull_nb.listener import Listener, Timing
from bxpull_nb.models import PullConfig, Record
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal, read_journal
from tests.faults.proxy import ANSWERS, FaultProxy
from tests.support.listening import BOTH
from tests.support.targets import ListTarget

__all__ = ["FAULTS", "Outcome", "storm"]

_log = logging.getLogger("tests.faults")

COMMAND = "storm"
Fault = Callable[[Sandbox, FaultProxy, Random], object]

CHANNEL_ENDS = "channel ends"
FAULTS: dict[str, Fault] = {
    "cut": lambda _s, p, _r: p.cut(),
    "cut in a frame": lambda _s, p, r: p.cut(after=r.randrange(1, 3000)),
    "reset": lambda _s, p, _r: p.reset(),
    "half open": lambda _s, p, r: p.freeze(r.uniform(0.05, 0.4)),
    "hold up": lambda _s, p, r: p.hold_up(r.uniform(0.05, 0.3)),
    "byte by byte": lambda _s, p, r: p.split(r.randrange(50, 3000)),
    "answer": lambda _s, p, r: p.answer(r.choice(list(ANSWERS)), r.randrange(1, 4)),
    "server cuts": lambda s, _p, _r: s.drop_connections(),
    "restart": lambda s, _p, r: s.restart(r.uniform(0, 0.3)),
    "close code": lambda s, _p, r: s.close_connections(r.choice([1000, 4010, 4029, 3500])),
    "refused": lambda s, _p, r: s.refuse_handshakes(
        r.randrange(1, 4), r.choice([400, 401, 403, 429, 500, 503])
    ),
    "html": lambda s, _p, r: s.answer_html(r.randrange(1, 4)),
    "server stalls": lambda s, _p, r: s.stall(r.uniform(0.05, 0.3)),
    "half a frame": lambda s, _p, r: s.cut_frame(r.randrange(1, 4)),
    "garbage": lambda s, _p, r: s.garbage(r.randrange(1, 4)),
    "twice": lambda s, _p, r: s.duplicate(r.randrange(1, 60)),
    "backwards": lambda s, _p, r: s.reorder(r.randrange(2, 60)),
    "not delivered": lambda s, _p, r: s.lose(r.randrange(1, 30)),
    "announced": lambda s, _p, r: s.announce(r.choice(["server_restart", "config_expire"])),
}
"""Besides the end of a channel, which needs to know whether the previous end was noticed."""


class Outcome(msgspec.Struct):
    """The figures of a storm."""

    version: int
    transport: str
    seed: int
    published: int
    faults: Counter[str]
    lost: list[str]
    doubled: list[str]
    unknown: int
    """Events that were never published."""
    journal_lost: int
    journal_doubled: int
    reconnects: int
    recovered: int
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether every event came exactly once, and is in the journal exactly once."""
        wrong = (self.lost, self.doubled, self.unknown, self.journal_lost, self.journal_doubled)
        return not any(wrong)

    def __str__(self) -> str:
        return (
            f"version {self.version} {self.transport}, seed {self.seed}: {self.published} events, "
            f"{self.faults.total()} faults in {self.seconds:.0f} s: {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {self.unknown} unknown; journal {self.journal_lost} "
            f"lost, {self.journal_doubled} doubled; {self.reconnects} reconnects, "
            f"{self.recovered} recovered by audits"
        )


def storm(
    version: int,
    transport: str,
    *,
    events: int,
    faults: int,
    seed: int,
    rate: float,
    settle: float = 30.0,
) -> Outcome:
    """Publish events at `rate` a second with so many faults meanwhile; return the figures.

    Afterwards nothing goes wrong any more, and what is still missing has `settle` seconds.
    """
    begun = time.monotonic()
    with (
        TemporaryDirectory() as folder,
        Sandbox(
            server_version=version, rpc_ping=0.2, poll_hold=2.0, history_limit=events * 2 + 1000
        ) as sandbox,
        FaultProxy(sandbox.url.split("//")[1]) as proxy,
    ):
        weather = _Weather(sandbox, proxy, transport, events, faults, seed, rate)
        listener, records = asyncio.run(
            _listen(sandbox, proxy, transport, weather, Path(folder), settle)
        )
        return Outcome(
            version,
            transport,
            seed,
            len(weather.mids),
            weather.faults,
            *_compared(weather.mids, records),
            *_journal_compared(weather.mids, Path(folder)),
            listener.stats.reconnects,
            listener.stats.recovered,
            time.monotonic() - begun,
        )


class _Weather:
    """Two threads: one publishes, one makes the faults."""

    def __init__(
        self,
        sandbox: Sandbox,
        proxy: FaultProxy,
        transport: str,
        events: int,
        faults: int,
        seed: int,
        rate: float,
    ) -> None:
        self.mids: list[str] = []
        self.faults: Counter[str] = Counter()
        self._sandbox, self._proxy = sandbox, proxy
        self._events, self._wanted, self._rate = events, faults, rate
        self._random = Random(seed)
        self._ended: dict[str, str] = {}
        # They wait for a kind of connection that hardly comes, and would outlast the storm.
        self._without = "html" if transport == "websocket" else "refused"
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._publish, self._break)
        ]

    def begin(self, listener: Listener) -> None:
        """Start both threads."""
        self._listener = listener
        for thread in self._threads:
            thread.start()

    @property
    def is_over(self) -> bool:
        """Whether all events were published and all faults were made."""
        return not any(thread.is_alive() for thread in self._threads)

    def _publish(self) -> None:
        begun = time.monotonic()
        while len(self.mids) < self._events:
            due = min(self._events, int((time.monotonic() - begun) * self._rate) + 1)
            while len(self.mids) < due:
                n = len(self.mids)
                channel = BOTH if n % 7 == 0 else BOTH[n % 2]
                self.mids.append(self._sandbox.publish(COMMAND, {"n": n}, channel=channel))
            time.sleep(0.002)

    def _break(self) -> None:
        names = [name for name in (*FAULTS, CHANNEL_ENDS) if name != self._without]
        between = self._events / self._rate / max(1, self._wanted)
        for _ in range(self._wanted):
            name = self._random.choice(names)
            if name == CHANNEL_ENDS:
                self._end_channel()
            else:
                FAULTS[name](self._sandbox, self._proxy, self._random)
            self.faults[name] += 1
            _log.info("%s after %d events", name, len(self.mids))
            time.sleep(between * self._random.uniform(0.5, 1.5))
        self._proxy.heal()

    def _end_channel(self) -> None:
        """End a channel, unless the listener has not yet seen the latest end.

        What is published to a channel whose whole life falls into a broken line cannot be asked
        for: its id is not known. Real ones live twelve hours.
        """
        kind, action = self._random.choice(BOTH), self._random.choice(["get_config", "reconnect"])
        style, config = self._random.random() < 0.5, self._listener.config
        if config is not None and config.channels[kind].id != self._ended.get(kind):
            self._ended[kind] = config.channels[kind].id
            self._sandbox.expire_channel(kind, action, portal_style=style)


async def _listen(
    sandbox: Sandbox,
    proxy: FaultProxy,
    transport: str,
    weather: _Weather,
    folder: Path,
    settle: float,
) -> tuple[Listener, list[Record]]:
    rest = RestClient(AccessToken(sandbox.url, sandbox.token))

    async def fetch() -> PullConfig:
        return proxy.through(await rest.fetch_config())

    with Journal(folder, "os", rotate_bytes=4 * 1024 * 1024) as journal:
        target = ListTarget(journal)
        listener = Listener(
            fetch,
            target,
            channels=BOTH,
            transport=transport,
            timing=quick(),
        )
        task = asyncio.create_task(listener.run())
        try:
            await _until(lambda: listener.ready or task.done(), 20)
            weather.begin(listener)
            await _until(lambda: weather.is_over or task.done(), 3600)
            wanted = set(weather.mids)
            await _until(lambda: wanted <= _read(target.records) or task.done(), settle)
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])
            await rest.aclose()
    return listener, target.records


def quick() -> Timing:
    """Return timing with short waits, for a storm."""
    return Timing(
        delays=_soon,
        restart_pause=(0.05, 0.2),
        websocket_again=(0.3, 0.6),
        heartbeat=5.0,
        audit_every=1.0,
        audit_wait=3.0,
        baseline=0.3,
        renew_after=0.05,
    )


def _soon() -> Iterator[float]:
    return repeat(0.02)


async def _until(reached: Callable[[], bool], seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if reached():
            return
        await asyncio.sleep(0.1)


def _read(records: list[Record]) -> set[str | None]:
    return {record.mid for record in records if record.error is None}


def _compared(published: list[str], records: list[Record]) -> tuple[list[str], list[str], int]:
    came = Counter(r.mid for r in records if r.command == COMMAND and r.error is None)
    lost = sorted(set(published) - {mid for mid in came if mid})
    doubled = sorted(mid for mid, times in came.items() if mid and times > 1)
    return lost, doubled, len(came.keys() - set(published))


def _journal_compared(published: list[str], folder: Path) -> tuple[int, int]:
    stored = [record for batch in read_journal(folder) for record in batch.records]
    lost, doubled, _ = _compared(published, stored)
    return len(lost), len(doubled)
