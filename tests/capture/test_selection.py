"""Selections: the words that `on`, `wait`, `expect` and `stream` have in common."""

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.selection import Selection
from bxpull_nb.errors import ConditionFailed, ExpectationFailed, SettingsError, WaitTimeout
from bxpull_nb.models import BadFrame, Event, Record
from tests.support.rows import params, played
from tests.support.stored import number, store
from tests.support.waiting import eventually


def event(n: int, command: str | None = "dealUpdate", module: str | None = "crm") -> Event:
    """Return an event with a number."""
    return Event(f"1795447844{n:016}", module, command, b'{"n":%d}' % n)


def by_wait(feed: Feed, **words: Any) -> list[int]:
    """Return the event that a wait finds."""
    return [number(feed.wait(lambda _: True, timeout=5, **words))]


def by_wait_for_rows(feed: Feed, **words: Any) -> list[int]:
    """Return the row that a wait finds."""
    return [int(text[5:-1]) for text in feed.wait(1, timeout=5, **words)["params"]]


def by_expect(feed: Feed, **words: Any) -> list[int]:
    """Return the event that meets the expectation."""
    return [number(feed.expect(**words))]


def by_stream(feed: Feed, **words: Any) -> list[int]:
    """Return the first event of a stream."""

    async def first() -> list[int]:
        async with feed.stream(**words) as events, asyncio.timeout(5):
            return [number(await anext(events))]

    return asyncio.run(first())


def by_wait_async(feed: Feed, **words: Any) -> list[int]:
    """Return the event that a wait on a loop of its own finds."""
    return [number(asyncio.run(feed.wait_async(lambda _: True, timeout=5, **words)))]


def by_handler(feed: Feed, **words: Any) -> list[int]:
    """Return the events that a callback gets."""
    got: list[int] = []
    feed.on(**words)(lambda record: got.append(number(record)))
    store(feed, *RECORDS)
    eventually(lambda: got)
    return got


RECORDS = [event(0, "other"), event(1, None), event(2, module="im"), event(3), event(4, "last")]
WAYS = [by_wait, by_wait_for_rows, by_expect, by_stream, by_wait_async, by_handler]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"command": "DEALUPDATE", "module_id": "Crm"}, 3),
        ({"command": "dealupdate", "where": lambda record: number(record) > 2}, 3),
        ({"module_id": "IM"}, 2),
        ({"command": "LAST", "where": None}, 4),
        ({"where": [("params.n", ">", 2), ("params.n", "!=", 4)]}, 3),
        ({"where": [("params.n", "in", [4, "4"]), ("command", "==", "last")]}, 4),
        ({"module_id": "crm", "where": (("params.n", ">=", 3), ("params.n", "<", 4))}, 3),
    ],
)
def test_the_same_words_find_the_same_event(
    feed: Feed, way: Callable[..., list[int]], words: dict[str, Any], found: int
) -> None:
    """In any case of the names, by every way to ask."""
    if way is not by_handler:
        store(feed, *RECORDS)
    assert way(feed, **words) == [found]


@pytest.mark.parametrize("way", WAYS[:-1])
def test_where_sees_only_events_that_meet_the_names(
    feed: Feed, way: Callable[..., list[int]]
) -> None:
    """It is made for their params, and would raise for others."""
    seen: list[int] = []

    def where(record: Record) -> bool:
        seen.append(number(record))
        return number(record) == 3

    store(feed, BadFrame("x", "unreadable"), *RECORDS)
    assert way(feed, command="dealUpdate", where=where) == [3]
    assert seen == [2, 3]


@pytest.mark.parametrize("way", WAYS[:-1])
def test_where_that_raises_is_one_error_of_ours(feed: Feed, way: Callable[..., list[int]]) -> None:
    """It names the function, the event and the remedy; a secret in the text is masked."""
    secret = "0123456789abcdef" * 2

    def where(record: Record) -> bool:
        raise KeyError(secret)

    store(feed, *RECORDS)
    with pytest.raises(ConditionFailed) as caught:
        way(feed, where=where)
    text = str(caught.value)
    assert "given as where failed for Event('crm.other'" in text
    assert "KeyError" in text
    assert "give command=" in text
    assert secret not in text


def test_a_handlers_where_that_raises_is_its_failure(feed: Feed) -> None:
    """The callback is not called, and the capture goes on."""
    called: list[Record] = []
    feed.on(where=lambda record: params(record)["x"])(called.append)
    store(feed, *RECORDS)
    eventually(lambda: feed.handlers.stats[0].failures == 5)
    assert called == []
    assert "KeyError: 'x'" in (feed.handlers.stats[0].error or "")


def test_an_expectation_passes_over_its_own_command_only(feed: Feed) -> None:
    """So the order in which two are asked for is free, and an old one is not found again."""
    store(feed, event(0, "b"), event(1, "a"), event(2, "a"), event(3, "b"))
    found = [number(feed.expect(command)) for command in ("a", "b", "A", "B")]
    assert found == [1, 0, 2, 3]
    store(feed, event(4, "a"), event(5, "b"), event(6, "a"), event(7, "a"))
    assert number(feed.expect("a", params={"n": 6})) == 6
    assert number(feed.expect("a")) == 7
    assert number(feed.expect("b")) == 5


def test_a_wait_for_any_event_begins_after_the_last_that_was_found(feed: Feed) -> None:
    """An expectation is a point in time for it, although another command's events stay new."""
    store(feed, event(0, "b"), event(1, "a"), event(2, "c"), event(3, "c"))
    assert number(feed.expect("a")) == 1
    assert feed.wait(1, timeout=5).index.tolist() == [2]
    assert number(feed.wait(lambda _: True, timeout=5)) == 3
    with pytest.raises(ExpectationFailed, match="1 came earlier"):
        feed.expect("b", within=0.01)


def test_an_event_that_came_earlier_is_named_in_the_failure(feed: Feed) -> None:
    """The failure never claims that nothing came when something did."""
    store(feed, event(0, "b"), event(1, "a"))
    feed.wait(2, timeout=5)
    with pytest.raises(ExpectationFailed) as caught:
        feed.expect("b", within=0.01)
    assert "No event came at all" not in str(caught.value)
    assert "1 came earlier" in str(caught.value)
    assert '? crm b {"n":0}' in str(caught.value)
    with pytest.raises(
        ExpectationFailed, match=r"No new event came; 2 earlier ones are in feed\.df"
    ):
        feed.expect("c", within=0.01)


def test_an_expectation_since_a_mark_finds_every_event_after_it(feed: Feed) -> None:
    """Also those that a wait has passed, and none from before."""
    store(feed, event(0, "a"))
    feed.mark("clicked")
    store(feed, event(1, "a"), event(2, "b"))
    feed.wait(3, timeout=5)
    assert [number(feed.expect(name, since="clicked")) for name in ("b", "a", "a")] == [2, 1, 1]
    with pytest.raises(SettingsError, match="no mark 'saved'; marks: 'clicked'"):
        feed.expect("a", since="saved")


def test_a_wait_by_command_leaves_the_others(feed: Feed) -> None:
    """Its DataFrame holds the rows that were asked for, with their numbers."""
    store(feed, *(event(n, "ab"[n % 2]) for n in range(6)))
    odd = feed.wait(2, command="B", timeout=5)
    assert odd.index.tolist() == [1, 3]
    assert feed.wait(3, command="a", timeout=5).index.tolist() == [0, 2, 4]
    assert feed.wait(1, timeout=5).index.tolist() == [5]
    with pytest.raises(WaitTimeout, match="0 events came"):
        feed.wait(1, timeout=0)


def test_nearness_does_not_ask_where() -> None:
    """It was asked once, of the one event that meets the rest."""
    asked: list[int] = []
    nearest = Nearest(Expectation(command="a", where=lambda record: asked.append(number(record))))
    for n, command in enumerate("bab"):
        assert not nearest.is_met_by(event(n, command))
    assert asked == [1]


def test_module_is_an_older_name_of_module_id(feed: Feed) -> None:
    """Both at once must agree."""
    with pytest.raises(SettingsError, match="two names for one condition"):
        feed.on(module="crm", module_id="im")
    assert by_handler(feed, module="IM") == [2]


def test_a_selection_shows_its_conditions() -> None:
    """Functions by their names."""
    chosen = Selection(command="a", module_id="crm", where=number)
    assert str(chosen) == "command='a', module_id='crm', where=number"
    assert str(Selection()) == "any event"


def replayed(count: int) -> Feed:
    """Return a replay of numbered events that has ended."""
    feed = bx.replay(played(count), speed=math.inf)
    eventually(lambda: not feed.running)
    return feed


def test_a_handler_of_a_replay_gets_every_event() -> None:
    """Also when it is added after they were played; more than a queue holds, in order."""
    feed = replayed(12_000)
    got: list[int] = []
    feed.on(module_id="M")(lambda record: got.append(number(record)))
    eventually(lambda: len(got) == 12_000)
    assert got == list(range(12_000))
    assert feed.handlers.stats[0].dropped == 0


def test_a_handler_defined_again_gets_nothing_twice() -> None:
    """A cell that runs again replaces its handler."""
    feed, got = replayed(3), []

    def cell() -> None:
        @feed.on()
        def note(record: Record) -> None:
            got.append(number(record))

    cell()
    eventually(lambda: len(got) == 3)
    cell()
    done = threading.Event()
    feed.on()(lambda _: done.set())
    assert done.wait(5)
    assert (got, len(feed.handlers.stats)) == ([0, 1, 2], 2)


def test_a_stream_of_a_replay_gives_every_event_and_ends() -> None:
    """More than the queue of a live stream holds."""
    feed = replayed(12_000)

    async def numbers() -> list[int]:
        async with feed.stream(maxsize=5) as events:
            return [number(event) async for event in events]

    assert asyncio.run(numbers()) == list(range(12_000))
    assert asyncio.run(numbers()) == []


def test_starting_a_replay_again_doubles_nothing() -> None:
    """After its end there is nothing more; after a stop it continues where it stopped."""
    feed = replayed(10)
    for _ in range(3):
        feed.start()
        eventually(lambda: not feed.running)
    assert (len(feed), feed.stats.events) == (10, 10)

    slow = bx.replay(played(10), speed=1e-6)
    slow.wait(1, timeout=5)
    slow.stop()
    first = len(slow)
    slow.start()
    assert (first, len(slow)) == (1, 1)
    slow._run.driver.speed = math.inf  # type: ignore[union-attr]
    eventually(lambda: not slow.running)
    assert [number(record) for record in slow.log.recent(0)[1]] == list(range(10))
