"""The look of the panel in JupyterLab: rows in sight, narrow pages, accessibility, odd texts."""

import pytest
from playwright.sync_api import expect

from bxpull_nb.jupyter.widgets.panel_layout import TABS
from tests.support.axe import find_serious, load_axe
from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_panel import PANEL, counted, light, open_tab, press, publish
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

IN_SIGHT = """() => {
    const view = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();
    const grid = document.querySelector('.bxlt-scroll').getBoundingClientRect();
    const head = document.querySelector('.bxlt-top').getBoundingClientRect().bottom;
    const end = Math.min(view.bottom, grid.bottom);
    return [...document.querySelectorAll('.bxlt-row')].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return top >= head - 1 && bottom <= end + 1;
    }).length;
}"""
NAMED = ["\u2039U+202E\u203a", "\u2039U+200B\u203a"]
WIDER = """() => [...document.querySelectorAll('.bxp, .bxp *')]
    .filter((node) => !node.closest('.bxlt-scroll, svg, .bx-status'))
    .filter((node) => node.getBoundingClientRect().right
        > document.querySelector('.bxp').getBoundingClientRect().right + 2)
    .map((node) => node.className)"""


def shown(tab: LabPage, events: int) -> None:
    """Run all cells, and wait for this many events."""
    tab.run_all()
    eventually(lambda: counted(tab) == events)
    tab.page.mouse.move(0, 0)


@pytest.mark.parametrize("with_files", [False, True])
def test_twelve_rows_are_in_sight(lab: Lab, with_files: bool) -> None:
    """On a small screen, below the cell, with search and chart, and with a chosen event."""
    with lab.open(lab.write("sight.ipynb", [PANEL, publish(40)]), height=800) as tab:
        collapse = "window.jupyterapp.shell.collapseLeft()"
        tab.page.evaluate("window.jupyterapp.shell.expandLeft()" if with_files else collapse)
        shown(tab, 40)
        tab.page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
        eventually(lambda: tab.page.evaluate(IN_SIGHT) >= 12 - with_files)
        for part in (".bxlt-filter", ".bxrc-plot", ".bxcc-line"):
            expect(tab.page.locator(part)).to_be_in_viewport(ratio=1)
        tab.page.locator(".bxlt-row[data-n='30']").click()
        tab.page.locator(".bxed-tree", has_text="params").wait_for()
        if not with_files:
            expect(tab.page.locator(".bxed-tree")).to_be_in_viewport()
            tab.page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
            eventually(lambda: tab.page.evaluate(IN_SIGHT) >= 12)
        tab.page.get_by_role("button", name="Close the event").click()
        expect(tab.page.locator(".bxed")).to_be_hidden()
        tab.check()


def test_it_is_usable_in_a_narrow_page(lab: Lab) -> None:
    """At 520 pixels nothing leaves the panel, and the controls can be clicked."""
    with lab.open(lab.write("narrow.ipynb", [PANEL, publish(20)]), width=520, height=800) as tab:
        tab.page.evaluate("window.jupyterapp.shell.collapseLeft()")
        shown(tab, 20)
        press(tab, "Settings")
        press(tab, "Fetch config")
        tab.page.get_by_text("Config fetched at").wait_for()
        tab.page.locator(".bxlt-row").nth(2).click()
        tab.page.locator(".bxed-tree", has_text="params").wait_for()
        assert tab.page.evaluate(WIDER) == []
        tab.check()


def test_it_is_a_child_of_a_box_and_shown_twice(lab: Lab) -> None:
    """In the user's own box it is as live as alone; both views show and do the same."""
    box = "import ipywidgets as ipw\nipw.VBox([ipw.Label('mine'), panel])"
    with lab.open(lab.write("box.ipynb", [PANEL, box, publish(12)]), height=1800) as tab:
        tab.run_all()
        counts = tab.page.locator(".bxlt-count")
        expect(counts).to_have_text(["12 events", "12 events"])
        expect(tab.page.get_by_text("mine", exact=True)).to_be_visible()
        open_tab(tab, "Export")
        expect(tab.page.get_by_role("tab", name="Export", selected=True)).to_have_count(2)
        tab.page.locator(".widget-vbox .bxp-button", has_text="Stop").click()
        expect(light(tab, "stopped")).to_have_count(2)
        tab.check()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_serious(lab: Lab, theme: str) -> None:
    """With every part open: settings, config, detail, menu, and each of the tabs."""
    with lab.open(lab.write(f"axe{theme}.ipynb", [PANEL, publish(40)]), height=1300) as tab:
        tab.theme(f"JupyterLab {theme}")
        shown(tab, 40)
        press(tab, "Settings")
        press(tab, "Fetch config")
        press(tab, "Mark")
        tab.page.get_by_text("After mark 1:").wait_for()
        tab.page.locator(".bxlt-row").nth(3).click()
        tab.page.locator(".bxed-tree", has_text="params").wait_for()
        tab.page.get_by_role("button", name="Columns").click()
        tab.page.wait_for_timeout(1600)  # the marks of new rows have faded
        load_axe(tab)
        for name in TABS:
            open_tab(tab, name)
            assert find_serious(tab) == []
        tab.theme("JupyterLab Light")
        tab.check()


def test_the_table_menu_and_odd_texts(lab: Lab) -> None:
    """A column is chosen by its name; invisible signs are named; `$` is no mathematics."""
    odd = "sandbox.publish('ab\\u202ecd\\u200b', {'x': '$a^2$'})\nfeed.mark('pay $a^2$ $b$')\nfeed"
    with lab.open(lab.write("odd.ipynb", [PANEL, odd])) as tab:
        shown(tab, 1)
        tab.page.get_by_role("button", name="Columns").click()
        tab.page.locator(".bxlt-menu").get_by_text("mid").click()
        expect(tab.page.locator(".bxlt-head .bxlt-mid")).to_be_visible()
        expect(tab.page.locator(".bxlt-row .bxlt-command")).to_have_text(
            f"ab{NAMED[0]}cd{NAMED[1]}"
        )
        expect(tab.page.locator(".bxrc-name").first).to_be_attached()
        open_tab(tab, "What happened")
        tab.page.get_by_text("marked “pay $a^2$ $b$”").wait_for()
        assert tab.page.locator(".bxp mjx-container, .bxp .MathJax, .bxp .katex").count() == 0
        assert tab.page.locator("mjx-container, .MathJax, .katex").count() == 0
        tab.check()
