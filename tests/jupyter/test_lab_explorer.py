"""The panel in a real JupyterLab: alive while a cell is busy, after a reload, after a restart."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from bxpull_nb.jupyter.widgets.figures import counted as counted_events
from bxpull_nb.storage.export import read_events
from tests.support.lab import PANEL_TUTORIAL, Lab
from tests.support.lab_panel import PANEL, counted, light, open_tab, press, publish
from tests.support.paths import PROJECT
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

XSS = "<img src=x onerror=window.hacked=1>"


def test_run_all_start_watch_export(lab: Lab) -> None:
    """The steps of the tutorial: Run All, Start, see it grow, export, read the file."""
    shutil.copy(PROJECT / "notebooks" / f"{PANEL_TUTORIAL}.ipynb", lab.root)
    with lab.open(f"{PANEL_TUTORIAL}.ipynb") as tab:
        tab.run_all()
        tab.check_run()
        press(tab, "Start")
        light(tab, "connected by websocket").wait_for()
        first = counted(tab)
        eventually(lambda: counted(tab) >= first + 20)
        open_tab(tab, "Export")
        press(tab, "Export")
        tab.page.get_by_text("Wrote").wait_for()
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name="Download events.csv").click()
        assert download.value.suggested_filename == "events.csv"
        saved = download.value.path().read_bytes()
        text = tab.page.get_by_text("Wrote").inner_text()
        tab.check()
        assert tab.console == []
    assert saved == (lab.root / "events.csv").read_bytes()
    events = read_events(lab.root / "events.csv")
    assert f"Wrote {counted_events(len(events))} to events.csv." == text
    assert len(events) >= first + 20
    assert events["mid"].is_unique
    assert set(events["channel"]) == {"shared", "private"}


def test_the_panel_lives_while_a_cell_is_busy(lab: Lab) -> None:
    """Right after Run All: rows and counters move, and Stop stops, all before the cell ends."""
    busy = "import os, time\nend = time.time() + 10\n"
    busy += "while time.time() < end or not os.path.exists('seen'): pass"
    lab.write("busy.ipynb", ["import bxpull_nb as bx", "bx.explore(bx.connect())", busy])
    with lab.open("busy.ipynb") as tab:
        tab.run_cell(0)
        tab.run_cell(1, wait=False)
        tab.run_cell(2, wait=False)
        press(tab, "Start")
        eventually(lambda: counted(tab) > 20)
        press(tab, "Stop")
        light(tab, "stopped").wait_for()
        assert tab.page.locator(".jp-InputPrompt", has_text="[*]").count() == 1
        (lab.root / "seen").touch()
        tab.wait_idle()
        tab.page.locator(".bxlt-row").nth(10).wait_for()
        tab.check()


def test_two_panels_a_reload_and_a_restart(lab: Lab) -> None:
    """The newest is live, the other frozen; a new page gets all, a new kernel starts from zero."""
    lab.write("twice.ipynb", [PANEL, "bx.explore(portal)", publish(30)])
    with lab.open("twice.ipynb") as tab:
        tab.run_all()
        eventually(lambda: counted(tab) == 30)
        light(tab, "Frozen: a newer panel shows this feed in the output of cell [2].").wait_for()
        press(tab, "Stop", nth=1)
        eventually(lambda: light(tab, "stopped").count() == 1)
        tab.reload()
        tab.page.locator(".bxlt-row").first.wait_for()
        eventually(lambda: counted(tab) == 30)
        press(tab, "Start", nth=1)
        eventually(lambda: light(tab, "connected by websocket").count() == 1)
        expect(tab.page.get_by_text("A picture: run the cell")).to_be_hidden()
        expect(tab.page.get_by_text("This panel is dead")).to_have_count(2)
        expect(tab.page.get_by_text("This panel is dead").first).to_be_hidden()
        tab.restart()
        expect(tab.page.get_by_text("This panel is dead").last).to_be_visible()
        tab.run_all()
        eventually(lambda: counted(tab) == 30)
        expect(tab.page.get_by_text("This panel is dead").last).to_be_hidden()
        assert tab.ask("len(feed)") == "30"
        tab.check()


HIDDEN = """(hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
CLOSED = "(closed) => window.dispatchEvent(new Event(closed ? 'pagehide' : 'pageshow'))"


@pytest.mark.parametrize("leave", [CLOSED, HIDDEN], ids=["closed", "hidden"])
def test_a_page_that_is_not_seen_ends_the_painting(lab: Lab, leave: str) -> None:
    """The kernel goes on without it; a page that is seen later gets all."""
    left = "(panel.table.abandoned, panel.chart.abandoned)"
    lab.write("closed.ipynb", [PANEL, publish(30)])
    with lab.open("closed.ipynb") as tab:
        tab.run_all()
        eventually(lambda: counted(tab) == 30)
        assert tab.ask(left) == "(False, False)"
        tab.page.evaluate(leave, True)
        eventually(lambda: tab.ask(left) == "(True, True)")
        tab.ask("[sandbox.publish('more', {'n': n}) for n in range(5)]")
        tab.page.evaluate(leave, False)
        eventually(lambda: counted(tab) == 35)
        tab.reload()
        eventually(lambda: counted(tab) == 35)
        tab.check()


def test_a_burst_ends_on_the_right_numbers(lab: Lab) -> None:
    """Twenty thousand events: counter, table and chart agree with the log."""
    lab.write("burst.ipynb", [PANEL, publish(20_000)])
    with lab.open("burst.ipynb") as tab:
        tab.run_all()
        eventually(lambda: counted(tab) == 20_000, 40)
        tab.page.locator(".bxlt-count", has_text="20\u202f000 events").wait_for()
        tab.page.get_by_text("20 000 events in 5 minutes", exact=False).wait_for()
        assert tab.ask("(len(feed), feed.df.mid.is_unique)") == "(20000, True)"
        tab.check()


def test_one_event_is_understood(lab: Lab) -> None:
    """Mark, send a test event, see its echo, click its row: anatomy; nothing secret is saved."""
    lab.write("understand.ipynb", [PANEL, publish(5)])
    with lab.open("understand.ipynb") as tab:
        tab.run_all()
        eventually(lambda: counted(tab) == 5)
        tab.page.locator("input[placeholder='clicked Save']").fill("clicked Save")
        press(tab, "Mark")
        tab.page.get_by_text("After clicked Save:").wait_for()
        tab.page.locator("input[placeholder='clicked Save']").fill("pay $x^2$ ")
        tab.page.keyboard.press("Enter")
        tab.page.get_by_text("After pay $x^2$:").wait_for()
        tab.page.get_by_label("mark", exact=True).select_option("clicked Save")
        tab.page.get_by_text("After clicked Save:").wait_for()
        open_tab(tab, "Send a test event")
        tab.page.locator("textarea").last.fill("not JSON")
        press(tab, "Send")
        tab.page.get_by_text("PARAMS is not JSON").wait_for()
        tab.page.locator("textarea").last.fill('{"deep": {"big": 12345678901234567890}}')
        press(tab, "Send")
        tab.page.get_by_text("Came back after").wait_for()
        tab.page.locator(".bxlt-row", has_text="greeting").click()
        tab.page.locator(".bxed-tree", has_text="12345678901234567890").wait_for()
        tab.page.locator(".bxed-facts", has_text="server counts since").wait_for()
        tab.page.locator(".bxed-raw summary").click()
        tab.page.locator(".bxed-raw pre", has_text="greeting").wait_for()
        open_tab(tab, "After a mark")
        tab.page.get_by_role("cell", name="greeting").last.wait_for()
        ids = json.loads(
            tab.ask("__import__('json').dumps([c.id for c in feed.config.channels.values()])")
        )
        token = tab.ask("sandbox.token")
        tab.page.locator(".bxcc-line").click()
        hold = tab.page.locator(".bxcc-hold").first
        hold.hover()
        tab.page.mouse.down()
        tab.page.locator(".bxcc-shown", has_text=ids[0]).wait_for()
        tab.page.mouse.up()
        tab.page.locator(".bxcc-shown", has_text=ids[0]).wait_for(state="detached")
        tab.save()
        tab.check()
    saved = (lab.root / "understand.ipynb").read_text()
    assert not [secret for secret in [token, *ids] if secret in saved]


def test_hostile_events_run_nowhere(lab: Lab) -> None:
    """In command, module and params; in the table, the chart, the tabs."""
    evil = (
        f"sandbox.publish({XSS!r}, {{{XSS!r}: {XSS!r}}}, module_id={XSS!r})\n"
        f"feed.mark({XSS!r})\n_ = sandbox.publish({XSS!r}, {{'x': {XSS!r}}})"
    )
    lab.write("hostile.ipynb", [PANEL, evil, "feed", "feed.anatomy()"])
    with lab.open("hostile.ipynb") as tab:
        tab.run_all()
        eventually(lambda: counted(tab) == 2)
        for name in ("What happened", "After a mark"):
            open_tab(tab, name)
        tab.page.locator(".bxlt-row").last.click()
        tab.page.locator(".bxed-tree", has_text="onerror").wait_for()
        assert tab.page.evaluate("window.hacked") is None
        assert tab.page.locator("img[src='x']").count() == 0
        tab.check()
