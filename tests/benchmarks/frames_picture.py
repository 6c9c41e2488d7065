"""A second picture: what a frame costs on its whole way, against the messages that it holds."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.measure import Size
from tests.benchmarks.sender import sending
from tests.benchmarks.way import by_hand, capture

__all__ = ["draw_frames"]

_PER_FRAME = (1, 2, 5, 10, 20, 50, 100)
_FRAMES = 10_000  # at most
_EVENTS = 30_000  # at most, but for the frames

Point = tuple[int, float]
Work = Callable[[str, int], Coroutine[Any, Any, object]]
_SIDES: dict[str, tuple[Work, str, str]] = {
    "websockets, regex, json.loads, list of dicts": (by_hand, "#b3541e", "s--"),
    "bxpull-nb: received, deduplicated, in the log": (capture, "#1f6feb", "o-"),
}


def draw_frames(path: Path, size: Size) -> None:
    """Measure both sides in turn, and write the picture to `path`."""
    from matplotlib.figure import Figure

    found = {per_frame: _costs(per_frame, size) for per_frame in _PER_FRAME}
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for label, (_, colour, style) in _SIDES.items():
        points = [found[per_frame][label] for per_frame in _PER_FRAME]
        axes.plot(_PER_FRAME, points, style, color=colour, label=label, linewidth=2)
        for at in (0, -1):
            place, cost = _PER_FRAME[at], points[at]
            text = f"{cost:,.0f} µs" if cost >= 100 else f"{cost:.3g} µs"
            axes.annotate(text, (place, cost), (-12, 9), textcoords="offset points", color=colour)
    axes.set(xscale="log", yscale="log", xlabel="messages a frame")
    axes.set_title("A text frame on its whole way: CPU time of the receiving process")
    axes.set_ylabel("microseconds a frame")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_xticks(_PER_FRAME)
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _costs(per_frame: int, size: Size) -> dict[str, float]:
    """Return the median cost of a frame of each side; a first round is not counted."""
    frames = max(min(_FRAMES, _EVENTS // per_frame), 1) if not size.quick else 4
    taken: dict[str, list[float]] = {label: [] for label in _SIDES}
    with sending(frames * per_frame, per_frame=per_frame) as url:
        for turn in range(size.long_rounds + 1):
            for label in sorted(_SIDES, reverse=turn % 2 == 1):
                begun = time.process_time()
                asyncio.run(_SIDES[label][0](url, frames * per_frame))
                taken[label].append((time.process_time() - begun) / frames * 1e6)
    return {label: median(values[1:]) for label, values in taken.items()}
