"""A whole session in JupyterLab by keyboard alone: the mouse is never moved."""

import pytest
from playwright.sync_api import expect

from bxpull_nb.storage.export import read_events
from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_panel import light
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

PANEL = "import bxpull_nb as bx\nbx.explore(bx.connect())"
FOCUSED = """(selector, text) => {
    const node = document.activeElement;
    return node.matches(selector) && (node.textContent + node.title).includes(text);
}"""
MOST_STOPS = 90
COMMANDS = "rows => [...new Set(rows.map((row) => row.querySelector('.bxlt-command').textContent))]"


def tab_to(tab: LabPage, selector: str, text: str = "", *, key: str = "Tab") -> int:
    """Press Tab until such a control has the focus; return the number of presses."""
    script = f"([selector, text]) => ({FOCUSED})(selector, text)"
    for presses in range(MOST_STOPS):
        if tab.page.evaluate(script, [selector, text]):
            return presses
        tab.page.keyboard.press(key)
    raise AssertionError(f"no {selector} {text!r} within {MOST_STOPS} presses of {key}")


def test_a_session_by_keyboard(lab: Lab) -> None:
    """Start, mark, search, choose an event, close it, export, stop."""
    with lab.open(lab.write("keys.ipynb", [PANEL])) as tab:
        tab.run_all()
        keys = tab.page.keyboard
        tab.page.locator(".bxp-button", has_text="Start").focus()
        keys.press("Enter")
        light(tab, "connected by websocket").wait_for()
        tab.page.locator(".bxlt-row").nth(9).wait_for()

        tab_to(tab, "input[placeholder='clicked Save']")
        keys.type("by hand")
        keys.press("Enter")
        tab.page.get_by_text("After by hand:").wait_for()

        stops = tab_to(tab, ".bxlt-filter")
        keys.type("dealMove")
        rows = tab.page.locator(".bxlt-row")
        eventually(lambda: rows.evaluate_all(COMMANDS) == ["dealMove"])

        stops += tab_to(tab, ".bxlt-scroll")
        assert stops < 25  # from the mark to the table
        keys.press("End")
        keys.press("ArrowUp")
        keys.press("Enter")
        tab.page.locator(".bxed-facts", has_text="dealMove").wait_for()
        tab_to(tab, ".bxed-close")
        keys.press("Enter")
        expect(tab.page.locator(".bxed")).to_be_hidden()

        tab_to(tab, ".bxp-tab")
        tab_to(tab, ".bxp-tab", "Export", key="ArrowRight")
        keys.press("Enter")
        tab_to(tab, ".bxp-button", "Export")
        keys.press("Enter")
        tab.page.get_by_text("Wrote").wait_for()
        assert len(read_events(lab.root / "events.csv")) > 9

        tab_to(tab, ".bxp-button", "Stop", key="Shift+Tab")
        keys.press("Enter")
        light(tab, "stopped").wait_for()
        tab.check()
