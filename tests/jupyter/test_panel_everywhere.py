"""The same panel, and the same assertions, in every program that shows notebooks."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from bxpull_nb.jupyter.widgets.panel_layout import TABS
from bxpull_nb.storage.export import read_events
from tests.support.axe import find_serious, load_axe
from tests.support.hosts import HOSTS, Host, opened
from tests.support.lab_page import LabPage
from tests.support.lab_panel import counted
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CELLS = ["import bxpull_nb as bx", "bx.explore(bx.connect())"]
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
COMMANDS = "rows => rows.map((row) => row.querySelector('.bxlt-command').textContent)"
PLACES = "rows => rows.map((row) => Number(row.dataset.n))"


def press(tab: LabPage, name: str) -> None:
    """Press a button of the panel."""
    tab.page.locator(".bxp-button:visible", has_text=name).first.click()


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_the_panel(host: Host, tmp_path: Path) -> None:
    """Rows move, a click opens one, the search finds, Stop stops, a head sorts, a file is saved."""
    with opened(host, tmp_path, CELLS) as tab:
        press(tab, "Start")
        tab.page.get_by_text("connected by websocket").wait_for()
        rows_move(tab)
        a_click_opens_its_row(tab)
        the_search_finds(tab)
        stop_stops(tab)
        a_head_sorts(tab)
        an_export_is_downloaded(tab)
        assert [error for error in tab.errors if error not in host.own_errors] == []
        asked = {str(urlsplit(address).hostname) for address in tab.outside_requests}
        assert asked <= host.own_addresses


def test_axe_finds_nothing_serious_in_marimo(tmp_path: Path) -> None:
    """In light and dark, with every part open; test_lab_panel does so in JupyterLab."""
    with opened(HOSTS["marimo"], tmp_path, CELLS) as tab:
        press(tab, "Start")
        tab.page.locator(".bxlt-row").nth(9).wait_for()
        for name in ("Settings", "Fetch config", "Mark", "Stop"):
            press(tab, name)
        tab.page.locator(".bxlt-row").nth(3).click()
        tab.page.locator(".bxed-tree", has_text="params").wait_for()
        tab.page.get_by_role("button", name="Columns").click()
        tab.page.wait_for_timeout(1600)  # the marks of new rows have faded
        load_axe(tab)
        for scheme in SCHEMES:
            tab.page.emulate_media(color_scheme=scheme)
            tab.page.locator(f"body.{scheme}").wait_for()
            for name in TABS:
                tab.page.locator(".bxp-tab", has_text=name).click()
                assert find_serious(tab) == []


def rows_move(tab: LabPage) -> None:
    """New rows come, and the newest stay in sight."""
    rows = tab.page.locator(".bxlt-row")
    rows.nth(9).wait_for()
    newest = max(rows.evaluate_all(PLACES))
    eventually(lambda: max(rows.evaluate_all(PLACES)) > newest + 9)


def a_click_opens_its_row(tab: LabPage) -> None:
    """Those of the command that was clicked."""
    row = tab.page.locator(".bxlt-row").nth(5)
    row.click()
    chosen = tab.page.locator(".bxlt-row[aria-selected='true']")
    command = chosen.locator(".bxlt-command").inner_text()
    tab.page.locator(".bxed-facts", has_text=command).wait_for()
    tab.page.locator(".bxed-tree", has_text="params").wait_for()
    tab.page.get_by_role("button", name="Close the event").click()
    tab.page.locator(".bxed").wait_for(state="hidden")


def the_search_finds(tab: LabPage) -> None:
    """Only rows that have the word, and all rows again without it."""
    tab.page.locator(".bxlt-filter").fill("dealMove")
    rows = tab.page.locator(".bxlt-row")
    eventually(lambda: set(rows.evaluate_all(COMMANDS)) == {"dealMove"})
    tab.page.locator(".bxlt-filter").fill("")
    eventually(lambda: len(set(rows.evaluate_all(COMMANDS))) > 1)


def stop_stops(tab: LabPage) -> None:
    """The number of events stays."""
    press(tab, "Stop")
    tab.page.locator("[role=status]", has_text="stopped").wait_for()
    events = counted(tab)
    tab.page.wait_for_timeout(500)
    assert counted(tab) == events > 19


def a_head_sorts(tab: LabPage) -> None:
    """Up, down, and back to the order of arrival; test_lab_sort has more rows than a page."""
    head = tab.page.locator(".bxlt-head .bxlt-command .bxlt-sort")
    count = tab.page.locator(".bxlt-count")
    rows = tab.page.locator(".bxlt-row")
    firsts = []
    for down in (False, True):
        head.click()
        count.filter(has_text="sorted").wait_for()
        eventually(lambda: in_order(rows.evaluate_all(COMMANDS), down=down))
        firsts.append(rows.evaluate_all(COMMANDS)[0].lower())
    assert firsts[0] < firsts[1]
    head.click()
    count.filter(has_not_text="sort").wait_for()
    eventually(lambda: rows.evaluate_all(PLACES) == sorted(rows.evaluate_all(PLACES)))


def in_order(commands: list[str], *, down: bool) -> bool:
    """Whether there are commands, in this order."""
    return bool(commands) and commands == sorted(commands, key=str.lower, reverse=down)


def an_export_is_downloaded(tab: LabPage) -> None:
    """All events, through the browser."""
    tab.page.locator(".bxp-tab", has_text="Export").click()
    press(tab, "Export")
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Download events.csv").click()
    assert len(read_events(download.value.path())) == counted(tab)
