"""The programs that show a notebook: how each is started, and how its page is opened."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.browser import (
    QUIET_CHROMIUM,
    browser_missing,
    find_chromium,
    free_port,
    jupyter_environment,
)
from tests.support.lab_page import LabPage

__all__ = ["HOSTS", "Host", "opened"]

_SECONDS = 60
_NOTEBOOK = "panel.ipynb"
_MARIMO = "panel.py"
_MARIMO_SETTINGS = """[tool.marimo.runtime]
auto_instantiate = true
[tool.marimo.display]
theme = "system"
"""


def _jupyter(folder: Path, port: int) -> Sequence[str]:
    return (
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
    )


def _voila(_folder: Path, port: int) -> Sequence[str]:
    return _NOTEBOOK, "--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}"


def _marimo(folder: Path, port: int) -> Sequence[str]:
    own = ("--headless", "--no-token", "--skip-update-check", "--no-sandbox")
    return "-q", "edit", str(folder / _MARIMO), *own, "--host=127.0.0.1", f"--port={port}"


def _write(folder: Path, cells: Sequence[str]) -> None:
    """Write a notebook of these cells."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / _NOTEBOOK)


def _write_marimo(folder: Path, cells: Sequence[str]) -> None:
    """Write a notebook of marimo, where each cell is a function; all in one cell."""
    lines = [f"    {line}" for cell in cells for line in cell.splitlines()]
    body = "\n".join(["import marimo", "app = marimo.App(width='medium')", "", "@app.cell"])
    text = "\n".join([body, "def _():", *lines, "    return", ""])
    (folder / _MARIMO).write_text(text)
    (folder / "pyproject.toml").write_text(_MARIMO_SETTINGS)


@dataclass(frozen=True)
class Host:
    """One program: the module to run, its options, its page, and how the cells are run."""

    module: str
    options: Callable[[Path, int], Sequence[str]]
    page: str
    """The path of the page."""
    up: str
    """The path that answers when the server is up."""
    by_hand: bool = False
    """Whether the page has to run the cells."""
    write: Callable[[Path, Sequence[str]], None] = _write
    own_errors: tuple[str, ...] = ()
    """Errors that its page has without the panel."""
    own_addresses: frozenset[str] = frozenset()
    """Hosts outside that its page asks without the panel."""


HOSTS = {
    "JupyterLab": Host(
        "jupyterlab",
        lambda *at: (*_jupyter(*at), "--LabApp.expose_app_in_browser=True"),
        page=f"lab/tree/{_NOTEBOOK}",
        up="api/status",
        by_hand=True,
    ),
    "Notebook 7": Host(
        "notebook",
        lambda *at: (*_jupyter(*at), "--JupyterNotebookApp.expose_app_in_browser=True"),
        page=f"notebooks/{_NOTEBOOK}",
        up="api/status",
        by_hand=True,
        # What Notebook 7.6 throws while it loads its settings, on an empty page too.
        own_errors=("Cannot read properties of undefined (reading 'schema')",),
    ),
    "Voila": Host(
        "voila",
        _voila,
        page="",
        up="voila/static/voila.js",
        own_addresses=frozenset({"cdn.jsdelivr.net"}),  # its icons
    ),
    "marimo": Host("marimo", _marimo, page="", up="health", write=_write_marimo),
}


@contextmanager
def opened(host: Host, home: Path, cells: Sequence[str]) -> Iterator[LabPage]:
    """A browser's page with these cells, which have run or are running."""
    pytest.importorskip(host.module, reason=f"{host.module} is not installed")
    host.write(home, cells)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [host.module, *host.options(home, port)]
    with _serving(home, command, url + host.up), _visiting() as tab:
        if host.by_hand:
            tab.goto(url + host.page)
            tab.run_all()
        else:
            tab.page.goto(url + host.page)
        yield tab


@contextmanager
def _serving(home: Path, command: Sequence[str], address: str) -> Iterator[None]:
    """The server, from its first answer at the address until the block is left."""
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=home,
            env={**jupyter_environment(home), "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_up(server, address, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_up(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"no server:\n{log.read_text()[-3000:]}")


@contextmanager
def _visiting() -> Iterator[LabPage]:
    """A page of a browser of its own; skips where there is none, but fails in CI."""
    if find_chromium() is None:
        browser_missing("no chromium or google-chrome on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=QUIET_CHROMIUM)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(_SECONDS * 1000)
        try:
            yield LabPage(context.new_page())
        finally:
            browser.close()
