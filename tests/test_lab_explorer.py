"""The tutorial's panel in a real JupyterLab."""

import shutil
import time

from bxpull_nb.export import read_events
from tests.lab import PROJECT, Lab, LabPage

TUTORIAL = "03_explore_and_export.ipynb"


def press(tab: LabPage, name: str) -> None:
    """Press a button of the panel."""
    tab.page.locator("button.jupyter-button", has_text=name).click()


def counted(tab: LabPage) -> int:
    """The number of events the panel shows."""
    text = tab.page.locator("b", has=tab.page.locator("xpath=../../span[text()='events']"))
    return int(text.first.inner_text().replace(",", ""))


def test_run_all_start_watch_export(lab: Lab) -> None:
    """What the tutorial tells people to do: Run All, Start, see it grow, export, read the file."""
    shutil.copy(PROJECT / "notebooks" / TUTORIAL, lab.root / TUTORIAL)
    with lab.open(TUTORIAL) as tab:
        tab.run_all()
        press(tab, "Start")
        tab.page.get_by_text("connected by websocket").wait_for()
        first = counted(tab)
        deadline = time.monotonic() + 20
        while counted(tab) < first + 20:
            assert time.monotonic() < deadline, "the counter does not grow"
        press(tab, "Export CSV")
        tab.page.get_by_text("Wrote").wait_for()
        tab.check()
        told = tab.page.get_by_text("Wrote").inner_text()
    events = read_events(lab.root / "events.csv")
    assert f"Wrote {len(events):,} events to events.csv." == told
    assert len(events) >= first + 20
    assert events["mid"].is_unique
    assert set(events["channel"]) == {"shared", "private"}
