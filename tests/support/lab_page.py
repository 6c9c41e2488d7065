"""A notebook in JupyterLab's page, driven through a browser."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE_SECONDS = 60
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

_UNFINISHED = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    .filter(cell => cell.cell_type === 'code' && !cell.execution_count)
    .map(cell => cell.id)"""


class LabPage:
    """A browser's page with one notebook; the kernel is running when you get it."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.errors: list[str] = []
        """Uncaught exceptions of the page."""
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
        """Run all cells; wait until they are done if `wait`."""
        self._run("notebook:run-all-cells")
        if wait:
            self.wait_idle()

    def run_cell(self, i: int, *, wait: bool = True) -> None:
        """Run the i-th cell; wait until it is done if `wait`."""
        self.page.evaluate(f"i => {{ {_PANEL}.content.activeCellIndex = i; }}", i)
        self._run("notebook:run-cell")
        if wait:
            self.wait_idle()

    def wait_idle(self) -> None:
        """Return when no cell is waiting and the kernel is idle."""
        self._wait(_IS_IDLE, PAGE_SECONDS)

    def output(self, i: int) -> str:
        """Return the text under the i-th cell, as it is seen."""
        text: str = self.page.evaluate(
            f"i => {_PANEL}.content.widgets[i].outputArea.node.innerText", i
        )
        return text.strip()

    def ask(self, expression: str) -> str:
        """Return what `print(expression)` prints in the kernel, without a trace in the notebook."""
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
        """Forget the errors noted so far."""
        for noted in (self.errors, self.console, self.outside_requests):
            noted.clear()

    def check(self) -> None:
        """Fail if the page had an error or asked anything of the outside."""
        assert self.outside_requests == []
        assert self.errors == []

    def check_run(self) -> None:
        """Fail unless every cell has run, without an error and without a word on stderr."""
        bad = self.page.locator(
            ".jp-Notebook [data-mime-type='application/vnd.jupyter.error'],"
            ".jp-Notebook [data-mime-type='application/vnd.jupyter.stderr']"
        )
        assert (bad.all_inner_texts(), self.page.evaluate(_UNFINISHED)) == ([], [])

    def _wait(self, condition: str, seconds: float = PAGE_SECONDS) -> None:
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
