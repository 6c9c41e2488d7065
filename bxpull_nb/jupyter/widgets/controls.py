"""Small controls in the style of the panel."""

from typing import Any

import ipywidgets as ipw

from bxpull_nb.jupyter.widgets import status_html

__all__ = ["Status", "button", "close_children", "labelled", "row", "toggle"]


class Status(ipw.HTML):
    """A line for the result of an action."""

    def show(self, text: str) -> None:
        """Show one sentence."""
        self.value = status_html.message(text)


def toggle(options: list[Any], tooltip: str) -> ipw.ToggleButtons:
    """Return a choice with all its options visible."""
    return ipw.ToggleButtons(
        options=options, tooltips=[tooltip] * len(options), style={"button_width": "auto"}
    )


def button(text: str, icon: str, *, style: str = "", tooltip: str = "") -> ipw.Button:
    """Return a button as wide as its text."""
    return ipw.Button(
        description=text,
        icon=icon,
        button_style=style,
        tooltip=tooltip,
        layout={"width": "auto", "min_width": "84px"},
    )


def labelled(name: str, control: ipw.Widget) -> ipw.HBox:
    """Return the control after its name, closer than its own label would be."""
    return ipw.HBox([ipw.Label(name), control], layout={"margin": "0 14px 0 0"})


def row(*children: ipw.Widget) -> ipw.HBox:
    """Return a row of widgets; it breaks into lines where the page is narrow."""
    return ipw.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"})


def close_children(box: ipw.Box) -> None:
    """Close every widget in the box, at any depth."""
    for widget in box.children:
        if isinstance(widget, ipw.Box):
            close_children(widget)
        widget.close()
