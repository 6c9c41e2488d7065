"""The panel outside JupyterLab: in Notebook 7, and as a page of Voila."""

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

from tests.support.browser import (
    QUIET_CHROMIUM,
    browser_missing,
    find_chromium,
    free_port,
    jupyter_environment,
)
from tests.support.lab_page import LabPage

pytestmark = pytest.mark.browser

CELLS = ["import bxpull_nb as bx", "bx.explore(bx.connect())"]
SECONDS = 60
NOTEBOOKS_OWN = "Cannot read properties of undefined (reading 'schema')"
"""What Notebook 7.6 throws while it loads its settings, on an empty page too."""


def write_notebook(folder: Path) -> Path:
    """The two cells that open the panel."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path = folder / "panel.ipynb"
    nbformat.write(notebook, path)
    return path


@contextmanager
def serving(home: Path, command: Sequence[str], address: str) -> Iterator[None]:
    """The server, from its first answer at the address until the block is left."""
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=home,
            env=jupyter_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(address, timeout=5):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"no server:\n{log.read_text()[-3000:]}")
        yield
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def visiting() -> Iterator[LabPage]:
    """A page of a browser of its own; skips where there is none, but fails in CI."""
    if find_chromium() is None:
        browser_missing("no chromium or google-chrome on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=QUIET_CHROMIUM)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(SECONDS * 1000)
        try:
            yield LabPage(context.new_page())
        finally:
            browser.close()


def watch_rows_come(tab: LabPage) -> None:
    """Start the panel as a person does, and see events in its table."""
    tab.page.locator("button.jupyter-button", has_text="Start").click()
    tab.page.get_by_text("connected by websocket").wait_for()
    tab.page.locator(".bxlt-row").nth(9).wait_for()
    row = tab.page.locator(".bxlt-row").first  # another one, a moment later
    assert re.search("shared|private", row.inner_text())
    tab.page.locator("button.jupyter-button", has_text="Stop").click()
    tab.page.locator("[role=status]", has_text="stopped").wait_for()
    assert [error for error in tab.errors if error != NOTEBOOKS_OWN] == []


def test_notebook_7(tmp_path: Path) -> None:
    """Run All, Start, rows."""
    pytest.importorskip("notebook", reason="Notebook 7 is not installed")
    path, port = write_notebook(tmp_path), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        "notebook",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={tmp_path}",
        "--IdentityProvider.token=",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    with serving(tmp_path, command, f"{url}/api/status"), visiting() as tab:
        tab.goto(f"{url}/notebooks/{path.name}")
        tab.run_all()
        watch_rows_come(tab)
        assert tab.outside_requests == []


def test_voila(tmp_path: Path) -> None:
    """The notebook as a page: the cells have run, and their widgets are alive."""
    pytest.importorskip("voila", reason="Voila is not installed")
    path, port = write_notebook(tmp_path), free_port()
    url = f"http://127.0.0.1:{port}/"
    command = ["voila", path.name, "--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}"]
    with serving(tmp_path, command, f"{url}voila/static/voila.js"), visiting() as tab:
        tab.page.goto(url)
        watch_rows_come(tab)
        asked = {urlsplit(address).hostname for address in tab.outside_requests}
        assert asked <= {"cdn.jsdelivr.net"}  # Voila's own page takes its icons from there
