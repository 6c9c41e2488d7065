"""The search in a real JupyterLab: over all rows, with facets, columns, pages and handles."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_table import SETUP, grid, rows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

XSS = "<img src=x onerror=window.__xss=1>"
MANY = f"""
for i in range(9000):
    stage = ("NEW", "WON", {XSS!r})[i % 3]
    log.add(1, ("crm", "dealMove", {{"id": i, "stage": stage}}))
"""
PANEL = """import bxpull_nb as bx
sandbox = bx.Sandbox().start()
portal = bx.connect(sandbox.url, token=sandbox.token)
feed = bx.listen(portal)
panel = bx.explore(portal)
panel"""
SEND = """for stage, deal in (("NEW", 15), ("NEW", 16), ("WON", 15)):
    _ = sandbox.publish("dealMove", {"id": deal, "stage": stage}, module_id="crm")"""


def box(tab: LabPage) -> Locator:
    """The search box."""
    return tab.page.get_by_label("Search all events")


def count(tab: LabPage) -> Locator:
    """The text next to it."""
    return tab.page.locator(".bxlt-count")


def first(tab: LabPage) -> int:
    """The number of the first row that is drawn."""
    return int(rows(tab).first.get_attribute("data-n") or -1)


def test_all_rows_are_searched_and_paged_through(lab: Lab) -> None:
    """Far more than the page holds: found, marked, narrowed by a facet, paged to the oldest."""
    cells = [SETUP + MANY, "table", "log.add(1, ('crm', 'dealMove', {'id': 0, 'stage': 'WON'}))"]
    with lab.open(lab.write("search.ipynb", cells), width=1500) as tab:
        tab.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        tab.run_cell(0)
        tab.run_cell(1)
        expect(count(tab)).to_have_text("9\u202f000 events")
        box(tab).fill("params.stage:won")
        expect(count(tab)).to_have_text("3\u202f000 of 9\u202f000")
        expect(rows(tab).last.locator("mark")).to_have_text("WON")
        tab.run_cell(2)
        expect(count(tab)).to_have_text("3\u202f001 of 9\u202f001")
        grid(tab).focus()
        grid(tab).press("Home")
        eventually(lambda: first(tab) == 1)
        grid(tab).press("End")
        expect(rows(tab).last).to_have_attribute("data-n", "9000")

        box(tab).fill("stage:WON")
        expect(tab.page.get_by_role("alert")).to_contain_text("There is no field 'stage'")
        expect(count(tab)).to_have_text("3\u202f001 of 9\u202f001")
        box(tab).press("Escape")
        expect(count(tab)).to_have_text("9\u202f001 events")

        tab.page.get_by_label("Add a facet: params.stage").fill("stage")
        tab.page.get_by_label("Add a facet: params.stage").press("Enter")
        values = tab.page.locator("section", has_text="params.stage").locator(".bxlt-value-name")
        expect(values).to_have_text(["WON", "NEW", XSS])
        tab.page.get_by_role("button", name="Without").last.click()
        expect(box(tab)).to_have_value(f'-params.stage:"{XSS}"')
        expect(count(tab)).to_have_text("6\u202f001 of 9\u202f001")
        tab.page.locator(".bxlt-value", has_text="NEW").click()
        expect(count(tab)).to_have_text("3\u202f000 of 9\u202f001")

        tab.page.get_by_role("button", name="Columns").click()
        tab.page.get_by_label("Add a column: params.stage").fill("id")
        tab.page.get_by_label("Add a column: params.stage").press("Enter")
        expect(rows(tab).last.locator(".bxlt-path")).to_have_text("8997")
        tab.reload()
        expect(count(tab)).to_have_text("3\u202f000 of 9\u202f001")
        expect(box(tab)).to_have_value(re.compile("params.stage:NEW$"))
        expect(rows(tab).last.locator(".bxlt-path")).to_have_text("8997")
        assert tab.page.evaluate("window.__xss") is None
        tab.check()


def test_a_value_is_a_handle_and_an_entity_has_a_trace(lab: Lab) -> None:
    """Filter, copy, the event before of the same deal, its trace; the chart follows."""
    with lab.open(lab.write("handles.ipynb", [PANEL, SEND])) as tab:
        tab.run_all()
        expect(rows(tab)).to_have_count(3)
        rows(tab).last.click()
        changes = tab.page.locator(".bxed-changes")
        expect(changes).to_contain_text("the one before of deal 15")
        expect(changes).to_contain_text('stage"NEW""WON"')
        stage = tab.page.locator(".bxed-tree").get_by_role("button", name='"WON"')
        stage.click()
        tab.page.get_by_role("menuitem", name="Copy SQL").click()
        expect(tab.page.get_by_text("Copied: SQL")).to_be_visible()
        stage.click()
        tab.page.get_by_role("menuitem", name="Filter it out").click()
        expect(box(tab)).to_have_value('-params.stage:"WON"')
        expect(count(tab)).to_have_text("2 of 3")
        expect(tab.page.locator(".bxrc-readout")).to_contain_text("2 events of the search")
        tab.page.get_by_role("button", name="trace deal 15").click()
        answer = tab.page.locator(".bxat", has_text="feed.trace('deal', '15')")
        expect(answer.locator("tbody tr")).to_have_count(2)
        expect(answer.locator("tbody tr").last).to_contain_text("WON")
        tab.check()
