"""The web service of docs/async.md, run by uvicorn, with clients that come and go."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from bxpull_nb.sandbox import Sandbox
from tests.support.command import NO_PORTAL
from tests.support.paths import PROJECT
from tests.support.waiting import eventually


def service() -> Any:
    """Return the application that the page shows."""
    page = (PROJECT / "docs" / "async.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["app"]


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Serve the application on this loop; yield its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server._serve())
    while not server.started:
        assert not serving.done(), serving
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def test_the_service_of_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client gets what it asked for; a client that leaves leaves nothing."""
    app = service()

    async def main(sandbox: Sandbox) -> None:
        async with served(app) as url, httpx.AsyncClient(trust_env=False) as client:
            for n in range(2):
                async with client.stream("GET", f"{url}/events?command=A") as response:
                    lines = response.aiter_lines()
                    assert await anext(lines) == ": listening"
                    sandbox.publish("b", {"n": n})
                    sandbox.publish("a", {"n": n})
                    assert [await anext(lines), await anext(lines)] == ["", f'data: {{"n": {n}}}']
            waiters = app.state.feed._hub.waiters
            await asyncio.to_thread(eventually, lambda: len(waiters._open) == 0)
        assert app.state.feed.state == "stopped"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Sandbox() as sandbox:
        for name, value in {**NO_PORTAL, "BXPULL_URL": sandbox.url}.items():
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("BXPULL_TOKEN", sandbox.token)
        asyncio.run(main(sandbox))
