"""The panel as marimo shows it, without a browser; test_panel_everywhere opens marimo."""

import re
from collections.abc import Iterator

import ipywidgets as ipw
import pytest

from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.jupyter.widgets.marimo_panel import MarimoPanel
from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.portal import Portal
from tests.support.fake_comm import record_comms
from tests.support.paths import PROJECT
from tests.support.waiting import eventually

SCRIPT = PROJECT / "bxpull_nb" / "jupyter" / "widgets" / "marimo_controls.js"


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch, portal: Portal) -> Iterator[Explorer]:
    """A panel of a portal, which has every control."""
    record_comms(monkeypatch)
    explorer = Explorer(portal, repaint=0.01)
    yield explorer
    explorer.close()


def all_in(box: ipw.Box) -> Iterator[ipw.Widget]:
    """Yield the widgets of the box, at any depth."""
    for widget in box.children:
        yield widget
        if isinstance(widget, ipw.Box):
            yield from all_in(widget)


def test_marimo_gets_one_widget_that_refers_to_the_panel(panel: Explorer) -> None:
    """And nothing of what the panel shows."""
    shown = panel._display_()
    assert isinstance(shown, MarimoPanel)
    state = {name: value for name, value in shown.get_state().items() if not name.startswith("_")}
    assert state["panel"] == f"anywidget:{panel.model_id}"
    assert set(state) == {"panel", "layout", "tabbable", "tooltip"}


def test_every_control_of_the_panel_is_drawn_there(panel: Explorer) -> None:
    """Boxes, our own widgets, and the controls that the script knows."""
    known = set(re.findall(r"^  (\w+Model):", SCRIPT.read_text(), re.MULTILINE))
    names = {
        str(widget._model_name)
        for widget in all_in(panel)
        if not isinstance(widget, PageWidget | ipw.Box)
    }
    assert names - known == set()


def test_showing_a_frozen_panel_makes_it_live(panel: Explorer, portal: Portal) -> None:
    """As in Jupyter."""
    other = Explorer(portal, repaint=0.01)
    eventually(lambda: "Frozen" in panel.status.value)
    panel._display_()
    eventually(lambda: "Frozen" in other.status.value and "Frozen" not in panel.status.value)
    other.close()
