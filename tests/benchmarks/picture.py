"""One picture: what a look at the DataFrame costs, against the rows it has."""

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from bxpull_nb.models import Event
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks.byhand import Row, rows_of
from tests.benchmarks.material import PER_FRAME, events
from tests.benchmarks.measure import Size

__all__ = ["draw"]

_STEPS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
_BATCH = 10_000

Point = tuple[int, float]


def draw(path: Path, size: Size) -> None:
    """Measure, and write the picture to `path` (its ending decides the format)."""
    from matplotlib.figure import Figure

    steps = [size.of(step) for step in _STEPS] if not size.quick else [100, 200, 400]
    lines: dict[str, tuple[list[Point], str, str]] = {
        "list of dicts, pd.DataFrame(rows)": (list(_by_dicts(steps)), "#b3541e", "s--"),
        "bxpull-nb: feed.df": (list(_by_log(steps)), "#1f6feb", "o-"),
    }
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for label, (points, colour, style) in lines.items():
        axes.plot(*zip(*points, strict=True), style, color=colour, label=label, linewidth=2)
        rows, cost = points[-1]
        axes.annotate(
            _time(cost), (rows, cost), (8, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="events captured so far",
        title="A DataFrame of everything captured so far, after 50 new events",
    )
    axes.set_ylabel("milliseconds")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_xlim(steps[0] / 1.5, steps[-1] * 3)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _by_log(steps: list[int]) -> Iterator[Point]:
    log, few = EventLog(), events(0, PER_FRAME)
    for rows in steps:
        _grow(rows, log.__len__, lambda first, count: log.extend(events(first, count)))

        yield rows, _middle(partial(_look, log, few), 21)


def _look(log: EventLog, new: list[Event]) -> None:
    log.extend(new)
    log.df  # noqa: B018 - the look is the work


def _by_dicts(steps: list[int]) -> Iterator[Point]:
    held: list[Row] = []
    for rows in steps:
        _grow(
            rows,
            held.__len__,
            lambda first, count: held.extend(rows_of(events(first, count), as_text=True)),
        )
        yield rows, _middle(lambda: pd.DataFrame(held), 3 if rows > 100_000 else 7)
    held.clear()
    gc.collect()


def _grow(rows: int, length: Callable[[], int], add: Callable[[int, int], None]) -> None:
    while (there := length()) < rows:
        add(there, min(_BATCH, rows - there))


def _middle(work: Callable[[], object], rounds: int) -> float:
    taken = []
    gc.collect()
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return sorted(taken)[rounds // 2]


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.2g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
