"""Small controls in the style of the panel."""

from collections.abc import Iterable
from typing import Any

import ipywidgets as ipw

from bxpull_nb.jupyter.widgets import status_html

__all__ = ["Status", "button", "checkbox", "choice", "close_children", "row", "shown"]


class Status(ipw.HTML):
    """A line for the result of an action."""

    def show(self, text: str, *, error: bool = False) -> None:
        """Show one sentence."""
        self.value = status_html.message(text, error=error)


def choice(name: str, options: Iterable[Any], *, width: str, tooltip: str = "") -> ipw.Dropdown:
    """Return a choice that carries its name, for the eye and for screen readers."""
    return ipw.Dropdown(
        options=list(options),
        description=name,
        tooltip=tooltip or name,
        style={"description_width": "initial"},
        layout={"width": width},
    )


def checkbox(text: str, *, tooltip: str) -> ipw.Checkbox:
    """Return a checkbox as wide as its text."""
    return ipw.Checkbox(
        value=True, description=text, indent=False, tooltip=tooltip, layout={"width": "auto"}
    )


def shown(widget: ipw.Widget, visible: bool) -> None:
    """Show the widget, or take it out of the page without a gap."""
    widget.layout.display = None if visible else "none"


def button(text: str, icon: str, *, style: str = "", tooltip: str = "") -> ipw.Button:
    """Return a button as wide as its text."""
    return ipw.Button(
        description=text,
        icon=icon,
        button_style=style,
        tooltip=tooltip,
        layout={"width": "auto", "min_width": "64px"},
    )


def row(*children: ipw.Widget) -> ipw.HBox:
    """Return a row of widgets; it breaks into lines where the page is narrow."""
    return ipw.HBox(
        children, layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%"}
    )


def close_children(box: ipw.Box) -> None:
    """Close every widget in the box, at any depth."""
    for widget in box.children:
        if isinstance(widget, ipw.Box):
            close_children(widget)
        widget.close()
