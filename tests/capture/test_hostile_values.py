"""Every function of a feed with hostile values: a right answer, or one error of ours."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.models import BadFrame, Batch, Event, Record
from bxpull_nb.portal import Portal
from tests.support.hostile_values import HOSTILE, SECRET
from tests.support.rows import played

RECORDS: list[Record] = [
    BadFrame("x", "unreadable"),
    Event("1", None, None, b"[]"),
    Event("2", "crm", "a", b"{broken"),
    *(Event(str(n), "crm", "a", b'{"id":[1,{"b":null}]}') for n in range(5)),
]


def streamed(feed: Feed, **words: Any) -> object:
    """Return the first event of a stream."""

    async def first() -> object:
        async with feed.stream(**words) as events:
            return await asyncio.wait_for(anext(events), 0.2)

    return asyncio.run(first())


def handled(feed: Feed, handler: Any = print, **words: Any) -> object:
    """Register a callback, and end it again."""
    feed.on(**words)(handler)
    feed.handlers.close()
    return None


def waited(feed: Feed, until: Any = 1, **words: Any) -> object:
    """Wait on a loop of its own."""
    return asyncio.run(feed.wait_async(until, **{"timeout": 0.01, **words}))


def started(feed: Feed, **words: Any) -> object:
    """Start on a loop of its own."""
    return asyncio.run(feed.start_async(**words))


CALLS: list[tuple[Callable[..., object], list[str]]] = [
    (lambda feed, **w: feed.wait(**{"timeout": 0.01, **w}), ["until", "timeout"]),
    (lambda feed, **w: feed.wait(**{"timeout": 0.01, **w}), ["command", "module_id", "where"]),
    (waited, ["until", "command", "module_id", "where", "timeout"]),
    (
        lambda feed, **w: feed.expect(**{"within": 0.01, **w}),
        ["command", "module_id", "channel", "params", "where", "within", "since"],
    ),
    (streamed, ["command", "module_id", "where", "maxsize"]),
    (handled, ["command", "module_id", "module", "where", "handler"]),
    (lambda feed, **w: feed.mark(**w), ["label"]),
    (lambda feed, **w: feed.anatomy(**w), ["row"]),
]
STARTS: list[tuple[Callable[..., object], list[str]]] = [
    (started, ["channels", "transport", "max_rows", "max_bytes", "timeout"]),
    (lambda feed, **w: feed.start(**w), ["channels", "transport", "journal", "timeout"]),
]


def is_foreign(call: Callable[[], object], *, patient: bool) -> BaseException | None:
    """Return the exception that is not ours; None for an answer, or an error without secret."""
    try:
        call()
    except BxPullError as exc:
        return exc if SECRET in str(exc) else None
    except TimeoutError as exc:  # of the test's own limit, not of a value
        return None if patient else exc
    except Exception as exc:  # noqa: BLE001 - the point of the test
        return exc
    return None


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    """Return a running feed with records of every kind."""
    with bx.Sandbox() as sandbox, bx.connect(sandbox.url, token=sandbox.token) as portal:
        yield portal.feed(transport="websocket").start()


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, names in CALLS for name in names]
)
def test_a_hostile_value_is_an_error_of_ours(
    feed: Feed, call: Callable[..., object], name: str
) -> None:
    """Or it has a right answer, as a time limit of infinity has."""

    async def arrive() -> None:
        feed._hub.store(Batch(RECORDS))

    foreign = {}
    for kind, value in HOSTILE.items():
        feed.bridge.run(arrive())
        exc = is_foreign(lambda: call(feed, **{name: value}), patient=call is streamed)
        if exc is not None:
            foreign[kind] = exc
    assert foreign == {}
    assert feed.running


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, names in STARTS for name in names]
)
def test_a_hostile_start_is_an_error_of_ours(
    portal: Portal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., object],
    name: str,
) -> None:
    """And the feed can be started afterwards; a journal's text may be the name of a folder."""
    monkeypatch.chdir(tmp_path)
    feed, foreign = portal.feed(transport="websocket"), {}
    for kind, value in HOSTILE.items():
        exc = is_foreign(lambda: call(feed, **{name: value}), patient=False)
        if exc is not None:
            foreign[kind] = exc
    assert foreign == {}
    assert feed.start(channels="shared", transport="websocket").running


@pytest.mark.parametrize("name", ["source", "speed"])
def test_a_hostile_replay_is_an_error_of_ours(name: str) -> None:
    """A text is a file's path, which has its own errors."""
    foreign = {}
    for kind, value in HOSTILE.items():
        if name == "source" and isinstance(value, str):
            continue
        given = {"source": played(2), name: value}
        exc = is_foreign(lambda: bx.replay(**given), patient=False)
        if exc is not None:
            foreign[kind] = exc
    assert foreign == {}


@pytest.mark.parametrize("name", ["received_at", "server_time"])
def test_a_recording_with_a_bad_column_names_it(name: str) -> None:
    """Times without a zone, and a missing column."""
    naive = played(2)
    naive[name] = naive[name].dt.tz_localize(None)
    for bad in (naive, played(2).drop(columns=name)):
        with pytest.raises(SettingsError, match=name):
            bx.replay(bad)


def test_every_word_is_in_the_table() -> None:
    """A parameter that is added needs its row here."""
    tried = {name for _, names in [*CALLS, *STARTS] for name in names}
    methods = ("wait", "wait_async", "expect", "stream", "on", "start", "start_async", "mark")
    words = {
        name for method in methods for name in inspect.signature(getattr(Feed, method)).parameters
    }
    assert words - tried == {
        "self",
        "backfill",
        "from_now",
        "once",
    }  # anything may be true or false
