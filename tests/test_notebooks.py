"""Every tutorial is clean in the repository, and runs from its first cell to its last."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import bxpull_nb as bx
from bxpull_nb.sandbox import Sandbox

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def run(name: str, folder: Path, **environment: str) -> Any:
    """The notebook with its outputs, run in the folder by a kernel that knows no portal."""
    notebook = nbformat.read(PROJECT / "notebooks" / name, as_version=4)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BXPULL_")}
    private = {"PYTHONPATH": str(PROJECT), "IPYTHONDIR": str(folder / ".ipython")}
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**kept, **private, **environment})
    return notebook


def outputs(notebook: Any, cell: str) -> str:
    """The text under the cell with that id."""
    return "".join(
        output.get("text") or output["data"]["text/plain"]
        for found in notebook.cells
        if found.id == cell
        for output in found.outputs
    )


def html(notebook: Any, cell: str) -> str:
    """The HTML under the cell with that id."""
    found = next(found for found in notebook.cells if found.id == cell)
    return "".join(output.get("data", {}).get("text/html", "") for output in found.outputs)


def complaints(notebook: Any) -> Iterator[str]:
    """What went to stderr, and the errors: both would be seen by a newcomer."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"{cell.id}: {output}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_clean(path: Path) -> None:
    """Valid, short, with ids that say what a cell is, and without any trace of a run."""
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert len(notebook.cells) < 20
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z-]+", cell_id) for cell_id in ids)
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_the_config_tutorial(tmp_path: Path) -> None:
    """The same channels when asked again, and a refused token told in words."""
    notebook = run("01_connection_config.ipynb", tmp_path)
    assert list(complaints(notebook)) == []
    assert outputs(notebook, "fetch") == "PullConfig(server version 3, shared, private)"
    assert outputs(notebook, "again") == "{'shared': True, 'private': True}"
    assert "'version': 3" in outputs(notebook, "server")
    assert "invalid_token" in outputs(notebook, "refused")
    assert outputs(notebook, "your-turn") == "datetime.timedelta(seconds=43205)"


def test_the_listening_tutorial(tmp_path: Path) -> None:
    """The greeting comes back, both transports get the same event, and everything stops."""
    notebook = run("02_listen_live.ipynb", tmp_path)
    assert list(complaints(notebook)) == []
    assert outputs(notebook, "send") == "{'text': 'hello', 'n': 1}"
    before, after = map(int, re.findall(r"\d+", outputs(notebook, "held")))
    assert 10 <= before < after
    assert re.findall(r"^\w+", outputs(notebook, "polling"), re.M) == ["websocket", "polling"]
    state, events = outputs(notebook, "stop").strip("()").split(", ")
    assert state == "'stopped'"
    assert int(events) > after
    assert '{"text":"hello","n":1}' in outputs(notebook, "your-turn")


def test_the_exploring_tutorial(tmp_path: Path) -> None:
    """It leaves a panel that has not begun, and a file that reads back."""
    notebook = run("03_explore_and_export.ipynb", tmp_path)
    assert list(complaints(notebook)) == []
    panel = next(cell for cell in notebook.cells if cell.id == "panel").outputs[0]
    assert "application/vnd.jupyter.widget-view+json" in panel.data
    assert outputs(notebook, "your-turn").startswith("Series([]")
    events = bx.read_events(tmp_path / "sample.csv")
    assert len(events) == int(outputs(notebook, "capture")) >= 100
    assert outputs(notebook, "to-csv") == (
        f"{len(events)} events in sample.csv, equal to those captured: True\n"
    )
    assert events["mid"].is_unique
    assert "params.stage" in html(notebook, "params")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_saved_notebook_holds_no_secret(path: Path, tmp_path: Path) -> None:
    """Run as under `bxpull lab`, with the state of its widgets: no token, no channel id."""
    with Sandbox(demo=True, rate=100) as sandbox:
        with bx.connect(sandbox.url, token=sandbox.token) as portal:
            channels = portal.fetch_config().channels.values()
        secrets = [sandbox.token, *(channel.id for channel in channels)]
        notebook = run(path.name, tmp_path, BXPULL_URL=sandbox.url, BXPULL_TOKEN=sandbox.token)
        port = sandbox.url.rpartition(":")[2]
    assert list(complaints(notebook)) == []
    saved = nbformat.writes(notebook)
    assert port in saved  # it did use this sandbox
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in saved]
