"""Replays by a clock that the test controls."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb.capture.replay import Replay
from bxpull_nb.errors import ConnectionFailed, FileFormatError, SettingsError
from bxpull_nb.listener import Beginnings, ListenerStats
from bxpull_nb.models import Arrival, BadFrame, Batch, Event, LogEntry, Record
from bxpull_nb.storage.eventlog import EventLog, StoredRows
from bxpull_nb.storage.export import to_parquet
from tests.support.rows import records
from tests.support.targets import ListTarget

START = 1767225600_000000


class Clock:
    """A clock that only `sleep` moves; it notes when batches came."""

    def __init__(self) -> None:
        self.now = 50.0
        self.sleeps: list[float] = []
        self.came: list[tuple[float, int]] = []
        self.log = EventLog()
        self.rewound_to: list[int] = []
        self.entries: list[LogEntry] = []
        self.on_change: Callable[[], object] = lambda: None

    async def sleep(self, seconds: float) -> None:
        """Move the clock by so many seconds, at once."""
        self.now += seconds
        if seconds:
            self.sleeps.append(seconds)
        await asyncio.sleep(0)

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Do nothing: a replay has no first connection."""

    def is_safe(self) -> bool:
        """Return True: there is no disk."""
        return True

    def happened(self, entry: LogEntry) -> None:
        """Keep the entry."""
        self.entries.append(entry)

    def changed(self) -> None:
        """Notify the test."""
        self.on_change()

    def store(self, batch: Batch) -> None:
        """Keep the rows, and when they came."""
        self.came.append((round(self.now - 50, 3), len(batch.records)))
        self.log.extend(batch.records)

    def rewound(self, rows: StoredRows) -> None:
        """Hold these rows only; note their number."""
        self.rewound_to.append(len(rows))
        self.log.replace(rows)

    def replay(self, source: Any, **settings: Any) -> Replay:
        """Return a replay by this clock into this log."""
        return Replay(source, self, monotonic=lambda: self.now, sleep=self.sleep, **settings)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end, which is never far."""
    asyncio.run(asyncio.wait_for(work, 20))


def at(seconds: float | None, number: int = 1) -> Event:
    """Return an event that arrived so many seconds after the start."""
    received = None if seconds is None else START + round(seconds * 1e6)
    return Event(str(number), "crm", "deal", b"{}", 1767225600.25, None, Arrival(received))


def frame(*rows: Record) -> pd.DataFrame:
    """Return the DataFrame of a log with these rows."""
    log = EventLog()
    log.extend(rows)
    return log.df


@pytest.mark.parametrize(
    ("speed", "came"),
    [
        (1, [(0, 1), (2, 2), (5, 1)]),
        (10, [(0, 1), (0.2, 2), (0.5, 1)]),
        (0.5, [(0, 1), (4, 2), (10, 1)]),
        (math.inf, [(0, 4)]),
    ],
)
def test_gaps_are_as_recorded_divided_by_the_speed(
    speed: float, came: list[tuple[float, int]]
) -> None:
    """Events of one moment come together."""
    clock = Clock()
    run(clock.replay(frame(at(0), at(2), at(2), at(5)), speed=speed).run())
    assert clock.came == came


def test_at_high_speed_it_wakes_at_most_a_hundred_times_a_second() -> None:
    """Ten thousand events in a second make a hundred batches."""
    clock = Clock()
    run(clock.replay(frame(*(at(n / 100) for n in range(10_000))), speed=100).run())
    assert len(clock.came) == pytest.approx(100, abs=2)
    assert sum(rows for _, rows in clock.came) == 10_000
    assert min(clock.sleeps) == 0.01


def test_at_once_is_in_batches_too() -> None:
    """The loop's other tasks run in between, without a delay."""
    clock = Clock()
    run(clock.replay(frame(*(at(n, n) for n in range(20_000))), speed=math.inf).run())
    assert [rows for _, rows in clock.came] == [8192, 8192, 3616]
    assert clock.sleeps == []


def test_a_seek_brings_the_rows_before_it_at_once() -> None:
    """The rows after it keep their gaps."""
    clock = Clock()
    replay = clock.replay(frame(at(0), at(100), at(200), at(203)))

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if replay.played == 1:
            replay.seek(200.0)

    replay._sleep = sleep
    run(replay.run())
    assert [(round(when), rows) for when, rows in clock.came] == [(0, 1), (0, 2), (3, 1)]
    assert (replay.length, round(replay.position, 3)) == (203.0, 203.0)


def test_a_seek_back_takes_rows_out_and_plays_them_again() -> None:
    """Counters follow; the log at the end equals the recording, and a held DataFrame stays."""
    clock, stats = Clock(), ListenerStats()
    recorded = frame(at(0, 1), BadFrame("oops", "no", None, Arrival(START + 100_000_000)), at(200))
    replay = clock.replay(recorded, stats=stats)
    held: list[pd.DataFrame] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if replay.played == 2 and not held:
            held.append(clock.log.df)
            assert (stats.events, stats.bad_frames) == (1, 1)
            replay.seek(40)
            replay.seek(50)
        if clock.rewound_to and replay.played == 1:
            assert (stats.events, stats.bad_frames, len(clock.log)) == (1, 0, 1)

    replay._sleep = sleep
    run(replay.run())
    assert clock.rewound_to == [1]
    assert [(round(when), rows) for when, rows in clock.came] == [
        (0, 1),
        (100, 1),
        (150, 1),
        (250, 1),
    ]
    assert (stats.events, stats.bad_frames) == (2, 1)
    pd.testing.assert_frame_equal(clock.log.df, recorded)
    pd.testing.assert_frame_equal(held[0], recorded.iloc[:2])
    assert [(entry.kind, entry.at_us - START) for entry in clock.entries] == [
        ("went_back", 50_000_000)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=12), st.lists(st.floats(-1, 2e9), min_size=1, max_size=4))
def test_seeks_leave_the_recording_up_to_the_moment(
    rows: list[Record], moments: list[float]
) -> None:
    """In a pause, in any order; and once played to its end, the log equals the recording."""
    clock, recorded = Clock(), frame(*rows)
    replay = clock.replay(recorded, speed=math.inf)

    async def play() -> None:
        await replay.run()
        for moment in moments:
            replay.seek(moment)
            await replay._following
            shown = recorded.iloc[: len(clock.log)]
            pd.testing.assert_frame_equal(clock.log.df, shown, check_categorical=False)
            assert len(clock.log) == replay.played
            assert replay.played == len(rows) or replay.position < (replay.length or 1)
            assert moment > 0 or replay.played == 0
        await replay.run()

    run(play())
    pd.testing.assert_frame_equal(clock.log.df, recorded)


@pytest.mark.parametrize(
    ("when", "position"),
    [
        (50, 50),
        (-1, 0),
        (1e300, 203),
        (math.inf, 203),
        ("2026-01-01 00:00:50", 50),
        ("2026-01-01T01:00:50+01:00", 50),
        (datetime(2026, 1, 1, 0, 0, 50, tzinfo=UTC), 50),
        (pd.Timestamp("2026-01-01 00:00:50"), 50),
        (np.datetime64("2026-01-01T00:00:50", "ns"), 50),
        ("1999-01-01", 0),
        (datetime(9999, 12, 31, tzinfo=UTC), 203),
    ],
)
def test_a_place_is_seconds_or_a_moment(when: Any, position: float) -> None:
    """A moment without a zone is UTC; one outside the recording is its start, or its end."""
    clock = Clock()
    replay = clock.replay(frame(at(0), at(203)), speed=math.inf)

    async def play() -> None:
        await replay.run()
        replay.seek(when)
        await replay._following

    run(play())
    assert replay.position == position


@pytest.mark.parametrize("when", [math.nan, None, "", "soon", b"5", [], object(), "\ud800", pd.NaT])
def test_other_values_are_no_place(when: Any) -> None:
    """The error shows what may be given; nothing moves."""
    clock = Clock()
    replay = clock.replay(frame(at(0), at(203)), speed=math.inf)
    run(replay.run())
    with pytest.raises(SettingsError, match="give seconds of the recording, or a moment"):
        replay.seek(when)
    assert (len(clock.log), replay.position) == (2, 203)


def test_a_recording_that_is_not_read_has_no_places() -> None:
    """The error names the next step."""
    with pytest.raises(SettingsError, match="Start the feed first"):
        Clock().replay(frame(at(0))).seek(0)


def test_a_target_that_keeps_all_rows_is_not_taken_back() -> None:
    """Forward it goes; back it raises, and plays on."""
    target = ListTarget()
    replay = Replay(frame(at(0), at(100), at(200)), target, speed=math.inf)
    run(replay.run())
    with pytest.raises(SettingsError, match="only goes forward"):
        replay.seek(50)
    replay.seek(200)
    assert len(target.records) == 3


def test_the_speed_may_change_while_it_plays() -> None:
    """The time before counts at the old speed, the time after at the new one."""
    clock = Clock()
    replay = clock.replay(frame(at(0), at(100), at(200)))

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if replay.speed == 1 and clock.now >= 60:  # ten seconds have passed
            replay.speed = 10
        if replay.speed == 10 and clock.now >= 74:  # 150 recorded ones
            replay.speed = math.inf

    replay._sleep = sleep
    run(replay.run())
    assert clock.came == [(0, 1), (19, 1), (24, 1)]


@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=12))
def test_the_log_at_the_end_equals_the_recording(rows: list[Record]) -> None:
    """Unreadable messages, gaps and times out of order are equal, value by value."""
    clock, recorded = Clock(), frame(*rows)
    run(clock.replay(recorded, speed=math.inf).run())
    pd.testing.assert_frame_equal(clock.log.df, recorded)


def test_far_times_come_back_to_the_microsecond() -> None:
    """A portal's clock may show any time."""
    sent = [0.000001, 1767225600.123457, 253402300799.99997, -62135596800.0, 9.9e10]
    recorded = frame(*(Event(str(n), "m", "c", b"{}", n, None, Arrival(START)) for n in sent))
    clock = Clock()
    run(clock.replay(recorded, speed=math.inf).run())
    pd.testing.assert_frame_equal(clock.log.df, recorded)


def test_rows_keep_their_order_and_those_without_a_time_come_with_the_one_before() -> None:
    """A clock may be set back during a recording."""
    clock = Clock()
    recorded = frame(at(None, 1), at(3, 2), at(1, 3), at(None, 4), at(4, 5))
    run(clock.replay(recorded).run())
    assert clock.came == [(0, 4), (1, 1)]
    assert clock.log.df["mid"].tolist() == ["1", "2", "3", "4", "5"]


def test_a_file_is_played_and_counted(tmp_path: Path) -> None:
    """Unreadable messages are counted apart; the lag is that of the recording."""
    bad = BadFrame("oops", "no", None, Arrival(START))
    path = to_parquet(frame(bad, at(0.5)), tmp_path / "e.parquet")
    clock, stats, states = Clock(), ListenerStats(events=5), []
    replay = clock.replay(path, stats=stats)
    clock.on_change = lambda: states.append(replay.state)
    assert (replay.state, replay.ready, replay.rows, replay.played) == (
        "connecting",
        False,
        None,
        0,
    )
    run(replay.run())
    assert (stats.events, stats.bad_frames) == (6, 1)
    assert stats.last_lag == pytest.approx(0.25)
    assert (states, replay.ready, replay.rows, replay.played) == (["connected"], True, 2, 2)
    assert (replay.transports, replay.config, replay.error) == (("replay",), None, None)


def test_an_edited_row_is_played_as_well_as_it_can_be() -> None:
    """It may have invalid JSON, no params or no id."""
    edited = frame(BadFrame("oops", "no", None, Arrival(START)), at(0))
    edited["params"] = pd.Series(["{half", None], dtype="str")
    edited["mid"] = pd.Series([None, None], dtype="str")
    clock = Clock()
    run(clock.replay(edited).run())
    assert clock.log.df["params"].tolist() == ['"{half"', "null"]


def test_nothing_is_played_of_nothing() -> None:
    """An empty recording is no error."""
    clock = Clock()
    run(clock.replay(frame()).run())
    assert clock.came == []


def test_what_cannot_be_read_ends_it(tmp_path: Path) -> None:
    """The error is the reader's own."""
    (tmp_path / "e.csv").write_text("a,b\n")
    with pytest.raises(FileFormatError, match="lacks the columns"):
        run(Clock().replay(str(tmp_path / "e.csv")).run())


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_is_above_zero(speed: float) -> None:
    """It is checked at the start and later."""
    with pytest.raises(SettingsError, match="it must be above zero"):
        Clock().replay(frame(), speed=speed)
    replay = Clock().replay(frame())
    with pytest.raises(SettingsError, match="it must be above zero"):
        replay.speed = speed
    assert replay.speed == 1


def test_there_is_no_server_to_call() -> None:
    """The error explains it."""

    async def call() -> None:
        await Clock().replay(frame()).call("ping", {})

    with pytest.raises(ConnectionFailed, match="ping: a replay plays a file"):
        run(call())
