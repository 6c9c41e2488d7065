"""What a notebook keeps of the panel after it was run and saved, here by nbclient."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab_panel import PANEL
from tests.support.paths import PROJECT

PUBLISH = """sandbox.publish("dealMove", {"title": "<b>offer</b>", "access_token": "s3cret-word"})
ids = [channel.id for channel in feed.config.channels.values()]
sandbox.publish("other", {"hook": sandbox.webhook, "ids": ids})
feed.wait(2, timeout=10)
feed.stop()
panel.paint()"""
SECRETS = """import json
print(json.dumps([sandbox.token, sandbox.refresh_token, sandbox.client_secret, sandbox.webhook,
                  "s3cret-word", *(c.id for c in feed.config.channels.values())]))"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The panel's cell as it is in the file, and the secrets of the session, by `static`."""
    return cache(lambda static: run(tmp_path_factory.mktemp("saved"), static=static))


def run(folder: Path, *, static: bool) -> tuple[str, list[str]]:
    """Run the notebook; return its text without the last cell, and what that one printed."""
    import nbformat
    from nbclient import NotebookClient

    panel = PANEL.replace("explore(portal)", f"explore(portal, static={static})")
    cells = [nbformat.v4.new_code_cell(cell) for cell in (panel, PUBLISH, SECRETS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "IPYTHONDIR": str(folder)}
    client = NotebookClient(notebook, timeout=60, kernel_name="python3")
    client.execute(env=environment)
    secrets = json.loads(notebook.cells.pop().outputs[0].text)
    return nbformat.writes(notebook), secrets


def pictures(text: str) -> list[str]:
    """The pictures in the file."""
    outputs = json.loads(text)["cells"][0]["outputs"]
    return ["".join(output["data"].get("text/html", "")) for output in outputs]


@pytest.mark.parametrize("static", [False, True])
def test_the_file_has_one_picture_of_the_last_state(saved: Any, static: bool) -> None:
    """Though the cell was done before the first event came."""
    text, _secrets = saved(static)
    shown = [html for html in pictures(text) if html]
    assert len(shown) == 1
    assert "stopped · 2 events" in shown[0]
    assert "dealMove" in shown[0]
    assert "data:image/svg+xml" in shown[0]


def test_texts_are_in_it_only_when_asked_for(saved: Any) -> None:
    """Nowhere in the file, the state of the widgets included."""
    assert "offer" not in saved(False)[0].replace(PUBLISH_SAVED, "")
    assert "&lt;b&gt;offer" in "".join(pictures(saved(True)[0]))


PUBLISH_SAVED = json.dumps(PUBLISH.splitlines(keepends=True)[0])


@pytest.mark.parametrize("static", [False, True])
def test_no_secret_is_in_the_file(saved: Any, static: bool) -> None:
    """Of the portal, its channels, or in an event; whole or in its longest part."""
    text, secrets = saved(static)
    outputs = text.replace(PUBLISH_SAVED, "")
    assert len(secrets) == 7
    parts = {part for secret in secrets for part in (secret, secret.rstrip("/").split("/")[-1])}
    assert [part for part in parts if part in outputs] == []
