"""A capture as a user holds it."""

import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pandas as pd
import pytest

from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.errors import (
    ChannelMissing,
    SettingsError,
    TokenRefused,
    WaitTimeout,
    WrongThreadError,
)
from bxpull_nb.listener import Timing
from bxpull_nb.models import Batch, Record
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import read_events
from tests.support.rows import event
from tests.support.waiting import eventually

TRANSPORTS = ["websocket", "polling"]


def numbers(frame: pd.DataFrame) -> list[int]:
    """Return `n` of every row."""
    return [int(text.removeprefix('{"n":').removesuffix("}")) for text in frame["params"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_event_that_is_sent_is_a_row(portal: Portal, transport: str) -> None:
    """It travels from REST through the push server into the DataFrame."""
    feed = portal.feed(transport=transport).start()
    portal.send_event("greeting", {"n": 1})
    [row] = feed.wait(1, timeout=5).to_dict("records")
    assert (row["module_id"], row["command"], row["params"]) == (
        "application",
        "greeting",
        '{"n":1}',
    )
    assert (row["channel"], row["transport"]) == ("shared", transport)
    assert pd.Timedelta(0) <= row["lag"] < pd.Timedelta(seconds=5)
    assert feed.df.equals(feed.tail(10))


def test_starting_twice_is_one_listener(sandbox: Sandbox, feed: Feed) -> None:
    """Cells are run again; that must not double an event."""
    task = feed._run._task
    assert feed.start() is feed
    assert feed._run._task is task
    sandbox.publish("a", {"n": 1})
    sandbox.publish("a", {"n": 2})
    feed.wait(2, timeout=5)
    assert numbers(feed.df) == [1, 2]


def test_starting_from_many_threads_is_one_listener(sandbox: Sandbox) -> None:
    """Buttons are pressed on other threads."""
    with Portal(AccessToken(sandbox.url, sandbox.token), timing=Timing(late=0.0)) as portal:
        feed = portal.feed(transport="websocket")
        threads = [threading.Thread(target=feed.start) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sandbox.publish("a", {"n": 1})
        feed.wait(1, timeout=5)
        eventually(lambda: "listeners 2" in repr(sandbox))  # the poll for the beginning has gone
        assert numbers(feed.df) == [1]


def test_starting_another_way_goes_on_in_the_same_log(sandbox: Sandbox, feed: Feed) -> None:
    """No captured event is lost or doubled."""
    sandbox.publish("a", {"n": 1})
    feed.wait(1, timeout=5)
    feed.start(channels="private", transport="polling")
    sandbox.publish("a", {"n": 2}, channel="shared")
    sandbox.publish("a", {"n": 3}, channel="private")
    feed.wait(1, timeout=5)
    assert numbers(feed.df) == [1, 3]
    assert (feed.channels, feed.transport) == (("private",), "polling")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stopping_is_quick_and_keeps_the_events(
    sandbox: Sandbox, portal: Portal, transport: str
) -> None:
    """A poll may be running; starting again continues where it stopped."""
    feed = portal.feed(transport=transport).start()
    sandbox.publish("a", {"n": 1})
    feed.wait(1, timeout=5)
    before = time.monotonic()
    feed.stop()
    feed.stop()
    assert time.monotonic() - before < 1
    assert (feed.state, feed.running, len(feed)) == ("stopped", False, 1)
    sandbox.publish("a", {"n": 2})
    feed.start()
    sandbox.publish("a", {"n": 3})
    feed.wait(2, timeout=5)
    assert sorted(numbers(feed.df)) == [1, 2, 3]
    assert feed.stats.events == 3


def test_the_state_tells_the_story(portal: Portal) -> None:
    """It goes from idle to stopped, in plain words."""
    feed = portal.feed(transport="websocket")
    states = [feed.state]
    feed.start()
    states.append(feed.state)
    feed.stop()
    states.append(feed.state)
    assert states == ["idle", "connected", "stopped"]
    assert feed.error is None


def test_a_refused_token_is_raised_and_kept() -> None:
    """The feed ends in `failed`; starting it again tries again."""
    with Sandbox() as sandbox, Portal(AccessToken(sandbox.url, "0" * 32)) as portal:
        feed = portal.feed()
        for _ in range(2):
            with pytest.raises(TokenRefused):
                feed.start()
            assert feed.state == "failed"
            assert isinstance(feed.error, TokenRefused)
        assert feed.stats.error == str(feed.error)


def test_a_missing_private_channel_says_what_to_do() -> None:
    """The shared one still works."""
    with (
        Sandbox(private=False) as sandbox,
        Portal(AccessToken(sandbox.url, sandbox.token)) as portal,
    ):
        feed = portal.feed()
        with pytest.raises(ChannelMissing, match="no private channel"):
            feed.start()
        feed.start(channels="shared")
        sandbox.publish("a", {"n": 1})
        assert numbers(feed.wait(1, timeout=5)) == [1]


def test_wait_counts_what_no_earlier_wait_has_passed(sandbox: Sandbox, feed: Feed) -> None:
    """An event from before the call is not missed, and each is returned once."""
    for n in range(5):
        sandbox.publish("a", {"n": n})
    assert numbers(feed.wait(2, timeout=5)) == [0, 1]
    assert numbers(feed.wait(3, timeout=5)) == [2, 3, 4]


def test_wait_gives_the_event_a_function_says_true_for(sandbox: Sandbox, feed: Feed) -> None:
    """The next wait starts after it."""
    for n in range(4):
        sandbox.publish("even" if n % 2 == 0 else "odd", {"n": n})
    first = feed.wait(lambda event: event.command == "odd", timeout=5)
    second = feed.wait(lambda event: event.command == "odd", timeout=5)
    assert (first.params, second.params) == ({"n": 1}, {"n": 3})


def test_wait_wakes_for_an_event_that_comes_later(sandbox: Sandbox, feed: Feed) -> None:
    """It may come from any thread."""
    later = threading.Timer(0.05, lambda: sandbox.publish("late", {"n": 7}))
    later.start()
    assert numbers(feed.wait(1, timeout=5)) == [7]
    later.join()


def test_wait_says_how_long_it_waited(sandbox: Sandbox, feed: Feed) -> None:
    """It also reports how many events it checked."""
    sandbox.publish("a", {"n": 1})
    feed.wait(1, timeout=5)
    sandbox.publish("a", {"n": 2})
    with pytest.raises(WaitTimeout, match=r"within 0\.3 s; 1 event came"):
        feed.wait(lambda event: event.command == "never", timeout=0.3)
    assert numbers(feed.wait(1, timeout=0)) == [2]


def test_wait_on_a_feed_that_is_not_running_does_not_hang(feed: Feed) -> None:
    """It can return existing events, but no more will come."""
    feed.stop()
    with pytest.raises(WaitTimeout, match=r"not running.*feed\.start\(\)"):
        feed.wait(1)


def test_a_wait_under_way_ends_with_the_feed(feed: Feed) -> None:
    """Stopping it elsewhere wakes the waiting cell."""
    stopper = threading.Timer(0.05, feed.stop)
    stopper.start()
    with pytest.raises(WaitTimeout, match="not running"):
        feed.wait(1, timeout=30)
    stopper.join()


def test_wait_for_nothing_is_refused(feed: Feed) -> None:
    """Waiting for zero events makes no sense."""
    with pytest.raises(SettingsError, match="one event or more"):
        feed.wait(0)


def test_wait_on_the_listener_s_thread_is_refused(portal: Portal, feed: Feed) -> None:
    """It would wait for itself."""

    async def on_the_loop() -> None:
        feed.wait(1)

    with pytest.raises(WrongThreadError, match="wait_async"):
        portal.bridge.run(on_the_loop())


def test_wait_async_leaves_the_loop_free(sandbox: Sandbox, feed: Feed) -> None:
    """Other coroutines go on meanwhile."""

    async def cell() -> tuple[int, list[int]]:
        waiting = asyncio.create_task(feed.wait_async(1, timeout=5))
        turns = 0
        while not waiting.done():
            turns += 1
            if turns == 10:
                sandbox.publish("a", {"n": 1})
            await asyncio.sleep(0)
        frame = await waiting
        assert isinstance(frame, pd.DataFrame)
        return turns, numbers(frame)

    turns, got = asyncio.run(cell())
    assert got == [1]
    assert turns >= 10


def test_the_stats_count(sandbox: Sandbox, feed: Feed) -> None:
    """They hold events, duplicates, rate, lag and the transport in use."""
    for n in range(20):
        sandbox.publish("a", {"n": n}, channel=["shared", "private"])
    feed.wait(20, timeout=5)
    sandbox.publish("end", {"n": 20})
    sandbox.publish("end", {"n": 21}, channel="private")
    feed.wait(2, timeout=5)
    stats = feed.stats
    assert (stats.state, stats.events, stats.bad_frames) == ("connected", 22, 0)
    assert stats.duplicates == 20
    assert stats.rate == pytest.approx(2.2)
    assert stats.last_lag is not None
    assert 0 <= stats.last_lag < 5
    assert (stats.transports, stats.error) == (("websocket",), None)


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """Events count from their arrival until ten seconds later."""
    now = [100.0]
    hub = EventHub(EventLog(), monotonic=lambda: now[0])
    assert hub.rate() == 0
    for at, count, rate in ((100.0, 10, 1.0), (106.0, 5, 1.5), (110.5, 1, 0.6)):
        now[0] = at
        hub.store(Batch([event(n) for n in range(count)]))
        assert hub.rate() == pytest.approx(rate)
    now[0] = 200.0
    assert hub.rate() == 0


def test_a_feed_can_be_saved_and_read(sandbox: Sandbox, feed: Feed, tmp_path: Path) -> None:
    """The events that are read equal the events that were written."""
    for n in range(100):
        sandbox.publish(f"c{n % 7}", {"n": n, "t": 'Привет, "мир"\n'})
    feed.wait(100, timeout=5)
    pd.testing.assert_frame_equal(read_events(feed.to_csv(tmp_path / "e.csv")), feed.df)


def test_its_reprs_are_short_and_hold_no_secret(
    portal: Portal, sandbox: Sandbox, feed: Feed
) -> None:
    """The HTML one escapes event text."""
    sandbox.publish("<img src=x onerror=alert(1)>", {"n": 1})
    feed.wait(1, timeout=5)
    html = feed._repr_html_()
    assert repr(feed) == f"Feed({portal.name}, shared+private, connected, 1 event)"
    assert "<img" not in html
    assert "&lt;img" in html
    assert feed.config is not None
    for secret in (sandbox.token, *(c.id for c in feed.config.channels.values())):
        assert secret not in html + repr(feed)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # of REST, left open
def test_a_forgotten_portal_ends_its_listener(sandbox: Sandbox) -> None:
    """Running its cell again leaves no thread."""
    portal = Portal(AccessToken(sandbox.url, sandbox.token))
    feed = portal.feed(transport="websocket").start()
    gone = weakref.ref(feed)
    del portal, feed
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + 5
    while "listeners 0" not in repr(sandbox) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "listeners 0" in repr(sandbox)


def test_a_script_ends_quickly_with_a_running_feed() -> None:
    """It prints nothing and needs no stop()."""
    script = (
        "import time, bxpull_nb as bx\n"
        "portal = bx.connect()\n"
        "feed = bx.listen(portal)\n"
        "feed.wait(3, timeout=10)\n"
        "print(time.time(), flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert time.time() - float(ended.stdout) < 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("shared", ("shared",)),
        ("both", ("shared", "private")),
        (["private", "shared", "private"], ("private", "shared")),
    ],
)
def test_channels_may_be_named_in_several_ways(given: str | list[str], meant: object) -> None:
    """They are one, both, or a list."""
    assert checked_channels(given) == meant


@pytest.mark.parametrize(
    ("channels", "said"), [("public", "unknown channel type 'public'"), ((), "no channel type")]
)
def test_an_unknown_channel_type_is_named(channels: str | tuple[str, ...], said: str) -> None:
    """The message lists the valid ones."""
    with pytest.raises(SettingsError, match=f"{said}: choose from 'shared' and 'private'"):
        checked_channels(channels)


def test_an_unknown_transport_is_named() -> None:
    """The message lists the valid ones."""
    with pytest.raises(
        SettingsError, match="'carrier pigeon': choose from auto, websocket, polling"
    ):
        checked_transport("carrier pigeon")


def test_a_failing_handler_is_an_entry_of_the_activity_log(feed: Feed, sandbox: Sandbox) -> None:
    """Its first failure is shown where a notebook's user looks; secrets in it are masked."""

    @feed.on(command="a")
    def fails(event: Record) -> None:
        raise ValueError("https://acme.bitrix24.com/rest/1/0123456789abcdef/ is wrong")

    sandbox.publish("a", {"n": 1})
    feed.wait(1, timeout=5)
    eventually(lambda: "handler_failed" in [entry.kind for entry in feed.logbook.recent()])
    [text] = [e.text for e in feed.logbook.recent() if e.kind == "handler_failed"]
    assert "ValueError" in text
    assert "0123456789abcdef" not in text
