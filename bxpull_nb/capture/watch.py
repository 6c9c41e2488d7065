"""Watching for drift: what a running capture never had before, and what it no longer has.

The watch reads the log on a thread of its own, a few times a second. The listener's thread does
nothing for it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.analysis.intervals import Span, duration
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.checks import checked_function, shown
from bxpull_nb.capture.selection import error_text
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask_text
from bxpull_nb.models import LogEntry
from bxpull_nb.query.compare import checked_chance
from bxpull_nb.query.novelty import Novelties, Novelty, readable_texts
from bxpull_nb.query.pauses import Pauses, Silence
from bxpull_nb.query.walked import names_of
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["OnFound", "Watch", "WatchSettings"]

_log = logging.getLogger("bxpull_nb")
OnFound = Callable[[LogEntry], object]
_EVERY = 0.25  # seconds between two looks
_AT_ONCE = 65_536  # rows that are read from the log together
_CALM = 0.8  # of the limit: below it, a rate above is news again
_LONGEST = 80  # characters of a name in an entry
_COLUMNS = ["received_at", "module_id", "command", "params", "error"]


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """The kinds of drift that a watch looks for; SettingsError for a wrong value."""

    new_command: bool = True
    new_path: bool = True
    type_change: bool = True
    silence: Span | None = None
    """The least time without a command, or without any event, that is one."""
    rate_above: float | None = None
    """Events per second, over ten seconds."""
    chance: float = 0.01

    def __post_init__(self) -> None:
        checked_chance(self.chance)
        if self.silence is not None:
            duration(self.silence, "silence")
        rate = self.rate_above
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
            raise SettingsError(f"rate_above={shown(rate)}: give events per second, or None.")

    @property
    def kinds(self) -> set[str]:
        """The kinds of novelty that are reported."""
        wanted = {
            "new_command": self.new_command,
            "new_path": self.new_path,
            "type_changed": self.type_change,
        }
        return {kind for kind, is_wanted in wanted.items() if is_wanted}

    @property
    def silence_us(self) -> int | None:
        """The least silence in microseconds."""
        if self.silence is None:
            return None
        return round(duration(self.silence, "silence").total_seconds() * 1e6)


class Watch:
    """Looks at new events for drift, until `stop`; `found` are its entries of the activity log.

    `on_found` is called with each of them on the watch's own thread. `now_us` is the capture's
    clock in Unix microseconds, `rate` gives events per second, `is_connected` whether events can
    come. All that was in the log at the beginning counts as known.
    """

    def __init__(
        self,
        log: EventLog,
        logbook: ActivityLog,
        settings: WatchSettings,
        on_found: OnFound | None = None,
        *,
        now_us: Callable[[], int],
        rate: Callable[[], float],
        is_connected: Callable[[], bool] = lambda: True,
    ) -> None:
        if on_found is not None:
            checked_function("the callback", on_found)
        self.found: list[LogEntry] = []
        self.missed = 0
        """Events that a bounded log had forgotten before the watch looked."""
        self._log, self._logbook, self._settings = log, logbook, settings
        self._on_found, self._now_us, self._rate = on_found, now_us, rate
        self._is_connected = is_connected
        self._novelties, self._pauses = Novelties(settings.chance), Pauses()
        self._next, self._learnt = 0, len(log)
        self._was_above = self._was_silent = False
        self._last_us = now_us()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> "Watch":
        """Look from now on, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="bxpull-watch", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more; what was found stays."""
        self._stopped.set()

    @property
    def running(self) -> bool:
        """Whether it still looks."""
        return self._thread is not None and not self._stopped.is_set()

    def look(self) -> list[LogEntry]:
        """Look at the new events and at the time; log and return the findings."""
        entries = [*self._in_events(), *self._in_time()]
        for entry in entries:
            self.found.append(entry)
            self._logbook.add(entry)
            self._call(entry)
        return entries

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        last = f", last: {self.found[-1].text[:120]}" if self.found else ""
        return f"Watch({state}, {len(self.found):,} found{last})"

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY):
            try:
                self.look()
            except Exception as exc:  # noqa: BLE001 - the capture goes on, and so does the watch
                _log.warning("the watch failed: %s", error_text(exc))
        self._novelties.close()

    def _call(self, entry: LogEntry) -> None:
        if self._on_found is None:
            return
        try:
            self._on_found(entry)
        except BaseException as exc:  # noqa: BLE001 - SystemExit too must not end the thread
            text = f"the callback of the watch failed: {error_text(exc)}"
            _log.warning("%s", text)
            self._logbook.add(self._entry("handler_failed", text))

    def _in_events(self) -> list[LogEntry]:
        """Return what is new in the rows since the last look."""
        entries: list[LogEntry] = []
        while self._next < len(self._log) and not self._stopped.is_set():
            df = self._log.df
            self.missed += max(self._log.forgotten - self._next, 0)
            begin = max(self._next, int(df.index[0]) if len(df) else self._next)
            is_old = begin < self._learnt
            end = min(begin + _AT_ONCE, self._learnt if is_old else begin + _AT_ONCE)
            rows = df.loc[begin : end - 1, _COLUMNS]
            if not len(rows):
                break
            self._next = begin + len(rows)
            table = pa.Table.from_pandas(rows, preserve_index=False)
            entries += self._in_table(table, learn=is_old)
        return entries

    def _in_table(self, table: pa.Table, *, learn: bool) -> list[LogEntry]:
        if self._settings.silence is not None:
            self._add_pauses(table)
        if not self._settings.kinds:
            return []
        found = self._novelties.look(readable_texts(table), learn=learn)
        return [
            self._entry(one.kind, _in_words(one), one.events)
            for one in found
            if one.kind in self._settings.kinds
        ]

    def _add_pauses(self, table: pa.Table) -> None:
        table = table.filter(pc.is_valid(table["received_at"]))
        coded = names_of(table).combine_chunks().dictionary_encode()
        times = pc.cast(table["received_at"], pa.int64()).to_numpy()
        if len(times):
            self._last_us = max(self._last_us, int(times.max()))
            self._was_silent = False
            codes = coded.indices.to_numpy().astype(np.int64)
            self._pauses.add(coded.dictionary.to_pylist(), codes, times)

    def _in_time(self) -> list[LogEntry]:
        """Return what the clock shows: silences, and a rate above the limit."""
        entries = []
        now, limit = self._now_us(), self._settings.rate_above
        if limit is not None:
            rate = self._rate()
            if rate > limit and not self._was_above:
                text = f"{rate:,.1f} events per second, more than {limit:,g}"
                entries.append(self._entry("rate_above", text))
            self._was_above = rate > (limit * _CALM if self._was_above else limit)
        if self._settings.silence_us is not None:
            entries += self._silences(now, self._settings.silence_us)
        return entries

    def _silences(self, now: int, least_us: int) -> list[LogEntry]:
        if not self._is_connected():
            self._last_us = now
            self._pauses.interrupted(now)
            return []
        if now - self._last_us >= least_us:
            if self._was_silent:
                return []
            self._was_silent = True
            self._pauses.silent(now, least_us)  # of all commands, the one entry is enough
            gap = _seconds(now - self._last_us)
            return [self._entry("silent", f"no event of any command for {gap}")]
        return [
            self._entry("silent", _silence_in_words(one, now), one.events)
            for one in self._pauses.silent(now, least_us)
        ]

    def _entry(self, kind: str, text: str, count: int | None = None) -> LogEntry:
        return LogEntry(at_us=self._now_us(), kind=kind, text=text, count=count)


_WORDS = {
    "new_command": "{command} is a new command",
    "new_path": "{command} has a new path: params.{path}",
    "type_changed": "{command}: params.{path} is now {type}",
}


def _in_words(one: Novelty) -> str:
    names = {name: _name(getattr(one, name)) for name in ("command", "path", "type")}
    counts = f"{one.events:,} of the last {one.of:,} events, 0 of {one.before:,} before"
    return (
        f"{_WORDS[one.kind].format(**names)} ({counts}; chance below {max(one.chance, 1e-9):.1g})"
    )


def _silence_in_words(one: Silence, now: int) -> str:
    gap, longest = _seconds(now - one.last_us), _seconds(one.longest_us)
    return f"{_name(one.command)} has not come for {gap}; its longest pause before was {longest}"


def _name(name: str | None) -> str:
    masked = mask_text(name or "?")
    return masked if len(masked) <= _LONGEST else f"{masked[: _LONGEST - 1]}…"


def _seconds(microseconds: int) -> str:
    seconds = microseconds / 1e6
    return f"{seconds:.3g} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
