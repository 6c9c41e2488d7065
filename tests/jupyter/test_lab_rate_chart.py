"""The rate chart in a real JupyterLab, and wired to a table: what only a browser can show."""

import json
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Position, expect

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

SETUP = '''
import random, threading, time
import bxpull_nb as bx
from bxpull_nb.models import Arrival, Event
from bxpull_nb.storage.eventlog import EventLog

NOW = int(time.time())

def at(second, command, lag=0.006, module="crm"):
    """An event that arrived so many seconds after NOW."""
    sent = NOW + second - lag
    arrival = Arrival(int((NOW + second) * 1e6), "shared", "websocket")
    return Event("0" * 26, module, command, b"{}", sent, "backend", arrival)

def every_tenth_second():
    while True:
        time.sleep(0.1)
        chart.flush()
        table.flush()

def show(pick):
    picks.append(pick)
    table.show_only(command=pick.command, since_us=pick.since_us, until_us=pick.until_us)

random.seed(4)
log, picks = EventLog(), []
chart, table = bx.RateChart(log), bx.LiveTable(log, height=240)
chart.on_pick(show)
threading.Thread(target=every_tenth_second, daemon=True).start()
'''
FILL = """
names = ["dealUpdate"] * 9 + ["message"] * 6 + ["online"] * 4 + ["user_counter"] * 3 + [
    "comment_add", "readMessage", "pull_ping", "livefeed", "taskView", "callInvite"]
for second in range(-299, -3):
    rate = 20 + 15 * (second // 40 % 3)
    if not -140 <= second < -121:
        log.extend(at(second + i / rate, random.choice(names), abs(random.gauss(0.02, 0.03)))
                   for i in range(random.randint(rate // 2, rate)))
chart.flag((NOW - 200) * 10**6, "opened a deal")
chart.flag((NOW - 60) * 10**6, "mark now")
chart.shade((NOW - 140) * 10**6, (NOW - 121) * 10**6, "no connection")
table.flag(len(log) - 3, "mark now")
"""
RECORDING = """
from bxpull_nb.jupyter.widgets.rate_chart import Pick

chart = bx.RateChart(log, live=False)
chart.on_pick(show)
table.on_filter(lambda f: chart.show_pick(Pick(f["command"], f["since_us"], f["until_us"])))
log.extend(at(second + i / 4, "ab"[i % 2]) for second in range(-99, 1) for i in range(4))
"""
PICKED = "[us and us // 10**6 - NOW for us in (picks[-1].since_us, picks[-1].until_us)]"
XSS = "<img src=x onerror=window.__xss=1>"


def plot(tab: LabPage) -> Locator:
    """The picture, which takes the keys."""
    return tab.page.get_by_role("slider", name="Events per second")


def readout(tab: LabPage) -> Locator:
    """The line above it."""
    return tab.page.locator(".bxrc-readout")


def entry(tab: LabPage, name: str) -> Locator:
    """A command in the legend."""
    return tab.page.locator(".bxrc-entry", has_text=name)


def count(tab: LabPage) -> Locator:
    """The text next to the table's filter."""
    return tab.page.locator(".bxlt-count")


def test_from_the_first_event_to_the_picked_second(lab: Lab) -> None:
    """Empty, counting, hostile, a burst, picked by keys and by the mouse, reloaded."""
    burst = "log.extend(at(-9 + (i + 0.5) / 5000, ['a', 'b', 'c'][i % 3]) for i in range(20_000))"
    hostile = f"x = {XSS!r}\nlog.extend([at(-30, x)] * 2)\nchart.flag((NOW - 30) * 10**6, x)\n"
    hostile += "chart.shade((NOW - 60) * 10**6, None, x)\ntable.flag(0, x)"
    few = "log.extend([at(-20, 'a', 0.03), at(-20, 'b'), at(-20.5, 'a'), at(-18, 'b', 0.05)])"
    cells = [SETUP, "chart", "table", few, hostile, burst, "print(picks)"]
    with lab.open(lab.write("chart.ipynb", cells), height=1400) as tab:
        for i in range(3):
            tab.run_cell(i)
        expect(tab.page.locator(".bxrc-note")).to_have_text(
            "No events yet. Their rate appears here as they arrive."
        )
        tab.run_cell(3)
        expect(readout(tab)).to_contain_text("4 events in 5 minutes")
        expect(tab.page.locator(".bxrc-note")).to_be_empty()
        tab.run_cell(4)
        expect(readout(tab)).to_contain_text("6 events in 5 minutes")
        expect(entry(tab, XSS)).to_have_attribute("title", f"{XSS}: 2 events in 5 minutes")
        expect(tab.page.locator(".bxrc-flag-label")).to_contain_text("<img")
        tab.run_cell(5)
        expect(readout(tab)).to_contain_text("20\u202f006 events in 5 minutes")
        expect(entry(tab, "c").filter(has_text="6\u202f666")).to_be_visible()

        entry(tab, XSS).click()
        expect(count(tab)).to_have_text("2 of 20\u202f006")
        expect(entry(tab, XSS)).to_have_attribute("aria-pressed", "true")
        entry(tab, XSS).click()
        expect(count(tab)).to_have_text("20\u202f006 events")
        pick_with_keys(tab, "5\u202f000 events · ")
        chip = tab.page.get_by_role("button", name="Remove the time filter")
        expect(chip).to_be_visible()
        expect(tab.page.locator(".bxrc-picked")).to_be_visible()

        tab.reload()
        expect(readout(tab)).to_contain_text("picked: ")
        expect(chip).to_be_visible()
        assert tab.page.locator(".bxrc img, .bxlt img").count() == 0
        assert tab.page.evaluate("window.__xss") is None
        plot(tab).press("Escape")
        expect(chip).to_be_hidden()
        tab.run_cell(6)
        none = "Pick(command=None, since_us=None, until_us=None)]"
        eventually(lambda: tab.output(6).endswith(none))
        assert tab.output(6).count("Pick(") == 4
        tab.check()
    saved = json.loads((lab.root / "chart.ipynb").read_text())
    assert "onerror" not in json.dumps([cell.get("outputs") for cell in saved["cells"]])
    assert "onerror" not in json.dumps(saved["metadata"])


def pick_with_keys(tab: LabPage, text: str) -> None:
    """Go back, second by second, to the one whose readout has `text`, and pick it."""
    plot(tab).focus()
    for _ in range(290):  # a slow machine takes its time until here, and the chart moves on
        plot(tab).press("ArrowLeft")
        if text in (readout(tab).text_content() or ""):
            break
    assert text in (plot(tab).get_attribute("aria-valuetext") or "")
    plot(tab).press("Enter")
    expect(tab.page.locator(".bxrc .bx-status")).to_contain_text("picked: ")


@pytest.mark.parametrize(("theme", "width"), [("Light", 800), ("Dark", 1280)])
def test_a_second_picked_by_the_mouse_in_both_themes(lab: Lab, theme: str, width: int) -> None:
    """The readout names it, the table shows it, again gives all back; pictures for the eye."""
    cells = [SETUP + FILL, "chart", "table"]
    with lab.open(lab.write(f"{theme}{width}.ipynb", cells), width=width, height=1000) as tab:
        tab.theme(f"JupyterLab {theme}")
        for i in range(3):
            tab.run_cell(i)
        expect(readout(tab)).to_contain_text("events in 5 minutes")
        expect(count(tab)).to_contain_text("events")
        tab.page.evaluate("document.querySelector('.bxrc').scrollIntoView()")
        box = plot(tab).bounding_box()
        assert box is not None
        spot: Position = {"x": box["width"] * 0.75, "y": box["height"] * 0.6}
        plot(tab).hover(position=spot)
        expect(readout(tab)).to_contain_text(" events · ")
        picture = Path(tempfile.gettempdir()) / f"bxpull-chart-{theme.lower()}-{width}.png"
        tab.page.screenshot(path=picture)
        plot(tab).click(position=spot)
        expect(tab.page.locator(".bxlt-chip")).to_be_visible()
        expect(count(tab)).not_to_contain_text("events")
        tab.page.screenshot(path=picture.with_stem(f"{picture.stem}-picked"))
        tab.page.keyboard.press("Escape")
        expect(tab.page.locator(".bxlt-chip")).to_be_hidden()
        tab.check()


def spot_of(tab: LabPage, second: int) -> tuple[float, float]:
    """Where the bar of this second of RECORDING is: its newest is 0, its window two minutes."""
    box = plot(tab).bounding_box()
    assert box is not None
    x = box["x"] + 44 + (119.5 + second) * (box["width"] - 96) / 120
    return x, box["y"] + box["height"] * 0.6


def press_at(tab: LabPage, start: int, *, until: int | None = None, by: float = 0) -> None:
    """Press the mouse on a bar and move it to another one, or by some pixels; not yet up."""
    x, y = spot_of(tab, start)
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    if until is None:
        tab.page.mouse.move(x + by, y)
    else:
        tab.page.mouse.move(*spot_of(tab, until), steps=8)


def swipe(tab: LabPage, start: int, end: int) -> None:
    """Draw a finger from one bar to another."""
    touch = tab.page.context.new_cdp_session(tab.page)
    (left, y), (right, _) = spot_of(tab, start), spot_of(tab, end)
    places = [[left + (right - left) * i / 8] for i in range(9)]
    kinds = ["touchStart", *["touchMove"] * 8, "touchEnd"]
    for kind, place in zip(kinds, [*places, []], strict=True):
        points = [{"x": x, "y": y} for x in place]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_range_by_mouse_keys_and_touch(lab: Lab) -> None:
    """It filters the table as a second does; Escape and the table's chip give all back."""
    with lab.open(lab.write("brush.ipynb", [SETUP + RECORDING, "chart", "table"])) as tab:
        for i in range(3):
            tab.run_cell(i)
        expect(count(tab)).to_have_text("400 events")
        plot(tab).scroll_into_view_if_needed()
        assert "Drag over bars" in (plot(tab).get_attribute("aria-description") or "")
        picked, chip = tab.page.locator(".bxrc-picked"), tab.page.locator(".bxlt-chip")

        press_at(tab, -60, until=-31)
        expect(readout(tab)).to_contain_text("30 s · 120 events")
        expect(picked).to_be_visible()
        expect(chip).to_be_hidden()
        tab.page.screenshot(path=Path(tempfile.gettempdir()) / "bxpull-chart-brush.png")
        tab.page.mouse.up()
        expect(count(tab)).to_have_text("120 of 400")
        assert tab.ask(PICKED) == "[-60, -30]"
        chip.click()
        expect(count(tab)).to_have_text("400 events")
        expect(picked).to_be_hidden()

        press_at(tab, -20, until=-80)  # backwards, and given up
        tab.page.keyboard.press("Escape")
        tab.page.mouse.up()
        for shown in ("4 of 400", "400 events", "4 of 400"):  # clicks: each takes the last one back
            press_at(tab, -50, by=3)
            tab.page.mouse.up()
            expect(count(tab)).to_have_text(shown)
        assert tab.ask(f"len(picks), {PICKED}") == "4 [-50, -49]"
        press_at(tab, -50, by=-4)  # a drag, over the bar before too
        tab.page.mouse.up()
        eventually(lambda: tab.ask(PICKED) == "[-51, -49]")
        plot(tab).press("Escape")
        press_at(tab, -50)
        tab.page.mouse.up()
        expect(count(tab)).to_have_text("4 of 400")

        for _ in range(3):
            plot(tab).press("Shift+ArrowLeft")
        expect(count(tab)).to_have_text("16 of 400")
        plot(tab).press("Shift+ArrowRight")
        expect(count(tab)).to_have_text("12 of 400")
        assert tab.ask(PICKED) == "[-52, -49]"
        plot(tab).press("Escape")
        expect(count(tab)).to_have_text("400 events")
        assert tab.ask(PICKED) == "[None, None]"

        swipe(tab, -10, -29)
        expect(count(tab)).to_have_text("80 of 400")
        assert tab.ask(PICKED) == "[-29, -9]"
        tab.check()


def test_a_chart_of_a_moment(lab: Lab) -> None:
    """One event fills a twentieth of the width; labels of fresh marks stand side by side."""
    first = "chart = bx.RateChart(log, live=False)\nlog.extend([at(0, 'solo')])\n"
    first += "chart.flag(NOW * 10**6, 'clicked Save')\nchart.flag(NOW * 10**6 + 10**5, 'second')\n"
    with lab.open(lab.write("moment.ipynb", [SETUP, f"{first}chart"]), height=900) as tab:
        tab.run_all()
        expect(readout(tab)).to_contain_text("1 event in 5 minutes")
        older, newer = (
            label.bounding_box() for label in tab.page.locator(".bxrc-flag-label").all()[::-1]
        )
        width = plot(tab).evaluate("plot => plot.clientWidth - 96")
        bar = tab.page.locator(".bxrc-bar[d^=M]").evaluate("bar => bar.getBBox().width")
    assert older is not None
    assert newer is not None
    assert older["x"] + older["width"] <= newer["x"]
    assert bar == pytest.approx(width / 20, abs=2)


def test_a_command_keeps_its_colour(lab: Lab) -> None:
    """An eighth command that is hardly more frequent takes no other's place."""
    seven = "chart = bx.RateChart(log, live=False)\n"
    seven += "log.extend(at(0, f'n{i}') for i in range(7) for _ in range(10))\n"
    swatches = """() => Object.fromEntries(
        [...document.querySelectorAll('button.bxrc-entry:not(.bxrc-away)')]
        .map(one => [one.innerText.split(/\\s/)[0], one.firstChild.className]))"""
    cells = [SETUP, f"{seven}chart", "log.extend([at(1, 'eighth')] * 12)"]
    cells.append("log.extend([at(2, 'eighth')] * 9)")
    with lab.open(lab.write("colours.ipynb", cells), height=900) as tab:
        tab.run_cell(0)
        tab.run_cell(1)
        expect(readout(tab)).to_contain_text("70 events")
        before = tab.page.evaluate(swatches)
        tab.run_cell(2)
        expect(readout(tab)).to_contain_text("82 events")
        close = tab.page.evaluate(swatches)
        tab.run_cell(3)
        expect(entry(tab, "eighth")).to_be_visible()
        after = tab.page.evaluate(swatches)
    assert len(before) == 7
    assert close == before
    kept = before.keys() & after.keys()
    assert len(kept) == 6
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
