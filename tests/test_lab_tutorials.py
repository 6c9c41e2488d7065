"""Every tutorial in a real JupyterLab, as a newcomer meets it: open, Run All, look."""

import shutil
from pathlib import Path

import pytest

from tests.lab import PROJECT, Lab

TUTORIALS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
PANELS = {"03_explore_and_export", "04_understand_one_event"}
"""Those that show the control panel."""


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_run_all(lab: Lab, path: Path) -> None:
    """No cell fails or complains, the page has no error, and nothing is asked of the outside."""
    shutil.copy(path, lab.root / path.name)
    with lab.open(path.name) as tab:
        tab.run_all()
        notebook = tab.page.locator(".jp-Notebook")
        if path.stem in PANELS:
            notebook.locator("button", has_text="Fetch config").wait_for()
        unfinished = tab.page.evaluate(UNFINISHED)
        bad = notebook.locator(
            "[data-mime-type='application/vnd.jupyter.error'],"
            "[data-mime-type='application/vnd.jupyter.stderr']"
        )
        assert (bad.all_inner_texts(), unfinished) == ([], [])
        tab.check()
        assert tab.console == []


UNFINISHED = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    .filter(cell => cell.cell_type === 'code' && !cell.execution_count)
    .map(cell => cell.id)"""
