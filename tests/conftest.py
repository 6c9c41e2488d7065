"""Fixtures of all tests: a sandbox, a portal on it, and a server that answers what it is told."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox

pytest_plugins = ["tests.support.lab"]

TESTS = Path(__file__).parent

FIRST = (
    # a minute of ended channels, then a storm; beside them what keeps to one processor
    "listener/test_faults.py",
    "test_benchmarks.py",
    "storage/test_export_formats.py",
    "analysis/test_plots.py",
    "cli/test_cli.py",
    "analysis/test_analysis.py",
    "analysis/test_dask.py",
    "storage/test_eventlog.py",
    "test_storm.py",
    # a browser, its server and its kernel want two; beside them what waits a good deal
    "jupyter/test_lab_live_table.py",
    "test_week.py",
    "jupyter/test_lab_explorer.py",
    "test_notebooks.py",
    "jupyter/test_lab_tutorials.py",
    "collector/test_collector.py",
    "test_foreign_js.py",
    "jupyter/test_lab_rate_chart.py",
    "jupyter/test_lab_elsewhere.py",
)
"""The files that take long, in the order in which the workers take them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that no worker is left alone with one at the end."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(str(item.path.relative_to(TESTS)), len(FIRST)))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox without demo traffic."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Portal]:
    """The sandbox as a portal."""
    with Portal(AccessToken(sandbox.url, sandbox.token)) as connected:
        yield connected


Answer = Callable[..., str]


@pytest.fixture
def answering() -> Iterator[Answer]:
    """Start a server that gives every request the same answer; its address comes back."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int = 200, body: str = "", kind: str = "text/html", **headers: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response_only(status)  # without a Date of its own
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET  # noqa: N815 - the base class looks for this name

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
