"""Every tutorial in a real JupyterLab, as a newcomer meets it: open, Run All, look."""

import shutil

import pytest

from tests.support.lab import PANEL_TUTORIAL, Lab
from tests.support.paths import PROJECT

pytestmark = pytest.mark.browser

OTHERS = sorted({path.stem for path in (PROJECT / "notebooks").glob("*.ipynb")} - {PANEL_TUTORIAL})
WITH_PANEL = "04_understand_one_event"


@pytest.mark.parametrize("name", OTHERS)
def test_run_all(lab: Lab, name: str) -> None:
    """No cell fails or complains, the page has no error, and nothing is asked of the outside."""
    shutil.copy(PROJECT / "notebooks" / f"{name}.ipynb", lab.root)
    with lab.open(f"{name}.ipynb") as tab:
        tab.run_all()
        if name == WITH_PANEL:
            tab.page.locator(".jp-Notebook button", has_text="Settings").wait_for()
        tab.check_run()
        tab.check()
        assert tab.console == []
