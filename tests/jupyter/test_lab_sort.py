"""The order by a column in a real JupyterLab: over all rows, far more than the page holds."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_table import SETUP, grid, rows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

MANY = """
for i in range(9000):
    log.add(1, ("crm", "dealMove", {"sum": i * 7919 % 9000}))
table.add_column("params.sum")
"""


def head(tab: LabPage) -> Locator:
    """The head of the column of the sum."""
    return tab.page.get_by_role("columnheader", name="params.sum")


def sums(tab: LabPage) -> list[int]:
    """The sums of the uppermost rows."""
    return [int(text) for text in rows(tab).locator(".bxlt-path").all_inner_texts()[:4]]


def held(tab: LabPage) -> int:
    """How many rows the page shows, in sight or not."""
    return int(grid(tab).get_attribute("aria-rowcount") or 0) - 1


def test_a_click_on_a_head_sorts_all_rows(lab: Lab) -> None:
    """Up, down and back; later rows find their places, more are loaded, a reload keeps it."""
    cells = [SETUP + MANY, "table", "log.add(1, ('crm', 'dealMove', {'sum': 10_000}))"]
    with lab.open(lab.write("sortall.ipynb", cells)) as tab:
        tab.run_cell(0)
        tab.run_cell(1)
        count = tab.page.locator(".bxlt-count")
        expect(count).to_have_text("9\u202f000 events")
        head(tab).get_by_role("button").click()
        eventually(lambda: sums(tab) == [0, 1, 2, 3])
        expect(head(tab)).to_have_attribute("aria-sort", "ascending")
        expect(count).to_have_text("9\u202f000 events · sorted")
        assert held(tab) == 1000
        grid(tab).focus()
        grid(tab).press("End")
        eventually(lambda: held(tab) == 3000)
        grid(tab).press("End")
        eventually(lambda: held(tab) == 5000)
        grid(tab).press("Home")
        eventually(lambda: sums(tab) == [0, 1, 2, 3])

        head(tab).get_by_role("button").click()
        eventually(lambda: sums(tab) == [8999, 8998, 8997, 8996])
        tab.run_cell(2)
        eventually(lambda: sums(tab) == [10000, 8999, 8998, 8997])
        tab.page.get_by_label("Search all events").fill("params.sum>8000 params.sum<8003")
        eventually(lambda: sums(tab) == [8002, 8001])
        expect(count).to_have_text("2 of 9\u202f001 · sorted")
        tab.page.get_by_label("Search all events").fill("")
        eventually(lambda: sums(tab) == [10000, 8999, 8998, 8997])
        tab.reload()
        eventually(lambda: sums(tab) == [10000, 8999, 8998, 8997])
        expect(head(tab)).to_have_attribute("aria-sort", "descending")

        head(tab).get_by_role("button").click()
        expect(head(tab)).not_to_have_attribute("aria-sort", re.compile(""))
        expect(rows(tab).last).to_have_attribute("data-n", "9000")
        expect(count).to_have_text("9\u202f001 events")
        tab.check()
