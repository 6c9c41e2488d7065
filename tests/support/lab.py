"""A real JupyterLab in a real Chromium, for tests; everything private, nothing from outside.

```python
# tests/conftest.py: pytest_plugins = [..., "tests.support.lab"]

def test_something(lab: Lab) -> None:
    notebook = lab.write("something.ipynb", ["import bxpull_nb", "1 + 1"])
    with lab.open(notebook) as tab:
        tab.run_all()
        assert tab.output(1) == "2"
        tab.page.locator("…").click()  # the Playwright page itself
        tab.check()  # no error in the page, no request to the outside
```

The server starts once a session. The browser starts, and loads Lab's page, once for all tests of
a file: that costs seconds of a processor, and opening one more notebook in the page almost none.
No longer than a file, since Playwright's sync interface keeps an event loop running in the test's
thread, and left open it would break every later `asyncio.run()`. In tests with a `lab`, code that
needs a loop of its own has to use a thread.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from tests.support.browser import (
    QUIET_CHROMIUM,
    browser_missing,
    find_chromium,
    free_port,
    jupyter_environment,
)
from tests.support.lab_page import (
    PAGE_SECONDS,
    LabPage,
)

__all__ = ["PANEL_TUTORIAL", "Lab", "lab"]

PANEL_TUTORIAL = "03_explore_and_export"
"""The tutorial whose instructions `test_lab_explorer` follows by hand; the others are run."""


_START_SECONDS = 60
_EXPECT_SECONDS = 30  # an answer that was lost is asked for again after 15 to 20


class Lab:
    """A JupyterLab server on 127.0.0.1, its notebooks and all its settings below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "notebooks"
        self.log = home / "server.log"
        self.url = ""
        self._server: subprocess.Popen[bytes] | None = None
        self._tab: LabPage | None = None
        self._spoilt = False  # what failed may have left anything in the page

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True)
        _no_news(self.home / "settings")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                _command(self.root, port),
                cwd=self.root,
                env=jupyter_environment(self.home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, which ends its kernels."""
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(15)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """Write a notebook of these code cells; return the path for `open()`."""
        import nbformat

        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    @contextmanager
    def browsing(self, *, scale: float = 1) -> Iterator[Self]:
        """Start a browser with Lab's page, for the notebooks opened within the block.

        `scale` is how many dots of a picture a pixel of the page has, each way.
        """
        from playwright.sync_api import expect, sync_playwright

        expect.set_options(timeout=_EXPECT_SECONDS * 1000)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=QUIET_CHROMIUM
            )
            context = browser.new_context(device_scale_factor=scale)
            context.set_default_timeout(PAGE_SECONDS * 1000)
            self._tab, self._spoilt = LabPage(context.new_page()), True
            try:
                yield self
            finally:
                self._tab = None
                browser.close()

    @contextmanager
    def open(
        self, notebook: Path | str, *, width: int = 1280, height: int = 900
    ) -> Iterator[LabPage]:
        """Open the notebook (a path below `root`) alone in the browser's page, its kernel idle.

        The kernel ends with the block. When the block fails, a picture of the page is left in
        `home` and named in the error, and the next notebook gets a page that is loaded again.
        """
        tab = self._tab
        assert tab is not None, "open notebooks within browsing()"
        name = (self.root / notebook).relative_to(self.root).as_posix()
        tab.page.set_viewport_size({"width": width, "height": height})
        try:
            if self._spoilt:
                tab.forget()
                tab.load(f"{self.url}/lab?reset")
                tab.open(name)
            else:
                tab.open(name)
                tab.forget()  # what Lab says about the notebook that is closed
            self._spoilt = True
            yield tab
            tab.close()
            self._spoilt = False
        except BaseException as error:
            self._explain(error, tab, name)
            raise
        finally:
            self._end_kernels()

    def _end_kernels(self) -> None:
        with suppress(OSError):  # a server that broke has none
            with urllib.request.urlopen(f"{self.url}/api/kernels", timeout=10) as answer:
                kernels = json.load(answer)
            for kernel in kernels:
                url = f"{self.url}/api/kernels/{kernel['id']}"
                request = urllib.request.Request(url, method="DELETE")
                urllib.request.urlopen(request, timeout=10).close()

    def _explain(self, error: BaseException, tab: LabPage, name: str) -> None:
        picture = self.home / f"{Path(name).stem}-failed.png"
        with suppress(Exception):  # the page may be what broke
            tab.page.screenshot(path=picture, timeout=5000)
        error.add_note(f"picture: {picture}\nserver log: {self.log}")
        error.add_note(f"page errors: {tab.errors}\nconsole: {tab.console[-5:]}")

    def _wait_until_up(self) -> None:
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._server.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/api/status", timeout=5):
                return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab; skip where there is no Chromium, but fail in CI."""
    if find_chromium() is None:
        browser_missing("no chromium or google-chrome on the PATH")
    try:
        import playwright.sync_api  # noqa: F401 - asked for here, used in Lab.open
    except ImportError:
        browser_missing("playwright is not installed (pip install 'bxpull-nb[test]')")
    with Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def lab(_server: Lab) -> Iterator[Lab]:
    """Give a running JupyterLab and a browser with its page to the tests of a file."""
    with _server.browsing():
        yield _server


def _no_news(settings: Path) -> None:
    plugin = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))


def _command(root: Path, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={root}",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
