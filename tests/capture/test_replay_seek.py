"""A feed of a replay that goes back: its waits, streams, handlers and marks."""

import asyncio
import math
import threading
from collections.abc import Iterator

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.replay import Replay
from bxpull_nb.errors import ExpectationFailed, WaitTimeout
from tests.support.rows import params, played
from tests.support.waiting import eventually

SLOW = 1e-6  # nothing comes that no seek brings


@pytest.fixture
def feed() -> Iterator[Feed]:
    """Return a feed whose replay moves by seeks only: fifty events, one every 100 ms."""
    feed = bx.replay(played(50), speed=SLOW)
    eventually(lambda: len(feed) == 1)
    yield feed
    feed.stop()


def replay_of(feed: Feed) -> Replay:
    """Return the replay of a started feed."""
    assert feed.replay is not None
    return feed.replay


def numbers(feed: Feed) -> list[int]:
    """Return the numbers of the events that the feed holds."""
    return [int(text[5:-1]) for text in feed.df["params"]]


def test_a_seek_leaves_the_rows_up_to_the_place(feed: Feed) -> None:
    """While it plays, in a pause, and at both ends; what is held never changes."""
    replay, recorded = replay_of(feed), feed.df
    for seconds, count in ((2.0, 21), (1.0, 11), (4.9, 50), (0.5, 6)):
        replay.seek(seconds)
        assert numbers(feed) == list(range(count))
        assert feed.stats.events == replay.played == count
        assert feed.replay is replay
        if count == 11:
            held = feed.df
            feed.stop()
            assert (len(recorded), feed.state) == (1, "stopped")
            replay.seek(0)
            assert (len(feed), feed.tail().empty, replay.position) == (0, True, 0)
            feed.start()
            eventually(lambda: len(feed) == 1)  # the first is due at once
    assert [int(text[5:-1]) for text in held["params"]] == list(range(11))
    assert feed.logbook.df["kind"].tolist().count("went_back") == 3


def test_waits_get_what_comes_again(feed: Feed) -> None:
    """Events after the place are new once more, those before it are not."""
    replay = replay_of(feed)
    replay.seek(2.0)
    assert len(feed.wait(21, timeout=5)) == 21
    replay.seek(1.05)
    with pytest.raises(WaitTimeout):
        feed.wait(timeout=0)
    replay.seek(2.0)
    assert feed.wait(10, timeout=5)["params"].tolist() == [f'{{"n":{n}}}' for n in range(11, 21)]


def test_a_wait_under_way_counts_an_event_once(feed: Feed) -> None:
    """It has looked at six events, of which three come again."""
    replay = replay_of(feed)
    found: list[pd.DataFrame] = []
    waiting = threading.Thread(target=lambda: found.append(feed.wait(10, timeout=20)))
    waiting.start()
    eventually(lambda: len(feed._hub.waiters._open) == 1)
    for seconds in (0.5, 0.25, 0.5, 0.95):
        replay.seek(seconds)
    waiting.join(20)
    assert found[0]["params"].tolist() == [f'{{"n":{n}}}' for n in range(10)]


def test_one_event_does_not_meet_two_expectations(feed: Feed) -> None:
    """Also when it comes twice, because the replay went back."""
    replay = replay_of(feed)
    failed: list[BaseException] = []

    def expect() -> None:
        try:
            feed.expect_all([{"params": {"n": 3}}, {"params": {"n": 3}}], within=1)
        except ExpectationFailed as exc:
            failed.append(exc)

    waiting = threading.Thread(target=expect)
    waiting.start()
    eventually(lambda: len(feed._hub.waiters._open) == 1)
    for seconds in (0.5, 0.0, 0.5):
        replay.seek(seconds)
    waiting.join(20)
    assert "1 of 2 expected events came" in str(failed[0])


def test_handlers_and_streams_get_events_again(feed: Feed) -> None:
    """Those after the place, in their order."""
    replay = replay_of(feed)
    handled: list[int] = []
    feed.on()(lambda event: handled.append(params(event)["n"]))

    async def streamed() -> list[int]:
        got: list[int] = []
        async with feed.stream() as events:
            for seconds in (0.4, 0.15, 0.4):
                await asyncio.to_thread(replay.seek, seconds)
                while events.waiting:
                    event = await anext(events)
                    got.append(params(event)["n"])
        return got

    assert asyncio.run(streamed()) == [0, 1, 2, 3, 4, 2, 3, 4]
    eventually(lambda: len(handled) == 8)
    assert handled == [0, 1, 2, 3, 4, 2, 3, 4]


def test_marks_keep_their_place(feed: Feed) -> None:
    """What followed a mark is empty before it, and whole again after it."""
    replay = replay_of(feed)
    replay.seek(2.05)
    feed.mark("saved")
    replay.seek(3.0)
    assert feed.since("saved")["count"].sum() == 10
    replay.seek(1.0)
    assert feed.since("saved")["count"].sum() == 0
    replay.seek(3.0)
    assert feed.since("saved")["count"].sum() == 10
    assert feed.expect(since="saved").params["n"] == 21


def test_the_activity_log_and_the_report_are_in_recorded_time(feed: Feed) -> None:
    """From the first event on; neither a pause nor a step back is a gap."""
    replay = replay_of(feed)
    replay.seek(4.0)
    feed.stop()
    replay.seek(1.0)
    feed.start()
    report, entries = feed.report(), feed.logbook.df
    assert entries["kind"].tolist() == ["started", "stopped", "went_back", "started"]
    seconds = (entries["at"] - feed.df["received_at"][0]).dt.total_seconds()
    assert seconds.round(3).tolist() == [0.0, 4.0, 1.0, 1.0]
    assert (report.gaps, round(report.seconds, 3)) == ((), 4.0)


def test_a_seek_on_the_replays_own_thread_waits_for_nothing(feed: Feed) -> None:
    """It would wait for itself."""
    replay = replay_of(feed)

    async def there() -> None:
        replay.seek(2.0)

    feed.bridge.run(there())
    eventually(lambda: len(feed) == 21)


def test_a_feed_that_has_ended_plays_on_from_where_it_was_taken_back(feed: Feed) -> None:
    """At once it plays the rest."""
    replay = replay_of(feed)
    replay.speed = math.inf
    eventually(lambda: not feed.running)
    replay.seek(1.0)
    assert (len(feed), feed.running) == (11, False)
    feed.start()
    eventually(lambda: not feed.running)
    pd.testing.assert_frame_equal(feed.df, played(50))
