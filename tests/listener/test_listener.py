"""The listener: lanes, reconnects, renewal, failure."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bxpull_nb.errors import ChannelMissing, TransportUnavailable, WrongAuthType
from bxpull_nb.models import PullConfig
from bxpull_nb.rest import RestClient
from bxpull_nb.sandbox import Sandbox
from tests.support.listening import BOTH, Capture, Fetch, run
from tests.support.rows import params

TRANSPORTS = ["websocket", "polling"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_events_come_with_the_channel_they_came_by(sandbox: Sandbox, transport: str) -> None:
    """Each channel type has its own lane, which names it."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("a", {"n": 1}, channel="shared")
        sandbox.publish("b", {"n": 2}, channel="private")
        await capture.until(lambda: len(capture.records) == 2)

    capture = run(sandbox, scenario, transport=transport)
    assert {params(record)["n"]: record.channel for record in capture.records} == {
        1: "shared",
        2: "private",
    }
    assert {record.arrival.transport for record in capture.records} == {transport}
    assert capture.listener.stats.events == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_only_the_chosen_channel_is_listened_to(sandbox: Sandbox, transport: str) -> None:
    """The option `channels` has an effect."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("a", {"n": 1}, channel="shared")
        sandbox.publish("b", {"n": 2}, channel="private")
        await capture.until(lambda: len(capture.records) == 1)

    capture = run(sandbox, scenario, transport=transport, channels=("private",))
    assert capture.numbers == [2]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_message_to_both_channels_is_one_event(sandbox: Sandbox, transport: str) -> None:
    """The duplicate is counted, not kept."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("a", {"n": 1}, channel=["shared", "private"])
        await capture.until(lambda: capture.listener.stats.duplicates > 0 or not capture.records)
        await capture.until(lambda: len(capture.records) == 1)
        sandbox.publish("b", {"n": 2})
        sandbox.publish("b", {"n": 3}, channel="private")
        await capture.until(lambda: len(capture.records) == 3)

    capture = run(sandbox, scenario, transport=transport)
    assert capture.numbers == [1, 2, 3]
    assert capture.listener.stats.duplicates >= 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_came_before_the_capture_is_left_out(sandbox: Sandbox, transport: str) -> None:
    """The transport may request all stored messages."""
    sandbox.publish("old", {"n": 0})

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("new", {"n": 1})
        await capture.until(lambda: bool(capture.records))

    assert run(sandbox, scenario, transport=transport).numbers == [1]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_backfill_begins_with_what_is_stored(sandbox: Sandbox, transport: str) -> None:
    """The user sees the events missed before the start."""
    for n in range(5):
        sandbox.publish("old", {"n": n}, channel=BOTH[n % 2])

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: len(capture.records) == 5)

    assert run(sandbox, scenario, transport=transport, backfill=True).numbers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cut_line_loses_and_doubles_nothing(sandbox: Sandbox, transport: str) -> None:
    """Events continue while the connections break, before the first message too."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        for cut in range(6):
            await capture.until(lambda: capture.listener.ready)
            sandbox.drop_connections()
            for n in range(20):
                sandbox.publish("a", {"n": 20 * cut + n}, channel=BOTH[n % 2])
            await capture.until_stored(20 * (cut + 1))

    capture = run(sandbox, scenario, transport=transport)
    assert capture.numbers == list(range(120))


def test_reconnects_are_counted_and_the_error_goes_away(sandbox: Sandbox) -> None:
    """The error can be read while the connection is broken."""
    errors: list[str] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready)
        await capture.until_alone(sandbox)
        sandbox.drop_connections()
        await capture.until(lambda: listener.state == "reconnecting")
        errors.append(str(listener.error))
        await capture.until(lambda: listener.state == "connected")
        errors.append(str(listener.error))

    capture = run(sandbox, scenario, transport="websocket", channels=("shared",))
    assert errors[0].startswith("the WebSocket broke")
    assert errors[1] == "None"
    assert capture.listener.stats.reconnects == 1
    assert capture.waits == [0.0]


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_channel_that_ends_is_renewed_without_loss(transport: str) -> None:
    """The successor is fetched once the portal has it, and the gap is replayed."""
    with Sandbox(channel_ttl=2.0) as sandbox:

        async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
            await capture.until(lambda: capture.listener.ready)
            first = capture.listener.config
            n = 0
            while capture.listener.config is first or n < 10:
                sandbox.publish("a", {"n": n})
                n += 1
                await capture.until_stored(n)

        capture = run(sandbox, scenario, transport=transport, channels=("shared",))
    assert capture.numbers == list(range(len(capture.records)))
    assert len(capture.records) >= 10


def test_an_ended_channel_in_the_config_is_renewed(sandbox: Sandbox) -> None:
    """A cached config may be older than its channel."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.state == "connected")

    answers: list[PullConfig] = []

    def first_answer_is_old(rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            config = await rest.fetch_config()
            answers.append(config)
            if len(answers) > 1:
                return config
            ended = config.portal_time - timedelta(seconds=1)
            channel = msgspec.structs.replace(config.channel("shared"), end=ended)
            return msgspec.structs.replace(config, channels={"shared": channel})

        return fetch

    run(sandbox, scenario, altered=first_answer_is_old, channels=("shared",))
    assert len(answers) == 2


def test_auto_falls_back_to_polling(sandbox: Sandbox) -> None:
    """A WebSocket that never worked has one try before each poll."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.transports == ("polling",))
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("a", {"n": 1})
        await capture.until(lambda: bool(capture.records))

    def websocket_goes_nowhere(rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            config = await rest.fetch_config()
            server = msgspec.structs.replace(config.server, websocket="ws://127.0.0.1:9/sub/")
            return msgspec.structs.replace(config, server=server)

        return fetch

    capture = run(sandbox, scenario, altered=websocket_goes_nowhere, channels=("shared",))
    assert len(capture.waits) == 1
    assert [record.arrival.transport for record in capture.records] == ["polling"]


@pytest.mark.parametrize(
    ("how", "listen", "error"),
    [
        ({"private": False}, {}, ChannelMissing),
        ({"websocket": False}, {"transport": "websocket"}, TransportUnavailable),
    ],
)
def test_what_only_a_person_can_mend_ends_it(
    how: dict[str, Any], listen: dict[str, Any], error: type[Exception]
) -> None:
    """It ends at once, with a specific error."""
    with Sandbox(**how) as sandbox:
        ended: list[BaseException | None] = []

        async def scenario(_capture: Capture, task: asyncio.Task[None]) -> None:
            await asyncio.wait([task], timeout=10)
            ended.append(task.exception())

        run(sandbox, scenario, **listen)
    assert type(ended[0]) is error


def test_a_failing_config_is_the_listener_s_error(sandbox: Sandbox) -> None:
    """No exception group hides it."""

    def refused(_rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            raise WrongAuthType("no", method="m", code="WRONG_AUTH_TYPE", description="d")

        return fetch

    async def scenario(_capture: Capture, task: asyncio.Task[None]) -> None:
        with pytest.raises(WrongAuthType):
            await task

    run(sandbox, scenario, altered=refused)


def test_a_frame_is_in_the_sink_before_the_position_moves(sandbox: Sandbox) -> None:
    """When the sink fails, the same messages come again to the next listener."""

    async def scenario(capture: Capture, task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        capture.target.failure = OSError("disk full")
        sandbox.publish("a", {"n": 1}, channel="shared")
        await asyncio.wait([task], timeout=10)
        assert isinstance(task.exception(), ExceptionGroup)
        assert [lane.session.newest for lane in capture.listener.lanes] == [None]

    run(sandbox, scenario, channels=("shared",), transport="websocket")
