"""A capture's marks, expectations, anatomy and log."""

import math
import threading
from itertools import repeat
from pathlib import Path

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import ExpectationFailed, JournalInUse, SettingsError, WrongThreadError
from bxpull_nb.listener import Timing
from bxpull_nb.models import Batch, Event, Record
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.rows import params, played
from tests.support.waiting import eventually


def test_expect_gives_the_event_that_meets_all(feed: Feed, sandbox: Sandbox) -> None:
    """Other events do not matter; it may have come before the call."""
    for n in range(3):
        sandbox.publish("deal", {"id": n, "deep": {"stage": "WON"}}, module_id="crm")
    event = feed.expect("deal", module_id="crm", params={"id": 1, "deep": {"stage": "WON"}})
    assert (event.params["id"], event.channel) == (1, "shared")
    assert feed.expect("deal", within=5).params["id"] == 2


def test_an_expectation_that_fails_shows_the_nearest(feed: Feed, sandbox: Sandbox) -> None:
    """It is an assertion error, which test frameworks show as a failed test."""
    sandbox.publish("deal", {"id": 1}, module_id="crm")
    feed.wait(1, timeout=5)
    sandbox.publish("deal", {"id": 2}, module_id="crm")
    with pytest.raises(AssertionError) as caught:
        feed.expect("deal", params={"id": 3}, within=0.3)
    assert isinstance(caught.value, ExpectationFailed)
    [nearest] = caught.value.nearest
    assert isinstance(nearest, Event)
    assert nearest.params == {"id": 2}
    assert 'shared crm deal {"id":2}' in str(caught.value)


def test_expecting_on_the_listeners_own_thread_is_refused(feed: Feed) -> None:
    """It would wait for itself."""

    async def there() -> None:
        feed.expect("x")

    with pytest.raises(WrongThreadError, match=r"expect\(\) blocks"):
        feed.bridge.run(there())


def test_a_mark_answers_what_followed(feed: Feed, sandbox: Sandbox) -> None:
    """The counts are by module and command, compared with the time before."""
    for n in range(4):
        sandbox.publish("usual", {"n": n})
    feed.wait(4, timeout=5)
    feed.mark("clicked Save")
    sandbox.publish("usual", {"n": 4})
    sandbox.publish("dealUpdate", {"n": 5}, module_id="crm")
    feed.wait(2, timeout=5)
    followed = feed.since("clicked Save")
    assert followed["command"].tolist() == ["dealUpdate", "usual"]
    assert followed["count"].tolist() == [1, 1]
    assert followed["per_minute_before"].iloc[0] == 0 < followed["per_minute_before"].iloc[1]


def test_an_unknown_mark_names_the_known_ones(feed: Feed) -> None:
    """A typing error shows at once."""
    with pytest.raises(SettingsError, match="none yet"):
        feed.since("a")
    feed.mark("one")
    feed.mark("two")
    with pytest.raises(SettingsError, match="'one', 'two'"):
        feed.since("a")


def test_the_newest_rows_anatomy_has_its_frame(feed: Feed, sandbox: Sandbox) -> None:
    """Rows are counted from the start or from the end."""
    for n in range(3):
        sandbox.publish("a", {"n": n})
    feed.wait(3, timeout=5)
    anatomy = feed.anatomy()
    assert (anatomy.row, anatomy.params, anatomy.dialect) == (2, {"n": 2}, "text")
    assert anatomy.frame is not None
    assert anatomy.frame.startswith("#!NGINXNMS!#")
    assert anatomy.mid_parts is not None
    assert feed.anatomy(0).params == {"n": 0}
    for missing in (3, -4):
        with pytest.raises(SettingsError, match="the feed has 3 events"):
            feed.anatomy(missing)


def test_a_frame_may_outlive_the_records_it_brought(portal: Portal) -> None:
    """Old records are made again from the log."""
    feed = portal.feed()
    events = [Event(f"1795447844{n:016}", "crm", "deal", b"{}") for n in range(10_002)]
    feed._hub.store(Batch(events[:3], "the frame", "text"))
    feed._hub.store(Batch(events[3:]))
    anatomy = feed.anatomy(1)
    assert (anatomy.record, anatomy.frame, anatomy.in_frame) == (events[1], "the frame", (2, 3))


def test_duplicates_are_counted_in_the_anatomy(sandbox: Sandbox) -> None:
    """They were dropped, but counted."""
    with Portal(AccessToken(sandbox.url, sandbox.token), timing=Timing(late=0.0)) as portal:
        feed = portal.feed(transport="websocket").start()
        eventually(lambda: "listeners 2" in repr(sandbox))  # the poll for the beginning has gone
        sandbox.duplicate(1)
        sandbox.publish("a", {"n": 1})
        sandbox.publish("b", {"n": 2})
        feed.expect("b")
        assert (feed.anatomy(0).copies, feed.anatomy(1).copies) == (1, 0)
        assert feed.stats.duplicates == 1


def test_an_old_rows_anatomy_comes_from_the_log() -> None:
    """Its frame is no longer kept."""
    feed = bx.replay(played(11_000), speed=math.inf)
    ended(feed)
    anatomy = feed.anatomy(1)
    assert (anatomy.params, anatomy.frame, anatomy.dialect) == ({"n": 1}, None, None)


def test_a_tap_sees_every_record_while_it_lasts(feed: Feed, sandbox: Sandbox) -> None:
    """It sees none afterwards."""
    seen: list[Record] = []
    with feed.subscribed(seen.extend):
        sandbox.publish("a", {"n": 1})
        feed.wait(1, timeout=5)
    sandbox.publish("a", {"n": 2})
    feed.wait(1, timeout=5)
    assert [params(record)["n"] for record in seen] == [1]


def test_callbacks_get_what_they_asked_for(feed: Feed, sandbox: Sandbox) -> None:
    """A failing one is counted and affects no other."""
    seen: list[int] = []
    done = threading.Event()

    @feed.on(module="crm", command="deal")
    def note(event: Record) -> None:
        seen.append(params(event)["n"])
        if len(seen) == 2:
            done.set()

    @feed.on()
    def fail(event: Record) -> None:
        raise ValueError(event.command)

    for n, module in enumerate(["crm", "im", "crm"]):
        sandbox.publish("deal", {"n": n}, module_id=module)
    feed.wait(3, timeout=5)
    assert done.wait(5)
    eventually(lambda: feed.handlers.stats[1].failures == 3)
    assert seen == [0, 2]
    assert feed.handlers.stats[1].error == "ValueError: deal"


@pytest.mark.slow
def test_the_logbook_and_the_report_tell_of_a_break(sandbox: Sandbox) -> None:
    """They show its cause, its length and the replayed events."""
    timing = Timing(delays=lambda: repeat(0.2))
    with Portal(AccessToken(sandbox.url, sandbox.token), timing=timing) as portal:
        feed = portal.feed(transport="websocket").start()
        sandbox.refuse_handshakes(2, 503)
        sandbox.drop_connections()
        eventually(lambda: feed.stats.reconnects == 2)
        sandbox.publish("a", {"n": 1})
        feed.wait(1, timeout=20)
        feed.stop()
    kinds = feed.logbook.df["kind"].tolist()
    assert kinds[0] == "started"
    assert kinds[-1] == "stopped"
    assert kinds.count("lost") == 2
    report = feed.report()
    assert [gap.channel for gap in report.gaps] in (
        ["shared", "private"],
        ["private", "shared"],
    )
    assert all(0 < gap.seconds < 10 and gap.ended_us for gap in report.gaps)
    assert report.replayed == 1
    assert 0 < report.connected_seconds < report.seconds


def test_a_journal_carries_the_capture_over(sandbox: Sandbox, tmp_path: Path) -> None:
    """Events from the pause come once, and everything is read back from disk."""
    for run in range(3):
        with Portal(AccessToken(sandbox.url, sandbox.token)) as portal:
            feed = bx.listen(portal, journal=tmp_path / "capture")
            sandbox.publish("heard", {"n": run})
            feed.expect("heard", params={"n": run})
            feed.stop()
        sandbox.publish("missed", {"n": run})
    events = bx.read_events(tmp_path / "capture")
    told = [f"{row.command}{row.params}" for row in events.itertuples()]
    assert sorted(told) == [
        'heard{"n":0}',
        'heard{"n":1}',
        'heard{"n":2}',
        'missed{"n":0}',
        'missed{"n":1}',
    ]
    assert events["mid"].is_unique


def test_memory_is_bounded_and_the_journal_has_all(
    portal: Portal, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Rows keep their numbers; a dropped one is reported as such."""
    feed = bx.listen(portal, "shared", journal=tmp_path, max_rows=4096)
    for n in range(9_000):
        sandbox.publish("a", {"n": n})
    feed.wait(9_000, timeout=30)
    frame = feed.df
    assert len(frame) <= 4096 * 5 // 4
    assert frame.index[-1] == 8_999
    assert frame.attrs["forgotten"] == frame.index[0] > 0
    assert feed.anatomy(8_000).row == 8_000
    with pytest.raises(SettingsError, match="are kept"):
        feed.anatomy(0)
    feed.stop()
    assert len(bx.read_events(tmp_path)) == 9_000


def test_a_wait_counts_what_a_bounded_log_has_forgotten(portal: Portal) -> None:
    """Forgotten events count for a late wait; it returns those that remain."""
    feed = portal.feed("shared").start(max_rows=100)
    events = [Event(f"{n:026}", "m", "c", b"{}") for n in range(1000)]
    for n in range(0, 1000, 100):
        feed._hub.store(Batch(events[n : n + 100]))
        assert feed.df.index[-1] == n + 99
    frame = feed.wait(950, timeout=5)
    assert (len(frame), frame.index[-1]) == (50, 949)
    assert feed.wait(50, timeout=5).index.tolist() == list(range(950, 1000))
    for n in (0, 500):
        feed._hub.store(Batch(events[n : n + 500]))
        assert len(feed.df) <= 125
    assert feed.wait(20, timeout=5).index.tolist() == list(range(1900, 1920))


def test_two_feeds_do_not_share_a_journal(portal: Portal, tmp_path: Path) -> None:
    """The second raises an error; the first is not disturbed."""
    first = portal.feed("shared").start(journal=tmp_path)
    with pytest.raises(JournalInUse):
        portal.feed("private").start(journal=tmp_path)
    assert first.running
    first.stop()
    assert portal.feed("private").start(journal=tmp_path).running


def test_a_full_disk_is_said_and_caught_up_with(
    portal: Portal, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Error and log show it; the capture continues in memory."""
    journal = bx.Journal(tmp_path, rotate_bytes=1)
    feed = portal.feed("shared").start(journal=journal)
    sandbox.publish("a", {"n": 0})
    feed.expect("a", params={"n": 0})
    newest = max(int(path.stem) for path in tmp_path.glob("*.bxj"))
    full = tmp_path / f"{newest + 1:06}.bxj"
    full.symlink_to("/dev/full")
    sandbox.publish("a", {"n": 1})
    feed.expect("a", params={"n": 1})
    assert "kept in memory" in str(feed.error)
    full.unlink()
    done = threading.Event()
    with feed.subscribed(lambda _records: done.set() if journal.error is None else None):
        for n in range(2, 60):
            sandbox.publish("a", {"n": n})
            feed.expect("a", params={"n": n})
            if done.wait(0.05):
                break
    assert feed.error is None
    kinds = [entry.kind for entry in feed.logbook.recent() if entry.kind.startswith("journal")]
    assert kinds == ["journal_failed", "journal_recovered"]
    feed.stop()
    assert bx.read_events(tmp_path)["params"].tolist() == feed.df["params"].tolist()


def test_a_replay_has_the_face_of_a_live_feed() -> None:
    """It waits, marks and ends; its log equals the recording, value by value."""
    recorded = played(40)
    feed = bx.replay(recorded, speed=5)
    assert feed.expect("c1").params == {"n": 1}
    before = len(feed)
    feed.mark("here")
    ended(feed)
    assert (feed.state, len(feed.logbook.df)) == ("stopped", 3)
    pd.testing.assert_frame_equal(feed.df, recorded)
    followed = feed.since("here")
    assert 30 <= followed["count"].sum() <= 40 - before <= 38  # some may be on their way
    assert followed["first_after"].max() < pd.Timedelta(5, "s")


def test_a_replay_of_a_file_by_its_name(tmp_path: Path) -> None:
    """Any of our formats is played, at full speed."""
    for path in (
        bx.to_csv(played(5), tmp_path / "e.csv"),
        bx.to_parquet(played(5), tmp_path / "e.parquet"),
        bx.to_jsonl(played(5), tmp_path / "e.jsonl"),
    ):
        feed = bx.replay(path, speed=math.inf)
        ended(feed)
        assert repr(feed) == f"Feed({path.name}, shared+private, stopped, 5 events)"


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_replay_needs_a_speed(speed: float) -> None:
    """Zero is no speed."""
    with pytest.raises(SettingsError, match="above zero"):
        bx.replay(played(1), speed=speed)


def ended(feed: Feed) -> None:
    """Wait until the feed has stopped, and its log says so, which is a moment later."""
    eventually(lambda: not feed.running and "stopped" in list(feed.logbook.df["kind"]))
