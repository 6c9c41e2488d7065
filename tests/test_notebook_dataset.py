"""The tutorial on datasets runs from its first cell to its last, on a cluster of this machine."""

import re
from pathlib import Path

import bxpull_nb as bx
from tests.test_notebooks import complaints, html, outputs, run


def test_the_dataset_tutorial(tmp_path: Path) -> None:
    """Two collectors, one dataset, each event once; Dask and pandas agree."""
    notebook = run("08_beyond_one_notebook.ipynb", tmp_path)
    assert list(complaints(notebook)) == []
    assert outputs(notebook, "collect") == "True"
    assert outputs(notebook, "second") == "the dataset has all: True\n"
    names = re.findall(r"^date=\S+ (\w+)-\S+\.parquet \d+$", outputs(notebook, "layout"), re.M)
    assert len(names) == 3
    assert len(set(names)) == 2
    assert outputs(notebook, "read").startswith("every event once: True\n")
    assert outputs(notebook, "same").startswith("as with pandas: True\n")
    assert outputs(notebook, "compact") == "the same events: True\n"
    assert len(bx.read_events(tmp_path / "events")) > 50
    assert html(notebook, "your-turn").count("<tr") == 4
