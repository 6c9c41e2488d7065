"""The panel in JupyterLab: the cell that makes one, and what a person does with it."""

from typing import TYPE_CHECKING

from tests.support.lab_page import LabPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["PANEL", "counted", "light", "open_tab", "press", "publish"]

PANEL = """import bxpull_nb as bx
sandbox = bx.Sandbox().start()
portal = bx.connect(sandbox.url, token=sandbox.token)
feed = bx.listen(portal)
panel = bx.explore(portal)
panel"""


def press(tab: LabPage, name: str, *, nth: int = 0) -> None:
    """Press a button of the panel."""
    tab.page.locator(".bxp-button", has_text=name).nth(nth).click()


def light(tab: LabPage, words: str) -> "Locator":
    """Return the state lights with these words."""
    return tab.page.locator("[role=status]", has_text=words)


def open_tab(tab: LabPage, name: str) -> None:
    """Bring one of the panel's tabs to the front."""
    tab.page.locator(".bxp-tab", has_text=name).last.click()


def counted(tab: LabPage) -> int:
    """The number of events the panel shows."""
    # By CSS, which looks into shadow roots: marimo draws a panel in one.
    name = "span:text-is('event'), + span:text-is('events')"
    text = tab.page.locator(f"b:has(+ {name})").filter(visible=True)
    return int(text.first.inner_text().replace("\u202f", ""))


def publish(count: int) -> str:
    """A cell that publishes so many events."""
    return f"for n in range({count}): _ = sandbox.publish('tick', {{'n': n}})"
