"""The message after which a capture begins, by polls that fail, are late, or bring much."""

import asyncio

import httpx
import pytest

from bxpull_nb.http import UnreadableAnswer
from bxpull_nb.listener.poll_client import PollClient
from bxpull_nb.listener.polling import poll
from bxpull_nb.protocol.session import newest_stored
from bxpull_nb.sandbox import Sandbox
from tests.support.answering import Answer, answering
from tests.support.listening import QUICK_AUDIT, VERSIONS, Capture, run

__all__ = ["answering"]

SOON = QUICK_AUDIT | {"audit_every": 0.2}


async def lost_one_comes(capture: Capture, sandbox: Sandbox) -> None:
    """Publish a message that no connection delivers, and wait until an audit brings it."""
    sandbox.lose(1)
    sandbox.publish("a", {"n": 999}, channel="shared")
    await capture.until(lambda: 999 in capture.numbers)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_failing_poll_for_the_beginning_is_repeated(version: int) -> None:
    """Stored messages stay out, and an audit recovers exactly the one that was missed."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await lost_one_comes(capture, sandbox)

    with Sandbox(server_version=version) as sandbox:
        for n in range(5):
            sandbox.publish("a", {"n": n}, channel="shared")
        sandbox.answer_html(2)
        capture = run(sandbox, scenario, channels=("shared",), timing=SOON, transport="websocket")
    assert capture.numbers == [999]
    assert capture.waits == [1.0, 1.0]
    assert "beginning_unknown" not in [entry.kind for entry in capture.target.entries]


def test_a_beginning_that_cannot_be_found_is_the_first_message() -> None:
    """Three failures while the WebSocket is up are enough; the log has an entry."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.answer_html(0)
        sandbox.publish("a", {"n": 98}, channel="shared")
        await capture.until_stored(1)
        await lost_one_comes(capture, sandbox)

    with Sandbox() as sandbox:
        sandbox.publish("a", {"n": 1}, channel="shared")
        sandbox.answer_html(1000)
        capture = run(sandbox, scenario, channels=("shared",), timing=SOON, transport="websocket")
    assert capture.numbers == [98, 999]
    assert [e.kind for e in capture.target.entries].count("beginning_unknown") == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_large_history_is_read_in_parts(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history of any size gives the beginning; its parts are cut within a message."""
    monkeypatch.setattr(newest_stored, "_PART", 20_000)

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await lost_one_comes(capture, sandbox)

    with Sandbox(server_version=version) as sandbox:
        for n in range(300):
            sandbox.publish("a", {"n": n, "text": "Ж" * 300}, channel="shared")
        capture = run(sandbox, scenario, channels=("shared",), timing=SOON, transport="websocket")
    assert capture.numbers == [999]
    assert "beginning_unknown" not in [entry.kind for entry in capture.target.entries]


def test_messages_that_come_before_the_beginning_is_known_are_after_it() -> None:
    """A poll that is answered late finds them stored: they must not count as old."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.state == "connected")
        assert not listener.ready
        sandbox.publish("a", {"n": 1}, channel="shared")
        await capture.until_stored(1)
        sandbox.lose(1)
        sandbox.publish("a", {"n": 2}, channel="shared")
        sandbox.answer_html(0)
        await capture.until(lambda: 2 in capture.numbers)

    with Sandbox() as sandbox:
        sandbox.answer_html(1000)
        capture = run(sandbox, scenario, channels=("shared",), timing=SOON, transport="websocket")
    assert capture.numbers == [1, 2]


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip"])
def test_a_poll_packed_in_a_way_not_asked_for_is_refused(name: str, answering: Answer) -> None:
    """The libraries would unpack any number of bytes in one step."""

    async def ask() -> None:
        url = answering(200, "x", "text/plain", Content_Encoding=name)
        async with PollClient(url, httpx.Timeout(10.0)) as http:
            await poll(http, url)

    with pytest.raises(UnreadableAnswer, match="which was not asked for"):
        asyncio.run(ask())


def test_a_slow_server_shows_its_history_late() -> None:
    """Until then nothing is passed over; its answer corrects the beginning."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready)
        [lane] = listener.lanes
        assert not lane.session.has_begun
        await capture.until(lambda: lane.session.has_begun)
        await lost_one_comes(capture, sandbox)

    with Sandbox() as sandbox:
        for n in range(5):
            sandbox.publish("a", {"n": n}, channel="shared")
        sandbox.stall(1.5)
        timing = SOON | {"audit_every": 3.0, "late": 8.0}
        capture = run(sandbox, scenario, channels=("shared",), timing=timing, transport="websocket")
    assert capture.numbers == [999]


def test_a_late_answer_with_one_message_is_no_history() -> None:
    """No connection delivered it, but it was published after the beginning."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await lost_one_comes(capture, sandbox)

    with Sandbox() as sandbox:
        timing = SOON | {"audit_every": 1.0, "late": 8.0}
        capture = run(sandbox, scenario, channels=("shared",), timing=timing, transport="websocket")
    assert capture.numbers == [999]
