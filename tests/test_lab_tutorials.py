"""Every tutorial in a real JupyterLab, as a newcomer meets it: open, Run All, look."""

import shutil

import pytest

from tests.lab import PROJECT, Lab, LabPage

EXPLORING = "03_explore_and_export"
"""Runs in test_lab_explorer.py, where its steps are done too."""
OTHERS = sorted({path.stem for path in (PROJECT / "notebooks").glob("*.ipynb")} - {EXPLORING})
WITH_PANEL = "04_understand_one_event"


@pytest.mark.parametrize("name", OTHERS)
def test_run_all(lab: Lab, name: str) -> None:
    """No cell fails or complains, the page has no error, and nothing is asked of the outside."""
    shutil.copy(PROJECT / "notebooks" / f"{name}.ipynb", lab.root)
    with lab.open(f"{name}.ipynb") as tab:
        tab.run_all()
        if name == WITH_PANEL:
            tab.page.locator(".jp-Notebook button", has_text="Fetch config").wait_for()
        check_run(tab)
        tab.check()
        assert tab.console == []


def check_run(tab: LabPage) -> None:
    """Every cell has run, without an error and without a word on stderr."""
    bad = tab.page.locator(
        ".jp-Notebook [data-mime-type='application/vnd.jupyter.error'],"
        ".jp-Notebook [data-mime-type='application/vnd.jupyter.stderr']"
    )
    assert (bad.all_inner_texts(), tab.page.evaluate(UNFINISHED)) == ([], [])


UNFINISHED = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    .filter(cell => cell.cell_type === 'code' && !cell.execution_count)
    .map(cell => cell.id)"""
