"""The README's pictures, of the panel at work in a real browser: `python -m tests.pictures`.

It takes five minutes, for that is what the chart shows; `python -m tests.pictures 60` is quicker,
for a look. Take them again when the panel has changed, and look at them.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from tests.support.lab import Lab
from tests.support.lab_page import LabPage
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["take"]

_SECONDS = 310.0
_MARGIN = 16  # dots around what is taken
_PANEL = """import bxpull_nb as bx

portal = bx.connect()
feed = bx.listen(portal)
bx.explore(portal)"""
_CLICK = """[portal.send_event("orderSaved", {
    "order": {"id": 1042 + n, "total": 1290.5, "currency": "EUR", "paid": n > 0,
              "items": [{"sku": "desk-oak", "count": 2}, {"sku": "lamp", "count": 1}]},
    "saved_by": {"id": 15, "name": "Ada Lovelace"},
}) for n in range(3)]"""


def take(folder: Path, seconds: float = _SECONDS) -> None:
    """Write `panel.png` (light) and `event.png` (dark) into the folder."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, Lab(Path(home) / "lab") as lab:
        notebook = lab.write("panel.ipynb", [_PANEL])
        with lab.browsing(scale=1.25), lab.open(notebook, width=1190, height=1500) as tab:
            tab.page.evaluate("window.jupyterapp.shell.collapseLeft()")
            tab.run_all()
            _capture(tab, seconds)
            panel = tab.page.locator(".bxp").first
            _shoot(panel, folder / "panel.png")
            tab.theme("JupyterLab Dark")
            _take_apart(tab, "orderSaved")
            events = panel.locator(".bxp-box", has=tab.page.locator(".bxed"))
            _shoot(events.last, folder / "event.png")
            tab.check()


def _capture(tab: LabPage, seconds: float) -> None:
    """Publish traffic, break the connection and set two marks, to have something to show."""
    begun = time.monotonic()
    _wait_until(begun + 0.45 * seconds)
    tab.ask("portal.sandbox.restart(seconds=1)")
    _wait_until(begun + 0.8 * seconds)
    _mark(tab, "imported contacts")
    _wait_until(begun + seconds)
    _wait_for_a_quiet_moment(tab)
    _mark(tab, "clicked Save")
    tab.ask(_CLICK)
    tab.page.get_by_role("cell", name="orderSaved").wait_for()
    # What the mouse and the keyboard point at looks different.
    tab.page.evaluate("document.activeElement.blur()")
    tab.page.mouse.move(0, 0)


def _wait_for_a_quiet_moment(tab: LabPage) -> None:
    """Wait for the end of a burst, so that the effect of a click is seen."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        before = int(tab.ask("len(feed)"))
        time.sleep(0.5)
        if int(tab.ask("len(feed)")) - before <= 3:
            return


def _mark(tab: LabPage, label: str) -> None:
    tab.page.locator("input[placeholder='clicked Save']").fill(label)
    tab.page.locator(".bxp-button", has_text="Mark").click()
    tab.page.get_by_text(f"After {label}:").wait_for()


def _take_apart(tab: LabPage, command: str) -> None:
    """Show the newest event of that name at the side of the table."""
    tab.page.locator(".bxlt input[type=search], .bxlt input[type=text]").first.fill(command)
    tab.page.locator(".bxlt-row", has_text=command).last.click()
    tab.page.locator(".bxed-tree", has_text="Ada Lovelace").wait_for()
    tab.page.mouse.move(0, 0)


def _shoot(element: "Locator", path: Path) -> None:
    """Write a picture of the element, in 256 colours that keep its greys grey."""
    element.screenshot(path=path, animations="disabled")
    with Image.open(path) as taken:
        picture = taken.convert("RGB")
    ground = picture.getpixel((0, 0))
    assert isinstance(ground, tuple)
    framed = ImageOps.expand(picture, _MARGIN, fill=ground)
    few = framed.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def _wait_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0))


if __name__ == "__main__":
    take(PROJECT / "docs", *map(float, sys.argv[1:]))
