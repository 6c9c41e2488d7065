"""Figures drawn from a few literal events, and how they are displayed."""

import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from bxpull_nb import plots
from bxpull_nb.analysis.plots import Figure
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, Event, Record
from tests.support.noon import at, bad, event
from tests.support.rows import frame, records

FIGURES: list[Callable[[pd.DataFrame], Figure]] = [plots.rate, plots.lag, plots.hours, plots.gaps]
PNG = b"\x89PNG\r\n\x1a\n"


def words(figure: Figure) -> str:
    """Return all text of the figure."""
    figure.draw_without_rendering()
    axes = figure.axes[0]
    legend = axes.get_legend()
    texts = [axes.title, axes._left_title, axes.xaxis.get_offset_text(), *axes.texts]  # type: ignore[attr-defined]
    texts += [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.yaxis.label]
    return "\n".join(text.get_text() for text in [*texts, *(legend.get_texts() if legend else [])])


def bars(axes: Axes) -> list[list[float]]:
    """Return the heights of the bars, one list for each colour."""
    drawn = [item for item in axes.containers if isinstance(item, BarContainer)]
    return [[bar.get_height() for bar in item] for item in drawn]


@pytest.mark.parametrize("plot", FIGURES)
def test_without_events_the_figure_says_so(plot: Callable[[pd.DataFrame], Figure]) -> None:
    """An empty one, and one whose events never travelled."""
    for df in (frame(), frame(Event("1", None, None, b"{}"))):
        assert "yet." in words(plot(df))
        assert plot(df)._repr_png_()[0].startswith(PNG)


@pytest.mark.parametrize("plot", FIGURES)
def test_a_figure_shows_itself_and_is_written(
    plot: Callable[[pd.DataFrame], Figure], tmp_path: Path
) -> None:
    """As the value of a cell, without pyplot or its backends; as PNG and SVG files."""
    figure = plot(frame(event(0, lag=0.1), event(40, lag=0.2)))
    shown, size = DisplayFormatter().format(figure)  # type: ignore[no-untyped-call]
    assert shown["image/png"].startswith(PNG)
    assert size["image/png"] == {"width": 900, "height": 360}
    figure.savefig(tmp_path / "f.png")
    figure.savefig(tmp_path / "f.svg")
    assert (tmp_path / "f.png").read_bytes().startswith(PNG)
    assert "<svg" in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize("plot", FIGURES)
@settings(max_examples=8, deadline=None)
@given(rows=st.lists(records, max_size=6))
def test_any_events_give_a_figure(
    plot: Callable[[pd.DataFrame], Figure], rows: list[Record]
) -> None:
    """Gaps in every column, centuries between two events."""
    assert plot(frame(*rows)).axes


def test_bars_are_stacked_by_the_command() -> None:
    """In the order of the legend, from the bottom; what has no name is named so."""
    figure = plots.rate(frame(event(0), event(1), event(1.5, "chat"), event(2), bad(2)), every="1s")
    assert bars(figure.axes[0]) == [[1, 1, 1], [0, 0, 1], [0, 1, 0]]
    assert words(figure).splitlines()[-3:] == ["chat", "(none)", "deal"]
    assert "events per 1 s" in words(figure)
    assert "01 January 2026 12:00 UTC" in words(figure)


def test_the_eighth_name_and_those_after_it_share_grey() -> None:
    """Colours that look alike would mean nothing."""
    figure = plots.rate(frame(*(event(0, f"c{n}") for n in range(12))))
    assert len(bars(figure.axes[0])) == 8
    assert bars(figure.axes[0])[-1] == [5]
    assert "5 others" in words(figure)


def test_about_a_hundred_bars_are_chosen() -> None:
    """For any time the events span; the width is shown."""
    hour = plots.rate(frame(event(0), event(3600)))
    assert (len(bars(hour.axes[0])[0]), "events per 30 s" in words(hour)) == (121, True)
    year = plots.rate(frame(event(0), event(365 * 86400)))
    assert "events per 7 d" in words(year)


def test_no_stack_needs_no_legend() -> None:
    """One colour explains itself."""
    figure = plots.rate(frame(event(0), event(1)), by=None)
    assert figure.axes[0].get_legend() is None
    assert sum(bars(figure.axes[0])[0]) == 2


def test_an_unknown_column_is_refused() -> None:
    """As `rates` does, on which the figure is based."""
    with pytest.raises(SettingsError, match="by='user' is no column"):
        plots.rate(frame(event(0)), by="user")


HOSTILE = ["$\\frac{a}{b$", "_hidden", "a\nb", "x" * 200]


def test_names_from_events_are_drawn_as_they_are() -> None:
    """No formulas, no names hidden for their underscore, no line breaks, no endless ones."""
    rows = [event(0, name) for name in HOSTILE]
    figure = plots.rate(frame(*rows))
    assert set(words(figure).splitlines()[-4:]) == {
        "$\\frac{a}{b$",
        "_hidden",
        "a\N{REPLACEMENT CHARACTER}b",
        f"{'x' * 31}…",
    }
    figure._repr_png_()
    entries = pd.DataFrame({"at": [at(0)] * 4, "kind": HOSTILE})
    plots.gaps(frame(*rows), entries)._repr_png_()


def test_lags_are_on_a_logarithmic_axis() -> None:
    """With the percentiles in the unit people would choose."""
    figure = plots.lag(frame(event(0, lag=0.01), event(1, lag=0.01), event(2, lag=2)))
    assert figure.axes[0].get_xscale() == "log"
    assert "p50  10 ms" in words(figure)
    assert "p99  1.96 s" in words(figure)
    assert "3 events" in words(figure)


def test_a_clock_ahead_makes_the_axis_linear() -> None:
    """And the figure explains a negative lag."""
    figure = plots.lag(frame(event(0, lag=-0.5), event(1, lag=0.01)))
    assert figure.axes[0].get_xscale() == "linear"
    assert "below 0: the clocks differ" in words(figure)


def test_hours_are_those_of_utc() -> None:
    """The first of January 2026 is a Thursday; the events begin at noon."""
    figure = plots.hours(frame(event(0), event(10), event(3600)))
    cells = {tuple(map(int, text.get_position())): text.get_text() for text in figure.axes[0].texts}
    assert cells[(12, 3)] == "2"
    assert cells[(13, 3)] == "1"
    assert len(cells) == 3  # with the line below the title
    assert "the events span 1 h" in words(figure)


def test_gaps_are_shaded_and_log_entries_marked() -> None:
    """With their length, and each kind with a shape and a name of its own."""
    df = frame(event(0), event(10), event(100), event(110))
    entries = pd.DataFrame({"at": [at(99), at(5), at(60)], "kind": ["reconnect", "renewal", "x"]})
    figure = plots.gaps(df, entries)
    text = words(figure)
    assert "1 gap of more than 30 s, 82% of the time" in text
    assert "1 min 30 s" in text
    assert [line for line in text.splitlines() if line in {"reconnect", "renewal", "x"}] == [
        "reconnect",
        "renewal",
        "x",
    ]
    assert len({line.get_marker() for line in figure.axes[0].lines}) == 3
    assert len(figure.axes[0].lines) == 6  # a mark in the figure and one before the name


def test_pyplot_is_not_touched() -> None:
    """It is global, and no friend of threads."""
    code = (
        "import sys, bxpull_nb as bx; bx.plots.rate(bx.EventLog().df)._repr_png_();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_threads_may_draw_at_once() -> None:
    """Each its own figure, all the same picture."""
    df = frame(*(Event("1", "m", "c", b"{}", None, None, Arrival(n * 10**6)) for n in range(50)))
    pictures: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: pictures.append(plots.rate(df)._repr_png_()[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pictures) == 4
    assert len(set(pictures)) == 1


def test_five_seconds_fill_the_axis() -> None:
    """By bars of a tenth of a second, without an empty half."""
    drawing = plots.rate(frame(*(event(n / 2, f"c{n % 3}") for n in range(11))))
    axes = drawing.axes[0]
    left, right = axes.get_xlim()
    ends = [bar.get_extents().transformed(axes.transData.inverted()).x1 for bar in axes.patches]
    assert max(ends) == pytest.approx(right)
    assert (right - left) * 86400 == pytest.approx(5.1, abs=0.05)


def test_a_picture_has_the_background_of_its_page() -> None:
    """White on a white one, dark on a dark one."""
    content, _size = plots.rate(frame(event(0)))._repr_png_()
    assert image.imread(BytesIO(content))[0, 0, 3] == 0
