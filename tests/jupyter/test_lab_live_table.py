"""The live table in a real JupyterLab: what only a browser can show."""

import json
import re
import tempfile
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.lab_table import SETUP, at_bottom, grid, rows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

XSS = "<img src=x onerror=window.__xss=1>"


def count(tab: LabPage) -> Locator:
    """The text next to the filter."""
    return tab.page.locator(".bxlt-count").first


def wheel_up(tab: LabPage) -> None:
    """What a hand at the mouse does; returns when the scrolling has come to rest."""
    grid(tab).hover()
    tab.page.mouse.wheel(0, -400)
    expect(tab.page.get_by_label("Follow").first).not_to_be_checked()
    held = None
    while held != (held := first_in_sight(tab)):
        tab.page.wait_for_timeout(200)


def test_from_the_first_row_to_the_reloaded_page(lab: Lab) -> None:
    """Empty, filled, burst, filtered, scrolled, paused, hostile, reloaded."""
    cells = [
        SETUP,
        "table",
        "log.add(5)",
        "log.add(20_000)",
        "log.add(3, ('lists', 'elementAdd', {'name': 'Иван'}))",
        "log.add(1)",
        f"x = {XSS!r}\nlog.add(2, (x, x, {{x: x}}))\nlog.records.append(BadFrame(x, x))",
        "table.source = Log()",
    ]
    with lab.open(lab.write("table.ipynb", cells)) as tab:
        follow = tab.page.get_by_label("Follow")
        pause = tab.page.get_by_role("button", name="Pause")
        filter_box = tab.page.get_by_label("Search all events")
        tab.run_cell(0)
        tab.run_cell(1)
        expect(grid(tab)).to_contain_text("No events yet. Run the next cell.")

        tab.run_cell(2)
        expect(count(tab)).to_have_text("5 events")
        expect(rows(tab)).to_have_count(5)
        assert at_bottom(tab)

        tab.run_cell(3)
        expect(count(tab)).to_have_text("20\u202f005 events")
        assert rows(tab).count() < 40
        assert at_bottom(tab)

        tab.run_cell(4)
        filter_box.fill("ИВАН")
        expect(count(tab)).to_have_text("3 of 20\u202f008")
        expect(rows(tab)).to_have_count(3)
        expect(tab.page.get_by_role("status").first).to_have_text("3 of 20\u202f008")
        filter_box.fill("no such thing")
        expect(grid(tab)).to_contain_text("Nothing matches “no such thing”")
        filter_box.press("Escape")
        expect(count(tab)).to_have_text("20\u202f008 events")

        wheel_up(tab)
        expect(follow).not_to_be_checked()
        held = first_in_sight(tab)
        tab.run_cell(5)
        expect(count(tab)).to_have_text("20\u202f009 events")
        assert first_in_sight(tab) == held
        assert not at_bottom(tab)
        grid(tab).evaluate("g => { g.scrollTop = g.scrollHeight; }")
        expect(follow).to_be_checked()

        pause.click()
        tab.run_cell(5)
        expect(count(tab)).to_contain_text("20\u202f010 events · paused")
        assert last_number(tab) == 20_008
        tab.page.get_by_role("button", name="Resume").click()
        expect(rows(tab).last).to_have_attribute("data-n", "20009")

        tab.run_cell(6)
        expect(rows(tab).last).to_contain_text(f"unreadable{XSS} · {XSS}")
        assert rows(tab).locator("img").count() == 0
        assert tab.page.evaluate("window.__xss") is None

        tab.reload()
        expect(count(tab)).to_have_text("20\u202f013 events")
        expect(rows(tab).last).to_have_attribute("data-n", "20012")
        assert tab.page.evaluate("window.__xss") is None
        tab.run_cell(2)
        expect(count(tab)).to_have_text("20\u202f018 events")

        tab.run_cell(7)
        expect(grid(tab)).to_contain_text("No events yet.")
        expect(rows(tab)).to_have_count(0)
        tab.save()
        tab.check()
    saved = (lab.root / "table.ipynb").read_text()
    outputs = json.dumps([cell.get("outputs") for cell in json.loads(saved)["cells"]])
    assert "dealUpdate" not in outputs
    assert "dealUpdate" not in json.dumps(json.loads(saved)["metadata"])


def first_in_sight(tab: LabPage) -> tuple[int, float]:
    """The number of the topmost visible row, and its place."""
    script = """g => {
        const edge = g.querySelector('.bxlt-top').getBoundingClientRect().bottom;
        const row = [...g.querySelectorAll('.bxlt-row')]
            .find(row => row.getBoundingClientRect().bottom > edge + 1);
        return [Number(row.dataset.n), row.getBoundingClientRect().top - edge];
    }"""
    number, top = grid(tab).evaluate(script)
    return number, top


def last_number(tab: LabPage) -> int:
    """The number of the last row drawn."""
    return int(rows(tab).last.get_attribute("data-n") or -1)


def test_rows_move_while_a_cell_is_busy(lab: Lab) -> None:
    """Run All: the page cannot reach the kernel, but the kernel reaches the page."""
    busy = "for i in range(30):\n    log.add(1)\n    time.sleep(0.2)"
    with lab.open(lab.write("busy.ipynb", [SETUP, "table", busy])) as tab:
        tab.run_all(wait=False)
        expect(rows(tab).nth(9)).to_be_visible()
        assert tab.page.locator(".jp-InputPrompt", has_text="[*]").count() == 1
        tab.wait_idle()
        expect(count(tab)).to_have_text("30 events")
        tab.check()


DROP = """
def drop(count):
    real, table.send = table.send, lambda *args, **kwargs: None
    log.add(count)
    table.flush()
    table.send = real

hellos = []

def note(widget, content, buffers):
    if content["kind"] == "hello":
        hellos.append("hello")

table.on_msg(note)

table._clock = lambda: 10 * time.monotonic()
"""


def test_what_jupyter_drops_is_asked_for_once(lab: Lab) -> None:
    """Lost in the middle or before a silence: one question, and the table is whole again."""
    cells = [
        SETUP + DROP,
        "table",
        "log.add(5)",
        "drop(5); log.add(1)",
        "drop(5)",
    ]
    with lab.open(lab.write("drop.ipynb", cells)) as tab:
        for i, shown in enumerate(["", "", "5 events", "11 events", "16 events"]):
            tab.run_cell(i)
            expect(count(tab)).to_have_text(shown) if shown else None
        tab.page.wait_for_timeout(500)
        assert tab.ask("hellos") == "['hello', 'hello', 'hello']"
        tab.check()


STREAM = """
def stream():
    while True:
        time.sleep(0.05)
        log.add(1)
threading.Thread(target=stream, daemon=True).start()
"""


def test_rows_stay_in_sight_while_others_stream_in(lab: Lab) -> None:
    """Scrolled up, and hidden by another tab: nothing moves under the reader."""
    cells = [SETUP + "log.add(1500)", "table", STREAM]
    with lab.open(lab.write("stream.ipynb", cells)) as tab:
        for i in range(3):
            tab.run_cell(i)
        expect(count(tab)).to_contain_text("events")
        wheel_up(tab)
        held, end = first_in_sight(tab), total(tab)
        tab.page.wait_for_function(f"{TOTAL} > {end + 40}")
        assert first_in_sight(tab) == held
        assert at_bottom(tab) is False

        tab.page.evaluate("void window.jupyterapp.commands.execute('launcher:create')")
        expect(grid(tab)).to_be_hidden()
        tab.page.wait_for_timeout(500)
        tab.page.get_by_role("tab", name="stream.ipynb").click()
        expect(grid(tab)).to_be_visible()
        eventually(lambda: first_in_sight(tab) == held)

        tab.page.get_by_label("Follow").check()
        tab.page.wait_for_function("document.querySelector('.bxlt-row:last-child')")
        end = total(tab)
        tab.page.wait_for_function(f"{TOTAL} > {end + 20}")
        assert at_bottom(tab)
        tab.check()


TOTAL = "Number(document.querySelector('.bxlt-count').textContent.replace(/\\D/g, ''))"


def total(tab: LabPage) -> int:
    """The number of all rows so far, as the page shows it."""
    number: int = tab.page.evaluate(TOTAL)
    return number


def test_two_views_keys_and_clicks(lab: Lab) -> None:
    """A second view shows the same rows, and a chosen row reaches Python from either."""
    cells = [SETUP, "table", "table", "log.add(300)"]
    with lab.open(lab.write("views.ipynb", cells), height=1400) as tab:
        for i in range(4):
            tab.run_cell(i)
        for view in (0, 1):
            shown = tab.page.locator(".bxlt-count").nth(view)
            expect(shown).to_have_text("300 events")
        grid(tab).focus()
        for key in ("End", "ArrowUp", "ArrowUp", "Enter"):
            grid(tab).press(key)
        expect(tab.page.get_by_label("Follow").first).not_to_be_checked()
        expect(rows(tab).locator("xpath=self::*[@aria-selected='true']")).to_have_attribute(
            "data-n", "297"
        )
        grid(tab).press("Home")
        expect(grid(tab)).to_have_attribute("aria-activedescendant", re.compile("-0$"))
        active = grid(tab).get_attribute("aria-activedescendant")
        expect(tab.page.locator(f"[id='{active}']")).to_be_visible()
        tab.page.locator(".bxlt").nth(1).locator(".bxlt-row[data-n='299']").click()
        until_told(tab, "selected", "[297, 299]")
        tab.check()


ORDERED = """
def event(i, lag_ms, module="crm", command="dealUpdate"):
    sent = BASE + i - lag_ms / 1000
    arrival = Arrival((BASE + i) * 10**6, "shared", "websocket")
    return Event(f"{i:026d}", module, command, b'{"i":%d}' % i, sent, "backend", arrival)

BASE = 1_795_000_000
log.records += [event(i, (i * 37) % 100) for i in range(100)]
log.records += [event(100, 500, "im", "message"), event(101, 7, XSS, XSS)]
""".replace("XSS", repr(XSS))


def lags(tab: LabPage) -> list[int]:
    """The lags of the uppermost rows."""
    return [int(text) for text in rows(tab).locator(".bxlt-lag").all_inner_texts()[:5]]


def test_sorted_rows(lab: Lab) -> None:
    """Up, down, back; by mouse and keys; new rows find their place, and follow has to wait."""
    cells = [SETUP + ORDERED, "table", "log.records += [event(102, 400)]"]
    with lab.open(lab.write("sort.ipynb", cells)) as tab:
        tab.run_cell(0)
        tab.run_cell(1)
        header = tab.page.get_by_role("columnheader", name="lag, ms")
        follow = tab.page.get_by_label("Follow")
        expect(count(tab)).to_have_text("102 events")
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", "ascending")
        expect(rows(tab).first).to_have_attribute("data-n", "0")
        eventually(lambda: lags(tab) == [0, 1, 2, 3, 4])
        expect(follow).not_to_be_checked()
        expect(follow).to_be_disabled()
        header.get_by_role("button").press("Enter")
        expect(header).to_have_attribute("aria-sort", "descending")
        expect(rows(tab).first).to_have_attribute("data-n", "100")
        tab.run_cell(2)
        expect(rows(tab).nth(1)).to_have_attribute("data-n", "102")
        eventually(lambda: lags(tab)[:3] == [500, 400, 99])
        header.get_by_role("button").press("Enter")
        expect(header).not_to_have_attribute("aria-sort", re.compile(""))
        expect(rows(tab).last).to_have_attribute("data-n", "102")
        expect(follow).to_be_checked()
        expect(tab.page.get_by_role("status")).to_have_text("In the order of arrival")
        tab.check()


def top_of(node: Locator) -> float:
    """Where it begins, in pixels from the upper edge of the page."""
    top: float = node.evaluate("node => node.getBoundingClientRect().top")
    return top


def until_told(tab: LabPage, expression: str, value: str) -> None:
    """Wait for the value in the kernel: the page sends it once the user has settled."""
    deadline = time.monotonic() + 10
    while (found := tab.ask(expression)) != value:
        assert time.monotonic() < deadline, found


def test_columns_filters_and_flags(lab: Lab) -> None:
    """Chosen by keys, selected, asked by the kernel, taken back; the kernel hears of it."""
    show = "table.show_only(None, 'dealUpdate', (BASE + 10) * 10**6, (BASE + 12) * 10**6)"
    flags = f"table.flag(11, 'before <b>eleven</b>'); table.flag(5, {XSS!r})"
    cells = [SETUP + ORDERED, flags, "table", show]
    with lab.open(lab.write("filters.ipynb", cells)) as tab:
        for i in range(3):
            tab.run_cell(i)
        expect(count(tab)).to_have_text("102 events")
        choose = tab.page.get_by_role("button", name="Columns")
        choose.press("Enter")
        tab.page.get_by_role("checkbox", name="mid").press("Space")
        expect(tab.page.get_by_role("columnheader")).to_have_count(7)
        expect(rows(tab).last.locator(".bxlt-mid")).to_have_text(f"{101:026d}")
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator(".bxlt-menu")).to_be_hidden()
        expect(choose).to_be_focused()

        search = tab.page.get_by_label("Search all events")
        search.fill(f'module:"{XSS}"')
        expect(count(tab)).to_have_text("1 of 102")
        until_told(tab, "table.filters['text']", f'module:"{XSS}"')
        search.fill("")

        tab.run_cell(3)
        expect(count(tab)).to_have_text("2 of 102")
        expect(tab.page.get_by_role("button", name="Remove the command filter")).to_be_visible()
        flag = tab.page.locator(".bxlt-flag")
        expect(flag).to_have_text([f"⚑ {XSS}", "⚑ before <b>eleven</b>"])
        eventually(lambda: top_of(rows(tab).last) - top_of(flag.last) == 24)
        chip = tab.page.get_by_role("button", name="Remove the time filter")
        expect(chip).to_be_visible()
        tab.reload()
        expect(count(tab)).to_have_text("2 of 102")
        expect(flag).to_have_count(2)
        chip.click()
        expect(count(tab)).to_have_text("100 of 102")
        until_told(tab, "table.filters['since_us'], table.filters['command']", "None dealUpdate")
        assert tab.page.evaluate("window.__xss") is None
        tab.check()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_is_readable_in_both_themes(lab: Lab, theme: str) -> None:
    """Every text stands out from its background by 4.5 to 1; a picture is left for the eye."""
    some = "log.add(30); log.add_bad(); table.flag(31, 'mark'); log.add(4)"
    some += "; table.show_only(since_us=10**15)"
    cells = [SETUP, "table", some, "log.add(2); log.add_bad()"]
    with lab.open(lab.write(f"{theme}.ipynb", cells)) as tab:
        tab.theme(f"JupyterLab {theme}")
        for i in range(3):
            tab.run_cell(i)
        expect(count(tab)).to_have_text("35 of 35")
        rows(tab).nth(rows(tab).count() - 3).click()
        tab.page.get_by_role("button", name="Columns").click()
        tab.page.wait_for_timeout(2000)  # the marks of new rows have faded
        ratios = tab.page.evaluate(CONTRASTS)
        tab.run_cell(3)
        expect(count(tab)).to_have_text("38 of 38")
        grid(tab).evaluate("g => g.scrollIntoView({ block: 'center' })")
        picture = Path(tempfile.gettempdir()) / f"bxpull-live-table-{theme.lower()}.png"
        tab.page.screenshot(path=picture)
        tab.check()
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
    assert {"bxlt-word", "bxlt-time", "bxlt-command", "bxlt-count", "bxlt-chip"} <= ratios.keys()


# Chromium computes colours, canvas turns any of its notations into bytes.
CONTRASTS = """() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const paint = (colors) => {
        for (const color of ['white', ...colors]) {
            context.fillStyle = color;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratios = {};
    for (const node of document.querySelectorAll('.bxlt *')) {
        if (![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim())) continue;
        const behind = [];
        const style = (n) => getComputedStyle(n);
        for (let n = node; n; n = n.parentElement) behind.unshift(style(n).backgroundColor);
        const [dark, bright] = [paint(behind), paint([...behind, style(node).color])]
            .map(light).sort((a, b) => a - b);
        const name = node.className || node.getAttribute('role') || node.tagName;
        ratios[name] = Math.min(ratios[name] ?? 21, (bright + 0.05) / (dark + 0.05));
    }
    return ratios;
}"""
