"""The panel as one widget, without a browser; test_panel_everywhere opens the programs."""

import re
from collections.abc import Iterator

import ipywidgets as ipw
import pytest

import bxpull_nb as bx
from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.portal import Portal
from tests.support.fake_comm import from_page, record_comms, sent_by
from tests.support.paths import PROJECT
from tests.support.rows import played
from tests.support.waiting import eventually

WIDGETS = PROJECT / "bxpull_nb" / "jupyter" / "widgets"


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


def test_the_page_gets_one_widget_that_refers_to_the_others(panel: Explorer) -> None:
    """And nothing that the panel shows: the state of a widget is saved."""
    state = {name: value for name, value in panel.get_state().items() if name[0] != "_"}
    assert state["content"] == f"anywidget:{panel.content.model_id}"
    assert set(state) == {"content", "layout", "tabbable", "tooltip"}


def test_every_control_of_a_panel_is_drawn(panel: Explorer) -> None:
    """Boxes, our own widgets, and the controls that the script knows: it knows no others."""
    replay = Explorer(bx.replay(played(5)))
    script = (WIDGETS / "panel_controls.js").read_text()
    known = set(re.findall(r"^  (\w+Model):", script, re.MULTILINE))
    names = {
        str(widget._model_name)
        for widget in (*all_in(panel.content), *all_in(replay.content))
        if not isinstance(widget, PageWidget | ipw.Box)
    }
    assert names == known
    replay.close()


def test_every_sign_of_a_button_is_known(panel: Explorer) -> None:
    """An icon without a sign would be missing without a word."""
    script = (WIDGETS / "panel_controls.js").read_text()
    [signs] = re.findall(r"SIGNS = \{(.*?)\}", script, re.DOTALL)
    known = set(re.findall(r'"?([\w-]+)"?: "', signs))
    icons = {widget.icon for widget in all_in(panel.content) if hasattr(widget, "icon")}
    assert icons - known == set()


def test_a_page_that_is_drawn_gets_a_sign_of_life(panel: Explorer) -> None:
    """With the class of the saved picture, which it hides."""
    from_page(panel, {"kind": "hello"})
    assert sent_by(panel)[-1].content == {"kind": "alive", "picture": panel.picture.name}


def test_closing_the_panel_closes_what_is_in_it(panel: Explorer) -> None:
    """Each model would stay in the page else."""
    widgets = [panel.content, *all_in(panel.content)]
    panel.close()
    assert [widget for widget in widgets if widget.comm is not None] == []


def test_showing_a_frozen_panel_makes_it_live(panel: Explorer, portal: Portal) -> None:
    """The other one freezes."""
    other = Explorer(portal, repaint=0.01)
    eventually(lambda: "Frozen" in panel.status.value)
    panel._repr_mimebundle_()
    eventually(lambda: "Frozen" in other.status.value and "Frozen" not in panel.status.value)
    other.close()
