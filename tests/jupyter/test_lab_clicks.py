"""Clicks on rows that stream in: each reaches the event that was under the pointer."""

import random
import re

import pytest
from playwright.sync_api import expect

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_table import SETUP, at_bottom, grid, rows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CLICKS = 30
AIM_MS = 250  # from seeing the row under the pointer to the press
PRESS_MS = 80
STREAM = """
def stream(rate):
    while True:
        time.sleep(0.05)
        log.add(rate // 20)
threading.Thread(target=stream, args=({rate},), daemon=True).start()
"""
UNDER = """([x, y]) => {
    const row = document.elementFromPoint(x, y)?.closest('.bxlt-row');
    return row ? Number(row.dataset.n) : -1;
}"""


def click_rows(tab: LabPage, count: int) -> list[tuple[int, int]]:
    """Aim, press and release; return the row that was seen, and the row that was chosen."""
    place = random.Random(17)
    found = []
    for _ in range(count):
        tab.page.get_by_label("Follow").check()
        tab.page.wait_for_timeout(100)
        area = grid(tab).bounding_box()
        assert area is not None
        x, y = area["x"] + 200, area["y"] + place.uniform(50, area["height"] - 30)
        tab.page.mouse.move(x, y, steps=5)
        tab.page.wait_for_timeout(60)  # a frame, and the time to see where it has come to
        seen = tab.page.evaluate(UNDER, [x, y])
        tab.page.wait_for_timeout(AIM_MS)
        tab.page.mouse.down()
        tab.page.wait_for_timeout(PRESS_MS)
        tab.page.mouse.up()
        chosen = rows(tab).locator("xpath=self::*[@aria-selected='true']")
        found.append((seen, int(chosen.first.get_attribute("data-n") or -1)))
    return found


@pytest.mark.parametrize(("rate", "least"), [(25, 30), (200, 28)])
def test_a_click_hits_the_row_under_the_pointer(lab: Lab, rate: int, least: int) -> None:
    """Of 30 clicks with Follow on; Python gets the row that the page shows as chosen."""
    cells = [SETUP + "log.add(200)", "table", STREAM.format(rate=rate)]
    with lab.open(lab.write(f"clicks{rate}.ipynb", cells)) as tab:
        for i in range(3):
            tab.run_cell(i)
        clicks = click_rows(tab, CLICKS)
        hits = sum(seen == chosen and seen >= 0 for seen, chosen in clicks)
        assert hits >= least, clicks
        chosen = str([number for _, number in clicks])
        eventually(lambda: tab.ask("selected") == chosen)
        tab.check()


def test_a_chosen_row_stays_and_new_ones_are_announced(lab: Lab) -> None:
    """Under the pointer nothing moves; a choice lets Follow go; a click shows the newest."""
    cells = [SETUP + "log.add(200)", "table", "log.add(38)", "log.add(5)"]
    with lab.open(lab.write("pinned.ipynb", cells)) as tab:
        tab.run_cell(0)
        tab.run_cell(1)
        fresh = tab.page.locator(".bxlt-fresh")
        last = tab.page.locator(".bxlt-row[data-n='199']")
        last.hover()
        tab.run_cell(2)
        expect(fresh).to_have_text("38 new ↓")
        expect(tab.page.get_by_label("Follow")).to_be_checked()
        assert not at_bottom(tab)
        tab.page.mouse.move(0, 0)
        expect(fresh).to_be_hidden()
        eventually(lambda: at_bottom(tab))

        tab.page.locator(".bxlt-row[data-n='230']").click()
        expect(tab.page.get_by_label("Follow")).not_to_be_checked()
        tab.page.keyboard.press("ArrowUp")  # the keys go to the table, not to Lab's cells
        expect(grid(tab)).to_have_attribute("aria-activedescendant", re.compile("-229$"))
        tab.page.mouse.move(0, 0)
        tab.run_cell(3)
        expect(fresh).to_have_text("5 new ↓")
        fresh.click()
        expect(tab.page.get_by_label("Follow")).to_be_checked()
        expect(fresh).to_be_hidden()
        assert at_bottom(tab)
        tab.check()
