"""A real JupyterLab in a real Chromium, for tests; everything private, nothing from outside.

```python
# tests/conftest.py: pytest_plugins = ["tests.support.lab"]

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
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import urlsplit

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["Lab", "LabPage", "eventually", "find_chromium", "lab"]

PROJECT = Path(__file__).resolve().parent.parent.parent

_START_SECONDS = 60
_PAGE_SECONDS = 60
_EXPECT_SECONDS = 30  # an answer that was lost is asked for again after 15 to 20
_QUIET_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PANEL = "window.jupyterapp.shell.currentWidget"
_IS_READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    return panel?.sessionContext?.session?.kernel?.status === 'idle';
}"""
_IS_UP = "() => window.jupyterapp?.shell && window.jupyterapp.restored.then(() => true)"
_OPEN = """async path => {
    const { commands, shell } = window.jupyterapp;
    const panel = await commands.execute('docmanager:open', { path, factory: 'Notebook' });
    for (const other of [...shell.widgets('main')]) if (other !== panel) other.dispose();
}"""
_CLOSE = """async () => {
    for (const panel of [...window.jupyterapp.shell.widgets('main')]) {
        await panel.sessionContext?.shutdown();
        panel.dispose();
    }
}"""
_IS_IDLE = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    return !panel.running && panel.sessionContext.session?.kernel?.status === 'idle';
}"""


def find_chromium() -> str | None:
    """The path of the system's Chromium or Chrome; None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def eventually(reached: Callable[[], bool], seconds: float = _EXPECT_SECONDS) -> None:
    """Wait for the condition, bounded: a page paints a moment after what it was told."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


class LabPage:
    """A browser's page with one notebook; the kernel is running when you get it."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.errors: list[str] = []
        """Exceptions nobody caught in the page."""
        self.console: list[str] = []
        """What the page wrote to the console as errors; for a look, not for an assertion."""
        self.outside_requests: list[str] = []
        """Addresses that are not on 127.0.0.1."""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note_console)
        page.on("websocket", lambda socket: self._note_address(socket.url))
        page.context.on("request", lambda request: self._note_address(request.url))

    def goto(self, url: str) -> None:
        """Open the address and wait for Lab, its notebook and its kernel."""
        self.page.goto(url)
        self._wait(_IS_READY)

    def load(self, url: str) -> None:
        """Open the address and wait for Lab."""
        self.page.goto(url)
        self._wait(_IS_UP)

    def open(self, path: str) -> None:
        """Open the notebook as the only one, and wait for its kernel."""
        self.page.evaluate(_OPEN, path)
        self._wait(_IS_READY)

    def close(self) -> None:
        """End the kernel, close the notebook unsaved, put the mouse where it was at first."""
        self.page.evaluate(_CLOSE)
        self.page.mouse.move(0, 0)

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells, and wait for them to be done unless told otherwise."""
        self._run("notebook:run-all-cells")
        if wait:
            self.wait_idle()

    def run_cell(self, i: int, *, wait: bool = True) -> None:
        """Run the i-th cell, and wait for it to be done unless told otherwise."""
        self.page.evaluate(f"i => {{ {_PANEL}.content.activeCellIndex = i; }}", i)
        self._run("notebook:run-cell")
        if wait:
            self.wait_idle()

    def wait_idle(self, seconds: float = _PAGE_SECONDS) -> None:
        """Return when no cell is waiting and the kernel is idle."""
        self._wait(_IS_IDLE, seconds)

    def output(self, i: int) -> str:
        """The text under the i-th cell, as one sees it."""
        text: str = self.page.evaluate(
            f"i => {_PANEL}.content.widgets[i].outputArea.node.innerText", i
        )
        return text.strip()

    def ask(self, expression: str) -> str:
        """What the kernel answers to `print(expression)`, as a cell that leaves no trace."""
        script = f"""async code => {{
            const kernel = {_PANEL}.sessionContext.session.kernel;
            const future = kernel.requestExecute({{ code, store_history: false }});
            let text = '';
            future.onIOPub = ({{ content }}) => {{ text += content.text ?? content.evalue ?? ''; }};
            await future.done;
            return text;
        }}"""
        text: str = self.page.evaluate(script, f"print({expression})")
        return text.strip()

    def theme(self, name: str) -> None:
        """Switch to `JupyterLab Dark` or `JupyterLab Light`."""
        self._execute("apputils:change-theme", {"theme": name})
        light = json.dumps("Light" in name)
        self._wait(f"document.body.dataset.jpThemeLight === '{light}'")

    def save(self) -> None:
        """Save the notebook."""
        self._execute("docmanager:save")

    def reload(self) -> None:
        """Save, then load the page again; the kernel stays."""
        self.save()
        self.page.reload()
        self._wait(_IS_READY)

    def restart(self) -> None:
        """Restart the kernel; the notebook and its outputs stay."""
        self.page.evaluate(
            f"async () => {{ await {_PANEL}.sessionContext.session.kernel.restart(); }}"
        )
        self._wait(_IS_READY)

    def forget(self) -> None:
        """What was wrong so far is wrong no more."""
        for noted in (self.errors, self.console, self.outside_requests):
            noted.clear()

    def check(self) -> None:
        """Fail if the page had an error or asked anything of the outside."""
        assert self.outside_requests == []
        assert self.errors == []

    def _wait(self, condition: str, seconds: float = _PAGE_SECONDS) -> None:
        # Playwright would look at every frame, and so have frames drawn where nothing changes.
        self.page.wait_for_function(condition, timeout=seconds * 1000, polling=50)

    def _run(self, command: str) -> None:
        # A kernel is idle too before the first cell and between two: Lab's promise knows the end.
        script = """command => {
            const panel = window.jupyterapp.shell.currentWidget;
            const count = change => { panel.running = (panel.running ?? 0) + change; };
            count(1);
            void window.jupyterapp.commands.execute(command).finally(() => count(-1));
        }"""
        self.page.evaluate(script, command)

    def _execute(self, command: str, arguments: object = None) -> None:
        start = "window.jupyterapp.commands.execute(command, arguments ?? {})"
        script = f"async ([command, arguments]) => {{ await {start}; }}"
        self.page.evaluate(script, [command, arguments])

    def _note_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
            self.outside_requests.append(url)

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self.console.append(message.text)


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
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                _command(self.root, port),
                cwd=self.root,
                env=_environment(self.home),
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
        """A notebook of these code cells; the path to give to `open()`."""
        notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],  # type: ignore[no-untyped-call]
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        return path

    @contextmanager
    def browsing(self, *, scale: float = 1) -> Iterator[Self]:
        """A browser with Lab's page, for all that is opened within the block.

        `scale` is how many dots of a picture a pixel of the page has, each way.
        """
        from playwright.sync_api import expect, sync_playwright

        expect.set_options(timeout=_EXPECT_SECONDS * 1000)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=_QUIET_CHROMIUM
            )
            context = browser.new_context(device_scale_factor=scale)
            context.set_default_timeout(_PAGE_SECONDS * 1000)
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
        """The notebook (a path below `root`) alone in the browser's page, its kernel idle.

        The kernel ends with the block. When the block fails, a picture of the page is left in
        `home` and named in the error, and the next notebook gets a page that is loaded anew.
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
    """A running JupyterLab; skips where there is no Chromium, but fails in CI."""
    if find_chromium() is None:
        _missing("no chromium or google-chrome on the PATH")
    try:
        import playwright.sync_api  # noqa: F401 - asked for here, used in Lab.open
    except ImportError:
        _missing("playwright is not installed (pip install 'bxpull-nb[test]')")
    with Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def lab(_server: Lab) -> Iterator[Lab]:
    """A running JupyterLab, and a browser with its page for the tests of a file."""
    with _server.browsing():
        yield _server


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"browser tests must run in CI: {reason}")
    pytest.skip(f"browser tests: {reason}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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


def _environment(home: Path) -> dict[str, str]:
    """The test's own environment, with everything of Jupyter's below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
