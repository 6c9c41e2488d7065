"""The bar of a replay: its speed, and where in the recording it is."""

import math
from typing import Any

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.controls import button, choice
from bxpull_nb.jupyter.widgets.figures import duration, grouped

__all__ = ["ReplayBar"]


def _times(speed: float) -> str:
    return f"{speed:g}\N{MULTIPLICATION SIGN}"


_SPEEDS: list[tuple[str, float]] = [
    *((_times(speed), speed) for speed in (1.0, 2.0, 5.0, 10.0, 60.0, 600.0)),
    ("at once", math.inf),
]
_STEP = 0.002  # of the slider: smaller moves are not sent to the page


class ReplayBar(ipw.HBox):
    """Speed and place of a replay. Play and Pause are the panel's buttons.

    The slider and the button go forward and back, also in a pause: see `Replay.seek`.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.speed = choice("Speed", [], width="170px", tooltip="Recorded seconds in one second")
        self.place = ipw.FloatSlider(
            min=0.0,
            max=1.0,
            step=_STEP,
            description="place",
            style={"description_width": "initial"},
            readout=False,
            continuous_update=False,
            tooltip="Go forward or back in the recording",
            layout={"flex": "1 1 160px", "min_width": "120px"},
        )
        self.first_button = button("From the start", "fast-backward", tooltip="Empty the table")
        self.text = ipw.HTML()
        self.speed.observe(self._set_speed, "value")
        self.place.observe(self._seek, "value")
        self.first_button.on_click(lambda _button: self._go_to(0.0))
        super().__init__(
            [self.first_button, self.speed, self.place, self.text],
            layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%"},
        )

    @property
    def empty(self) -> str:
        """The text of the table while it has no rows."""
        replay = self._feed.replay
        if replay is None or replay.rows is None:
            return "Reading the recording …"
        return "The recording starts here. Press Play." if replay.rows else "An empty recording."

    def paint(self) -> None:
        """Show the speed and the place now."""
        replay = self._feed.replay
        if replay is None:
            return
        self._show_speed(replay.speed)
        length, position = replay.length, replay.position
        share = position / length if length else float(replay.rows is not None)
        self.place.disabled = self.first_button.disabled = replay.rows is None
        if abs(share - self.place.value) >= _STEP or share in (0.0, 1.0):
            self._quietly(self.place, self._seek, share)
        rows = "…" if replay.rows is None else grouped(replay.rows)
        text = f"{grouped(replay.played)} of {rows}, {duration(position)} of {duration(length)}"
        self.text.value = status_html.message(text)

    def begin_again_at_end(self) -> None:
        """Go back to the start if all was played: what Play means there."""
        replay = self._feed.replay
        if replay is not None and replay.played == replay.rows:
            self._go_to(0.0)

    def _show_speed(self, speed: float) -> None:
        known = [value for _name, value in self.speed.options]
        if speed in known and speed == self.speed.value:
            return
        own = [] if speed in dict(_SPEEDS).values() else [(_times(speed), speed)]
        self.speed.unobserve(self._set_speed, "value")
        self.speed.options = [*own, *_SPEEDS]
        self.speed.value = speed
        self.speed.observe(self._set_speed, "value")

    def _quietly(self, control: Any, observer: Any, value: Any) -> None:
        """Show the value without acting on it."""
        control.unobserve(observer, "value")
        control.value = value
        control.observe(observer, "value")

    def _set_speed(self, _change: object) -> None:
        replay = self._feed.replay
        if replay is not None and self.speed.value is not None:
            replay.speed = self.speed.value

    def _seek(self, _change: object) -> None:
        self._go_to(self.place.value)

    def _go_to(self, share: float) -> None:
        replay = self._feed.replay
        if replay is not None and replay.rows is not None:
            replay.seek(share * replay.length)
