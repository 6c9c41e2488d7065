"""The listener against a sandbox that misbehaves: nothing lost, nothing doubled."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bxpull_nb.errors import CallFailed, ConnectionFailed, MissingField
from bxpull_nb.listener import Timing
from bxpull_nb.models import PullConfig
from bxpull_nb.rest import RestClient
from bxpull_nb.sandbox import Sandbox
from tests.support.listening import (
    BOTH,
    EVERYWHERE,
    QUICK_AUDIT,
    VERSIONS,
    Capture,
    Fetch,
    mine,
    run,
)
from tests.support.rows import params

Scenario = Callable[[Capture, asyncio.Task[None]], Awaitable[None]]


class Publisher:
    """Publishes `rate` numbered events a second on both channels, on its own thread."""

    def __init__(self, sandbox: Sandbox, rate: float) -> None:
        self.count = 0
        self.mids: list[str] = []
        self._sandbox, self._rate = sandbox, rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - begun) * self._rate)
            while self.count < due:
                channel = BOTH[self.count % 2]
                self.mids.append(self._sandbox.publish("a", {"n": self.count}, channel=channel))
                self.count += 1
            self._stop.wait(0.002)


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_every_version_is_listened_to_on_every_transport(version: int, transport: str) -> None:
    """Each event comes live on both channels, once and with its params."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        for n in range(40):
            sandbox.publish("a", {"n": n, "t": "Привет 🌍"}, channel=BOTH[n % 2])
        await capture.until(lambda: len(capture.records) >= 40)

    with Sandbox(server_version=version) as sandbox:
        capture = run(sandbox, scenario, transport=transport)
    assert capture.numbers == list(range(40))
    assert {params(record)["t"] for record in capture.records} == {"Привет 🌍"}
    assert capture.listener.stats.bad_frames == 0


@pytest.mark.slow
@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_twenty_reconnects_under_traffic_lose_and_double_nothing(
    version: int, transport: str
) -> None:
    """Five hundred messages a second continue while the connection breaks repeatedly."""
    published: list[Publisher] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        with Publisher(sandbox, 500) as publisher:
            published.append(publisher)
            for _ in range(20):
                seen = len(capture.records)
                await capture.until_stored(seen + 21)
                sandbox.drop_connections()
        await capture.until(lambda: len(capture.records) >= publisher.count)

    with Sandbox(server_version=version) as sandbox:
        capture = run(sandbox, scenario, transport=transport, timing=QUICK_AUDIT)
    assert capture.numbers == list(range(published[0].count))
    assert {record.mid for record in capture.records} == set(published[0].mids)


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_a_message_to_two_channels_is_one_event_in_every_version(
    version: int, transport: str
) -> None:
    """Its duplicates come at once, later, and in the history."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        for n in range(10):
            sandbox.publish("a", {"n": n}, channel=BOTH)
        await capture.until(lambda: len(capture.records) >= 10)
        sandbox.drop_connections()
        sandbox.publish("b", {"n": 10}, channel=BOTH)
        await capture.until(lambda: len(capture.records) >= 11)
        sandbox.publish("c", {"n": 11}, channel="shared")
        sandbox.publish("c", {"n": 12}, channel="private")
        await capture.until(lambda: len(capture.records) >= 13)

    with Sandbox(server_version=version) as sandbox:
        capture = run(sandbox, scenario, transport=transport, timing=QUICK_AUDIT)
    assert capture.numbers == list(range(13))


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_backfill_reads_the_whole_backlog_in_every_version(version: int, transport: str) -> None:
    """It asks with a mid of 26 zeros."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: len(capture.records) >= 500)

    with Sandbox(server_version=version) as sandbox:
        for n in range(500):
            sandbox.publish("a", {"n": n}, channel=BOTH[n % 2])
        capture = run(sandbox, scenario, transport=transport, backfill=True)
    assert capture.numbers == list(range(500))


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_duplicates_disorder_and_garbage_cost_nothing(version: int, transport: str) -> None:
    """Each event comes once, however the server damages its frames."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await capture.until_alone(sandbox)
        sandbox.duplicate(20)
        sandbox.reorder(20)
        for n in range(60):
            if n == 40:
                sandbox.garbage(2)
            sandbox.publish("a", {"n": n}, channel="shared")
        await capture.until(lambda: len(good(capture)) >= 60)

    with Sandbox(server_version=version) as sandbox:
        capture = run(
            sandbox, scenario, transport=transport, channels=("shared",), timing=QUICK_AUDIT
        )
    assert sorted(record.params["n"] for record in good(capture)) == list(range(60))


def good(capture: Capture) -> list[Any]:
    """Return the events that could be read."""
    return [record for record in capture.records if record.error is None]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_audit_recovers_what_was_never_delivered(version: int) -> None:
    """Real servers lose messages while a connection is made; their history has them."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.publish("a", {"n": 0}, channel="shared")
        await capture.until(lambda: len(capture.records) == 1)
        await capture.until_alone(sandbox)
        sandbox.lose(5)
        for n in range(1, 8):
            sandbox.publish("a", {"n": n}, channel="shared")
        await capture.until(lambda: len(capture.records) == 3)
        for lane in capture.listener.lanes:
            lane.audit_due.set()
        await capture.until(lambda: len(capture.records) == 8)

    with Sandbox(server_version=version) as sandbox:
        capture = run(
            sandbox,
            scenario,
            transport="websocket",
            channels=("shared",),
            timing=QUICK_AUDIT,
        )
    assert capture.numbers == list(range(8))
    assert (capture.listener.stats.recovered, capture.listener.stats.audits) == (5, 1)
    assert capture.listener.stats.duplicates == 0


def test_a_reconnect_is_audited() -> None:
    """So is a connection that has lasted for a while."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.drop_connections()
        await capture.until(lambda: capture.listener.stats.audits == 1)
        await capture.until(lambda: capture.listener.stats.audits >= 3)

    with Sandbox() as sandbox:
        run(
            sandbox,
            scenario,
            transport="websocket",
            channels=("shared",),
            timing={"audit_wait": 0.05, "audit_every": 0.2},
        )


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_wiped_storage_is_noticed(transport: str) -> None:
    """Its mids start again; the old position must not be requested for ever."""
    counts: list[int] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        stats = capture.listener.stats
        await capture.until(lambda: capture.listener.ready)
        for noticed in (lambda: len(capture.records) >= 30, lambda: stats.resets >= 1):
            with Publisher(sandbox, 50) as publisher:
                await capture.until(noticed)
            counts.append(publisher.count)
            await capture.until(lambda: len(capture.records) >= sum(counts))
            await asyncio.sleep(1.1)  # later by more than a server's disorder, or it is no reset
            if len(counts) == 1:
                sandbox.wipe_history()
        sandbox.drop_connections()
        sandbox.publish("a", {"n": -1}, channel="shared")
        await capture.until(lambda: len(capture.records) > sum(counts))

    with Sandbox() as sandbox:
        capture = run(sandbox, scenario, transport=transport, timing=QUICK_AUDIT)
    assert capture.numbers == sorted([-1, *range(counts[0]), *range(counts[1])])


def test_polling_steps_in_and_websocket_comes_back() -> None:
    """It polls after more than four failures, and returns because WebSocket had worked."""
    used: list[tuple[str, ...]] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready)
        sandbox.refuse_handshakes(5, status=503)
        sandbox.drop_connections()
        await capture.until(lambda: listener.transports == ("polling",) and listener.ready)
        used.append(listener.transports)
        sandbox.publish("a", {"n": 0}, channel="shared")
        await capture.until(lambda: len(capture.records) == 1)
        await capture.until(lambda: listener.transports == ("websocket",))
        sandbox.publish("a", {"n": 1}, channel="shared")
        await capture.until(lambda: len(capture.records) == 2)
        used.append(listener.transports)

    with Sandbox() as sandbox:
        capture = run(
            sandbox,
            scenario,
            channels=("shared",),
            timing={**QUICK_AUDIT, "websocket_again": (0.9, 0.9), "baseline": 0.2},
        )
    assert used == [("polling",), ("websocket",)]
    assert capture.numbers == [0, 1]


def test_a_silent_json_rpc_server_is_left() -> None:
    """It sent one ping, and no other within the limit."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        await capture.until(lambda: "hangs" in str(capture.listener.error))
        await capture.until(lambda: capture.listener.state == "connected")

    with Sandbox(server_version=5, rpc_ping=0.1) as sandbox:
        stalled = threading.Timer(0.5, lambda: sandbox.stall(3))
        stalled.start()
        capture = run(
            sandbox,
            scenario,
            transport="websocket",
            channels=("shared",),
            timing={**QUICK_AUDIT, "heartbeat": 0.5},
        )
        stalled.join()
    assert capture.listener.stats.reconnects >= 1


@pytest.mark.parametrize("command", ["config_expire", "server_restart"])
def test_an_announced_restart_is_waited_out(command: str) -> None:
    """It waits for a random while, then fetches a fresh config."""
    configs: list[PullConfig] = []

    def counted(rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            configs.append(await rest.fetch_config())
            return configs[-1]

        return fetch

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.announce(command)
        await capture.until(lambda: len(configs) == 2)
        await capture.until(lambda: capture.listener.state == "connected")
        sandbox.publish("a", {"n": 1}, channel="shared")
        await capture.until(lambda: any(r.command == "a" for r in capture.records))

    with Sandbox() as sandbox:
        capture = run(
            sandbox,
            scenario,
            altered=counted,
            transport="websocket",
            channels=("shared",),
            timing={**QUICK_AUDIT, "jitter": lambda: 0.5},
        )
    assert capture.states[capture.waits.index(65.0)] == "reconnecting"  # not `ready`, either
    assert [r.command for r in capture.records] == [command, "a"]


@pytest.mark.parametrize("portal_style", [True, False])
@pytest.mark.parametrize("action", ["get_config", "reconnect"])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_expired_channel_is_replaced_without_loss(
    version: int, action: str, portal_style: bool
) -> None:
    """Both forms of the message work; the old mid goes to the new channel."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        before = capture.listener.config
        sandbox.publish("a", {"n": 0}, channel="shared")
        sandbox.expire_channel("shared", action=action, portal_style=portal_style)
        for n in range(1, 11):
            sandbox.publish("a", {"n": n}, channel="shared")
        await capture.until(lambda: len(mine(capture)) >= 11)
        after = capture.listener.config
        assert before is not None
        assert after is not None
        assert after.channels["shared"].id != before.channels["shared"].id

    with Sandbox(server_version=version) as sandbox:
        capture = run(
            sandbox,
            scenario,
            transport="websocket",
            channels=("shared",),
            timing=QUICK_AUDIT,
        )
    assert sorted(record.params["n"] for record in mine(capture)) == list(range(11))


def test_an_announced_successor_counts_until_the_next_config() -> None:
    """The config is fetched again soon, which is no second renewal."""
    fetched: list[PullConfig] = []

    def counted(rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            fetched.append(await rest.fetch_config())
            return fetched[-1]

        return fetch

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        sandbox.expire_channel("shared", action="reconnect", portal_style=False)
        await capture.until(lambda: len(fetched) == 2 and capture.listener.ready)
        sandbox.publish("a", {"n": 1}, channel="shared")
        await capture.until(lambda: len(mine(capture)) == 1)

    with Sandbox() as sandbox:
        timing = {**QUICK_AUDIT, "believe_for": 0.2}
        capture = run(
            sandbox,
            scenario,
            altered=counted,
            transport="websocket",
            channels=("shared",),
            timing=timing,
        )
    assert [entry.kind for entry in capture.target.entries].count("renewed") == 1


def test_a_clients_service_message_is_an_event_and_no_more() -> None:
    """It cannot lead a lane to a channel of its choice, nor make it pause."""
    successor = {"id": "f" * 32, "type": "shared", "start": 0, "end": 4_000_000_000}
    params = {"action": "reconnect", "channel": {"id": ""}, "new_channel": successor}
    expire = {"module_id": "pull", "command": "channel_expire", "params": params}
    pause = {"module_id": "pull", "command": "server_restart", "params": {}}

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        for body in (expire, pause):
            sandbox.publish_raw(json.dumps(body), channel="shared", sender="client")
        sandbox.publish("a", {"n": 1}, channel="shared")
        await capture.until(lambda: len(mine(capture)) == 1)

    with Sandbox(server_version=4) as sandbox:
        capture = run(sandbox, scenario, transport="websocket", channels=("shared",))
    commands = [record.command for record in capture.records]
    assert commands == ["channel_expire", "server_restart", "a"]
    assert not {"renewed", "restarting"} & {entry.kind for entry in capture.target.entries}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (4010, "does not know the channel"),
        (4029, "more than 100 connections"),
        (3500, "3500 because"),
    ],
)
def test_close_codes_are_told_plainly(code: int, said: str) -> None:
    """The connection comes back."""
    errors: list[str] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready)
        sandbox.close_connections(code, "because")
        await capture.until(lambda: listener.error is not None)
        errors.append(str(listener.error))
        await capture.until(lambda: listener.state == "connected")

    with Sandbox() as sandbox:
        run(sandbox, scenario, transport="websocket", channels=("shared",), timing=QUICK_AUDIT)
    assert said in errors[0]


@pytest.mark.slow
def test_a_channel_that_ends_every_two_seconds_for_a_minute_loses_nothing() -> None:
    """All versions run at once, by WebSocket and by polling."""

    def listen(version: int, transport: str) -> tuple[list[int], int]:
        outcome: list[tuple[list[int], int]] = []

        async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
            capture.patience = 60  # six pairs of listeners and servers share the machine
            await capture.until(lambda: capture.listener.ready)
            with Publisher(sandbox, 20) as publisher:
                begun = time.monotonic()
                while time.monotonic() - begun < 60:
                    seen = len(capture.records)
                    await capture.until_stored(seen + 1)
            await capture.until(lambda: len(capture.records) >= publisher.count)
            outcome.append((capture.numbers, publisher.count))

        with Sandbox(server_version=version, channel_ttl=2.0) as sandbox:
            run(sandbox, scenario, transport=transport, timing=QUICK_AUDIT)
        return outcome[0]

    with ThreadPoolExecutor(len(EVERYWHERE)) as pool:
        for numbers, count in pool.map(listen, *zip(*EVERYWHERE, strict=True)):
            assert count > 1000
            assert numbers == list(range(count))


def test_the_server_s_own_methods_can_be_called() -> None:
    """The server has version 5; its refusals have a code."""
    answers: list[Any] = []

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready)
        answers.append(await listener.call("ping", {}))
        with pytest.raises(CallFailed, match="-32601") as caught:
            await listener.call("noSuchMethod", {})
        answers.append(caught.value.code)

    with Sandbox(server_version=5) as sandbox:
        run(sandbox, scenario, transport="websocket", channels=("shared",))
    assert answers[1] == -32601


@pytest.mark.parametrize(
    ("version", "transport", "said"),
    [(4, "websocket", "version is 4"), (5, "polling", "WebSocket")],
)
def test_a_call_without_a_way_says_so(version: int, transport: str, said: str) -> None:
    """Only a WebSocket to a JSON-RPC server takes calls."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        with pytest.raises(ConnectionFailed, match=f"ping: .*{said}"):
            await capture.listener.call("ping", {})

    with Sandbox(server_version=version) as sandbox:
        run(sandbox, scenario, transport=transport)


def test_shared_mode_without_a_client_id_fails_by_name() -> None:
    """The feed does not hang in between."""

    def without_client_id(rest: RestClient) -> Fetch:
        import msgspec

        async def fetch() -> PullConfig:
            return msgspec.structs.replace(await rest.fetch_config(), client_id=None)

        return fetch

    async def scenario(_capture: Capture, task: asyncio.Task[None]) -> None:
        with pytest.raises(MissingField, match="clientId"):
            await task

    with Sandbox(server_version=4, mode="shared") as sandbox:
        run(sandbox, scenario, altered=without_client_id)


def test_the_usual_waits_are_those_of_the_guide() -> None:
    """Tests replace them; users get these."""
    usual = Timing()
    assert usual.restart_pause == (10.0, 120.0)
    assert usual.websocket_again == (600.0, 1800.0)
    assert (usual.heartbeat, usual.audit_every) == (20.0, 300.0)
