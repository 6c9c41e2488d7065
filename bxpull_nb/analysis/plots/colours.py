"""Colours by name: a command has the same colour in the figures and in the panel's chart."""

from collections.abc import Hashable, Sequence

__all__ = ["COLOURS", "GREY", "colours_of"]

GREY = "#808080"
COLOURS = ("#2b7fd4", "#c96a00", "#14905f", "#c2528b", "#7a66d9", "#0f8fa8", "#9a7d0a")
"""Those of `rate_chart.css`: each can be seen on white and on black."""


def colours_of(names: Sequence[Hashable]) -> list[str]:
    """Return a colour for each name, the most frequent first; after the seventh it is grey.

    >>> colours_of(["message", "dealMove"])
    ['#0f8fa8', '#2b7fd4']
    """
    free = list(range(len(COLOURS)))
    places = [_place(str(name), free) for name in names[: len(COLOURS)]]
    return [*(COLOURS[place] for place in places), *[GREY] * (len(names) - len(places))]


def _place(name: str, free: list[int]) -> int:
    """Take the first free place from the name's own on, as `rate_chart_draw.js` does."""
    own = 0
    for sign in name:
        own = (31 * own + ord(sign)) % 9973
    place = min(free, key=lambda place: (place - own) % len(COLOURS))
    free.remove(place)
    return place
