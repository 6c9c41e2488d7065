"""Events flow steadily while everything goes wrong: what is lost, doubled, or wrongly claimed."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from bxpull_nb.capture.gap_report import Report
from bxpull_nb.storage.journal import read_journal
from tests.faults.claims import ClaimCheck, is_alarming
from tests.faults.kinds import FAULTS, HARMLESS
from tests.faults.site import Site, open_site
from tests.faults.truth import counted, doubled

__all__ = ["Outcome", "storm"]

_UNNOTICED = 2.5  # seconds, for a listener that looks at the clock every second
_log = logging.getLogger("tests.faults")


class Outcome(msgspec.Struct):
    """The figures of a storm."""

    version: int
    transport: str
    seed: int
    published: int
    hostile: int
    """Hostile messages among the events."""
    faults: Counter[str]
    lost: list[int]
    doubled: list[int]
    unknown: int
    """Events that were never published."""
    hostile_lost: list[str]
    hostile_doubled: list[str]
    journal_lost: int
    """Events that came and are not in the journal, although it did not report them as dropped."""
    journal_doubled: int
    excused: int
    """Events that are missing and not owed: the server did not store them, or was wiped."""
    wrong: list[str]
    """False claims and false alarms of the report, and errors that should not have been."""
    report: Report
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether every owed event came once, is in the journal once, and no claim was false."""
        return not any(
            (self.lost, self.doubled, self.unknown, self.hostile_lost, self.hostile_doubled,
             self.journal_lost, self.journal_doubled, self.wrong)
        )  # fmt: skip

    def __str__(self) -> str:
        return (
            f"version {self.version} {self.transport}, seed {self.seed}: {self.published} events, "
            f"{self.faults.total()} faults in {self.seconds:.0f} s: {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {self.unknown} unknown; {self.hostile} hostile, "
            f"{len(self.hostile_lost)} lost, {len(self.hostile_doubled)} doubled; journal "
            f"{self.journal_lost} lost, {self.journal_doubled} doubled; {self.excused} not stored "
            f"or wiped; {len(self.report.gaps)} gaps, {self.report.recovered} recovered by audits, "
            f"{self.report.resets} resets; {len(self.wrong)} wrong claims"
        )


def storm(
    version: int,
    transport: str,
    *,
    events: int,
    faults: int,
    seed: int,
    rate: float,
    kinds: Sequence[str] = tuple(FAULTS),
) -> Outcome:
    """Publish events at `rate` a second with so many faults meanwhile; return the figures.

    Afterwards nothing goes wrong any more, and events that are still missing have 30 s to come.
    """
    begun = time.monotonic()
    with open_site(version, transport, seed, events * 2 + 1000) as site:
        weather = _Weather(site, events, faults, rate, kinds)
        claims = ClaimCheck(site.truth)
        _until(lambda: site.feed.state == "connected", 20)
        weather.begin()
        _until(lambda: weather.is_over, 3600, lambda: _read(site, claims))
        site.heal()
        _until(lambda: site.truth.is_complete, 30, lambda: _read(site, claims))
        checked_after = site.clock.now_us()
        if transport == "websocket":
            _until(lambda: _is_checked(site, checked_after), 10)
        report = site.feed.report()
        claims.read_last(report)
        site.feed.stop()
        if set(kinds) <= set(HARMLESS) and transport == "websocket" and is_alarming(report):
            site.wrong.append(f"nothing is missing, and the report: {report.risk}")
        return _outcome(site, weather, report, claims, version, time.monotonic() - begun)


class _Weather:
    """Two threads: one publishes, one makes the faults."""

    def __init__(
        self, site: Site, events: int, faults: int, rate: float, kinds: Sequence[str]
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._site = site
        self._events, self._wanted, self._rate = events, faults, rate
        # They wait for a kind of connection that hardly comes, and would outlast the storm.
        without = "html" if site.transport == "websocket" else "refused"
        self._kinds = [kind for kind in kinds if kind != without]
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._publish, self._break)
        ]

    def begin(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    @property
    def is_over(self) -> bool:
        """Whether all events were published and all faults were made."""
        return not any(thread.is_alive() for thread in self._threads)

    def _publish(self) -> None:
        published, begun = self._site.truth.events, time.monotonic()
        while len(published) < self._events:
            due = min(self._events, int((time.monotonic() - begun) * self._rate) + 1)
            while len(published) < due:
                self._site.publish()
            time.sleep(0.002)

    def _break(self) -> None:
        random = self._site.random
        between = self._events / self._rate / max(1, self._wanted)
        for _ in range(self._wanted):
            name = random.choice(self._kinds)
            _log.info("%s after %d events", name, len(self._site.truth.events))
            try:
                FAULTS[name](self._site)
                self._site.run_due()
            except Exception as exc:  # noqa: BLE001 - the outcome shows it
                _log.exception("a fault failed")
                self._site.wrong.append(f"{name!r} raised {exc!r}")
            self.faults[name] += 1
            time.sleep(between * random.uniform(0.5, 1.5))


def _read(site: Site, claims: ClaimCheck) -> None:
    """Check the report, unless the listener may not have noticed the latest jump or wipe yet."""
    published, report = len(site.truth.events), site.feed.report()
    is_unnoticed = report.resets <= site.resets_before_wipe
    if time.monotonic() - site.clock_set_at > _UNNOTICED and not is_unnoticed:
        claims.read(report, published)


def _is_checked(site: Site, after_us: int) -> bool:
    report = site.feed.report()
    return report.checked_us is not None and after_us <= report.checked_us


def _until(
    reached: Callable[[], bool], seconds: float, meanwhile: Callable[[], object] = lambda: None
) -> None:
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        meanwhile()
        time.sleep(0.1)


def _outcome(
    site: Site, weather: _Weather, report: Report, claims: ClaimCheck, version: int, seconds: float
) -> Outcome:
    truth = site.truth
    journaled = counted(record for batch in read_journal(site.folder) for record in batch.records)
    journal = site.feed.journal
    dropped = journal.stats.dropped_events if journal else 0
    lost = truth.lost()
    return Outcome(
        version=version,
        transport=site.transport,
        seed=site.seed,
        published=len(truth.events),
        hostile=truth.hostile,
        faults=weather.faults,
        lost=lost,
        doubled=doubled(truth.came),
        unknown=truth.unknown(),
        hostile_lost=truth.lost_hostile(),
        hostile_doubled=truth.doubled_hostile(),
        journal_lost=max(0, len(truth.came.keys() - journaled.keys()) - dropped),
        journal_doubled=len(doubled(journaled)),
        excused=len(truth.missing()) - len(lost),
        wrong=[*site.wrong, *claims.lies[:5]],
        report=report,
        seconds=seconds,
    )
