"""Losses and duplicates that take two faults at once, found under heavy load."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bxpull_nb.listener import ListenerStats, Timing
from bxpull_nb.listener.audit import keep_auditing
from bxpull_nb.listener.awake_clock import AwakeClock
from bxpull_nb.listener.config_source import ConfigSource
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.listener.target import CaptureTarget
from bxpull_nb.models import (
    UNKNOWN_ARRIVAL,
    Channel,
    Event,
    Message,
    PullConfig,
    PullServer,
)
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import Received, Resume, RetiredChannel, SeenMids, Session
from bxpull_nb.rest import RestClient
from bxpull_nb.sandbox import Sandbox
from tests.faults.proxy import FaultProxy
from tests.support.answering import Answer
from tests.support.listening import EVERYWHERE, QUICK_AUDIT, VERSIONS, Capture, mine, run
from tests.support.targets import ListTarget

SHARED: dict[str, Any] = {"channels": ("shared",), "timing": QUICK_AUDIT}


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
@pytest.mark.parametrize("action", ["get_config", "reconnect"])
def test_what_an_ended_channel_never_delivered_comes_from_its_history(
    version: int, transport: str, action: str
) -> None:
    """The successor's history does not have it."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        publish(sandbox, range(2))
        await capture.until(lambda: len(mine(capture)) == 2)
        await capture.until_alone(sandbox)
        sandbox.lose(3)
        publish(sandbox, range(2, 5))
        sandbox.expire_channel("shared", action=action)
        publish(sandbox, range(5, 8))
        await capture.until(lambda: len(mine(capture)) == 8)

    with Sandbox(server_version=version) as sandbox:
        capture = run(sandbox, scenario, transport=transport, **SHARED)
    assert sorted(record.params["n"] for record in mine(capture)) == list(range(8))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("answer", ["503", "html", "half an answer", "garbage", "403"])
def test_an_audit_that_got_no_answer_is_not_an_audit(version: int, answer: str) -> None:
    """The next one asks for the same again."""

    def spoil(_sandbox: Sandbox, proxy: FaultProxy) -> None:
        proxy.answer(answer)
        settled(lambda: proxy.answering)

    def is_spoilt(proxy: FaultProxy, _capture: Capture) -> bool:
        return not proxy.answering

    assert audited_twice(version, spoil, is_spoilt) == list(range(7))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_audit_that_cannot_be_read_is_not_an_audit(version: int) -> None:
    """Half of the history is not enough."""

    def spoil(sandbox: Sandbox, _proxy: FaultProxy) -> None:
        sandbox.cut_frame()

    def is_spoilt(_proxy: FaultProxy, capture: Capture) -> bool:
        return capture.listener.stats.bad_frames > 0

    assert audited_twice(version, spoil, is_spoilt) == list(range(7))


@pytest.mark.parametrize("answer", ["503", "half an answer"])
def test_an_audit_without_an_answer_is_repeated_soon(answer: str) -> None:
    """Not only when the next one is due, in five minutes."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        publish(sandbox, range(1))
        await capture.until(lambda: len(mine(capture)) == 1)
        await capture.until_alone(sandbox)
        sandbox.lose(2)
        publish(sandbox, range(1, 3))
        proxy.answer(answer, 2)
        settled(lambda: proxy.answering)
        lane.audit_due.set()
        await capture.until(lambda: len(mine(capture)) == 3)

    with Sandbox() as sandbox, FaultProxy(sandbox.url[7:]) as proxy:
        how = SHARED | {"timing": {"audit_again": 0.05}}
        capture = run(sandbox, scenario, altered=through(proxy), transport="websocket", **how)
    failed = [entry for entry in capture.target.entries if entry.kind == "audit_failed"]
    assert (len(failed), capture.listener.stats.recovered) == (2, 2)


def settled(reached: Callable[[], bool]) -> None:
    """Wait for another thread, 5 s at most."""
    end = time.monotonic() + 5
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.001)


def audited_twice(
    version: int,
    spoil: Callable[[Sandbox, FaultProxy], None],
    is_spoilt: Callable[[FaultProxy, Capture], bool],
) -> list[int]:
    """Return the events, five of them found only by an audit; the first audit is damaged."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        publish(sandbox, range(1))
        await capture.until(lambda: len(mine(capture)) == 1)
        await capture.until_alone(sandbox)
        sandbox.lose(5)
        publish(sandbox, range(1, 7))
        await capture.until(lambda: len(mine(capture)) == 2)
        spoil(sandbox, proxy)
        lane.audit_due.set()
        await capture.until(lambda: is_spoilt(proxy, capture))
        lane.audit_due.set()
        await capture.until(lambda: len(mine(capture)) >= 7)

    with Sandbox(server_version=version) as sandbox, FaultProxy(sandbox.url[7:]) as proxy:
        capture = run(sandbox, scenario, altered=through(proxy), transport="websocket", **SHARED)
    return sorted(record.params["n"] for record in mine(capture))


async def only_lane(capture: Capture) -> list[Any]:
    """Return the connected lane of a listener to one channel."""
    await capture.until(lambda: capture.listener.ready)
    return capture.listener.lanes


def through(proxy: FaultProxy) -> Callable[[RestClient], Callable[[], Awaitable[PullConfig]]]:
    """Return a listener's config function that leads through the proxy."""

    def altered(rest: RestClient) -> Callable[[], Awaitable[PullConfig]]:
        async def fetch() -> PullConfig:
            return proxy.through(await rest.fetch_config())

        return fetch

    return altered


def test_a_damaged_copy_is_a_copy() -> None:
    """It does not make the next good one a new message."""
    lane = Session(TextCodec(), SeenMids())
    whole = TextCodec().encode([Message(f"1795447844{1:016}", "{}")])
    sizes = []
    for frame in (whole, whole[:-14], whole, whole[:-14]):
        received = lane.receive(frame, UNKNOWN_ARRIVAL)
        lane.stored(received)
        sizes.append((len(received.batch.records), received.is_whole))
    assert sizes == [(1, True), (0, False), (0, True), (0, False)]


def test_a_damaged_frame_leaves_the_safe_position_where_it_was() -> None:
    """The damaged part may have held the messages to be replayed."""
    lane = Session(TextCodec(), SeenMids())
    frames = [TextCodec().encode([Message(f"1795447844{n:016}", "{}")]) for n in range(1, 5)]
    for frame in frames[:3]:
        lane.connected()
        lane.stored(lane.receive(frame, UNKNOWN_ARRIVAL))
    assert lane.resume_point() == f"1795447844{2:016}"
    lane.connected()
    lane.stored(lane.receive(frames[3][:-20], UNKNOWN_ARRIVAL))
    assert lane.resume_point() == f"1795447844{2:016}"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_that_was_announced_in_a_damaged_frame_is_noticed(version: int) -> None:
    """The next audit sees it: an ended channel is silent and looks healthy."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        publish(sandbox, range(1))
        await capture.until(lambda: len(mine(capture)) == 1)
        before = capture.listener.config
        await capture.until_alone(sandbox)
        sandbox.cut_frame()
        sandbox.expire_channel("shared")
        await capture.until(lambda: capture.listener.stats.bad_frames == 1)
        publish(sandbox, range(1, 3))
        lane.audit_due.set()
        await capture.until(lambda: len(mine(capture)) == 3)
        assert capture.listener.config is not before

    with Sandbox(server_version=version) as sandbox:
        run(sandbox, scenario, transport="websocket", **SHARED)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_an_end_is_obeyed_although_another_lane_has_fetched_a_config_before(
    sandbox: Sandbox, transport: str
) -> None:
    """That config is newer than the connection, but older than the end."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        source = capture.listener.lanes[0]._set.source
        assert source.current is not None
        await source.renew(source.current)
        sandbox.expire_channel("shared")
        publish(sandbox, range(3))
        await capture.until(lambda: len(mine(capture)) == 3)

    run(sandbox, scenario, transport=transport, timing=QUICK_AUDIT)


def test_every_channel_that_was_in_force_is_asked_a_last_time() -> None:
    """They include one that was replaced while the lane was on another."""
    kept: list[list[str]] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        source = lane._set.source
        first = source.current
        assert first is not None
        for _ in range(2):
            sandbox.expire_channel("shared")
            publish(sandbox, range(1))
            assert source.current is not None
            await source.renew(source.current)
        kept.append([config.channels["shared"].id for config in source.known])
        assert kept[0][0] == first.channels["shared"].id
        await capture.until(lambda: len(mine(capture)) == 2)

    with Sandbox() as sandbox:
        run(sandbox, scenario, transport="websocket", **SHARED)
    assert len(set(kept[0])) == 3


def test_what_is_lost_before_the_first_event_is_recovered() -> None:
    """Its mid is less than every mid the capture knows."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        await capture.until_alone(sandbox)
        sandbox.lose(3)
        publish(sandbox, range(5))
        await capture.until(lambda: len(mine(capture)) == 2)
        lane.audit_due.set()
        await capture.until(lambda: len(mine(capture)) == 5)

    with Sandbox() as sandbox:
        sandbox.publish("old", {"n": -1})
        capture = run(sandbox, scenario, transport="websocket", **SHARED)
    assert sorted(record.params["n"] for record in mine(capture)) == list(range(5))
    assert [record.command for record in capture.records if record.command == "old"] == []


def test_a_message_in_a_torn_frame_is_the_same_message() -> None:
    """Neither the spacing of its JSON nor the way of reading matters."""
    body = '{"command": "c", "params": {"n": 1.50, "é": "\\u00e9"}, "extra": {"a": 1}}'
    whole = TextCodec().encode([Message(f"1795447844{n:016}", body) for n in (1, 2)])
    lane = Session(TextCodec(), SeenMids())
    torn = lane.receive(whole[: -len(body) // 2], UNKNOWN_ARRIVAL)
    lane.stored(torn)
    assert torn.batch.records[0].params_json == b'{"n": 1.50, "\xc3\xa9": "\\u00e9"}'
    assert [r.error is None for r in torn.batch.records] == [True, False]
    again = lane.receive(whole, UNKNOWN_ARRIVAL)
    assert [r.mid for r in again.batch.records] == [f"1795447844{2:016}"]


def publish(sandbox: Sandbox, numbers: range) -> None:
    """Publish numbered events on the shared channel."""
    for n in numbers:
        sandbox.publish("a", {"n": n}, channel="shared")


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_a_capture_whose_first_frames_are_torn_is_whole(version: int, transport: str) -> None:
    """The same half is requested again each time, but not in a hurry."""
    torn = 3 if transport == "polling" else 1

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await capture.until_alone(sandbox)
        sandbox.cut_frame(torn)
        publish(sandbox, range(4))
        await capture.until(lambda: len(mine(capture)) == 4)

    with Sandbox(server_version=version) as sandbox:
        capture = run(sandbox, scenario, transport=transport, **SHARED)
    assert sorted(record.params["n"] for record in mine(capture)) == list(range(4))
    # Half of two messages of one length is the first, whole: not every tear can be seen.
    assert capture.listener.stats.reconnects in (range(1, 4) if transport == "polling" else {0})


def test_an_ended_channel_is_asked_until_it_holds_nothing_new(answering: Answer) -> None:
    """Half of its history may look complete; the other half is requested too."""
    body = TextCodec().encode([Message(f"1795447844{1:016}", "{}")])
    config = config_for(answering(200, body, "text/plain"))
    asked_twice = asyncio.Event()

    def look() -> None:
        if len(target.batches) == 2:
            asked_twice.set()

    target = ListTarget(on_change=look)
    settings = settings_for(config, target)
    lane = Lane("shared", Session(TextCodec(), SeenMids()), settings)
    lane.state, lane.transport = "connected", "polling"
    retired = RetiredChannel(config, "shared", None)
    lane.renewal.retired.append(retired)

    async def until_done() -> None:
        await settings.source.first()
        auditing = asyncio.create_task(keep_auditing(lane, settings))
        await asyncio.wait_for(asked_twice.wait(), 10)
        auditing.cancel()

    asyncio.run(until_done())
    assert (lane.renewal.retired, retired.tries) == ([], 2)
    assert sum(len(batch.records) for batch in target.batches) == 1


def config_for(url: str) -> PullConfig:
    """Return the config of a push server that can only be polled."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    channel = Channel(type="shared", id="c" * 32, start=now, end=now + timedelta(hours=12))
    server = PullServer(version=3, long_polling=url)
    return PullConfig(server=server, channels={"shared": channel}, portal_time=now)


def settings_for(config: PullConfig, target: CaptureTarget) -> LaneSettings:
    """Return the settings of a lane that audits every hundredth of a second."""

    async def fetch() -> PullConfig:
        return config

    timing = Timing(audit_every=0.01)
    return LaneSettings(
        source=ConfigSource(fetch, timing, lambda _error: None),
        target=target,
        stats=ListenerStats(),
        awake=AwakeClock(timing.monotonic),
        timing=timing,
        transport="polling",
        secure=False,
        backfill=False,
        since=0.0,
    )


def test_an_end_that_is_noticed_twice_ends_the_connection_once(sandbox: Sandbox) -> None:
    """The second audit may notice it while the connection is closing."""
    ended = Received(service_messages=[Event("1" * 26, "pull", "config_expire", b"{}")])

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        lane.handle_service(ended)
        await asyncio.sleep(0)
        lane.handle_service(ended)
        await capture.until(lambda: lane._connections == 2)

    run(sandbox, scenario, transport="websocket", **SHARED)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_switch_keeps_what_an_ended_channel_has_still_to_give(version: int) -> None:
    """The channel ends and the listener stops before the lane could ask the old history."""
    numbers: list[int] = []
    resumes: list[Resume | None] = []

    async def first(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        publish(sandbox, range(1))
        await capture.until(lambda: len(mine(capture)) == 1)
        await capture.until_alone(sandbox)
        sandbox.lose(3)
        publish(sandbox, range(1, 4))
        resumes.append(capture.listener.resume_state())
        numbers.extend(record.params["n"] for record in mine(capture))

    async def second(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: len(mine(capture)) == 5)
        numbers.extend(record.params["n"] for record in mine(capture))

    with Sandbox(server_version=version) as sandbox:
        run(sandbox, first, transport="websocket", **SHARED)
        sandbox.expire_channel("shared")
        publish(sandbox, range(4, 6))
        run(sandbox, second, transport="websocket", resume=resumes[0], **SHARED)
    assert sorted(numbers) == list(range(6))


def test_a_lane_with_a_retired_channel_claims_no_check() -> None:
    """Its own channel is complete, the earlier one was not asked yet."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        (lane,) = await only_lane(capture)
        config = capture.listener.config
        assert config is not None
        lane.renewal.retired.append(RetiredChannel(config, "shared", None))
        publish(sandbox, range(2))
        await capture.until(lambda: len(mine(capture)) == 2)
        stats = capture.listener.stats
        lane.audit_due.set()
        await capture.until(lambda: stats.audits == 1)
        assert stats.audited_us == {}
        await capture.until(lambda: not lane.renewal.retired)
        lane.audit_due.set()
        await capture.until(lambda: stats.audits == 2)
        assert list(stats.audited_us) == ["shared"]

    with Sandbox(poll_hold=0.1) as sandbox:
        run(sandbox, scenario, transport="websocket", **SHARED)


def test_a_clock_set_back_takes_the_times_of_audits_with_it() -> None:
    """Events after it have earlier times than the audit that did not know of them."""
    ahead = [0]

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await only_lane(capture)
        stats = capture.listener.stats
        stats.audited_us["shared"] = time.time_ns() // 1000
        ahead[0] = -60_000_000_000
        await capture.until(lambda: not stats.audited_us)

    with Sandbox() as sandbox:
        run(
            sandbox,
            scenario,
            transport="websocket",
            channels=("shared",),
            timing={"clock": lambda: time.time_ns() + ahead[0]},
        )
