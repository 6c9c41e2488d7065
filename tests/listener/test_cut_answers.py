"""Captures behind a proxy that cuts every answer after so many bytes."""

import asyncio
from typing import Any

import msgspec
import pytest

from bxpull_nb.models import PullConfig
from bxpull_nb.rest import RestClient
from bxpull_nb.sandbox import Sandbox
from tests.faults.proxy import FaultProxy
from tests.support.listening import QUICK_AUDIT, VERSIONS, Capture, Fetch, run

COUNT = 120
SMALL = 6000  # bytes, of some 50 000


def publish(sandbox: Sandbox, numbers: range) -> None:
    """Publish numbered events of half a kilobyte."""
    for n in numbers:
        sandbox.publish("a", {"n": n, "text": "x" * 300}, channel="shared")


def polled_through(proxy: FaultProxy) -> Any:
    """Return a config function whose polls lead through the proxy, and no WebSocket."""

    def altered(rest: RestClient) -> Fetch:
        async def fetch() -> PullConfig:
            config = await rest.fetch_config()
            server = proxy.through(config).server
            server = msgspec.structs.replace(server, websocket=config.server.websocket)
            return msgspec.structs.replace(config, server=server)

        return fetch

    return altered


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backlog_comes_in_parts(version: int) -> None:
    """Each poll goes on after the messages that came whole, without a row for a cut one."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until_stored(COUNT)

    with Sandbox(server_version=version) as sandbox, FaultProxy(sandbox.url[7:]) as proxy:
        publish(sandbox, range(COUNT))
        proxy.limit_bytes(SMALL)
        capture = run(
            sandbox,
            scenario,
            altered=polled_through(proxy),
            channels=("shared",),
            transport="polling",
            backfill=True,
        )
    assert capture.numbers == list(range(COUNT))
    assert capture.waits == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_audit_is_answered_in_parts(version: int) -> None:
    """It recovers everything, and counts as one audit."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        listener = capture.listener
        await capture.until(lambda: listener.ready and listener.lanes[0].session.has_begun)
        proxy.limit_bytes(SMALL)
        sandbox.lose(COUNT)
        publish(sandbox, range(COUNT))
        await capture.until_stored(COUNT)
        await capture.until(lambda: bool(listener.stats.audited_us))

    with Sandbox(server_version=version) as sandbox, FaultProxy(sandbox.url[7:]) as proxy:
        capture = run(
            sandbox,
            scenario,
            altered=polled_through(proxy),
            channels=("shared",),
            transport="websocket",
            timing=QUICK_AUDIT | {"audit_every": 0.5, "audit_again": 0.5},
        )
    assert capture.numbers == list(range(COUNT))
    assert capture.listener.stats.recovered == COUNT
    assert "audit_failed" not in [entry.kind for entry in capture.target.entries]
