"""Small controls in the panel's own manner."""

from typing import Any

import ipywidgets as ipw

__all__ = ["button", "labelled", "row", "toggle"]


def toggle(options: list[Any], tooltip: str) -> ipw.ToggleButtons:
    """A choice with all its options in sight."""
    return ipw.ToggleButtons(
        options=options, tooltips=[tooltip] * len(options), style={"button_width": "auto"}
    )


def button(text: str, icon: str, *, style: str = "", tooltip: str = "") -> ipw.Button:
    """A button as wide as its words."""
    return ipw.Button(
        description=text,
        icon=icon,
        button_style=style,
        tooltip=tooltip,
        layout={"width": "auto", "min_width": "84px"},
    )


def labelled(name: str, control: ipw.Widget) -> ipw.HBox:
    """The control behind its name, on one line: their own labels stand above or far away."""
    return ipw.HBox([ipw.Label(name), control], layout={"margin": "0 14px 0 0"})


def row(*children: ipw.Widget) -> ipw.HBox:
    """Side by side, on a second line where the page is narrow."""
    return ipw.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"})
