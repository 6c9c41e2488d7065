"""The benchmarks run, and compare what is equal; their speed is not checked here."""

import json
import subprocess
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bxpull_nb.models import Record
from bxpull_nb.protocol.codec import Codec, JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks.byhand import DECODERS, Row
from tests.benchmarks.compare import as_table, lines_of
from tests.benchmarks.material import ARRIVAL, cyrillic, frames
from tests.benchmarks.measure import Benchmark, Line, Sample, Size, faster, in_turn, within
from tests.benchmarks.registry import registered
from tests.benchmarks.report import as_markdown
from tests.support.rows import params, plain_frame

QUICK = Size(quick=True)
IN_PROCESS = [b for b in registered() if b.name not in ("memory", "import")]


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", IN_PROCESS, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_gives_figures(benchmark: Benchmark) -> None:
    """Positive ones, on both sides; a count of lost events may be none at all."""
    lines = benchmark.run(QUICK)
    assert lines
    for line in lines:
        for side in filter(None, (line.ours, line.theirs)):
            assert all(isfinite(value) and value >= 0 for value in side.values)
        assert line.figure.median > 0 or line.goal.limit == 0
    assert all(line.what in as_markdown(lines) for line in lines)


@pytest.mark.slow
def test_the_command_prints_json() -> None:
    """Every round of the chosen ones."""
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", "--only", "import"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(run.stdout)["benchmarks"]
    assert list(found) == ["import"]
    assert all(value > 0 for value in found["import"][0]["ours"])


CODECS: list[Codec] = [TextCodec(), JsonCodec(), ProtobufCodec(), JsonRpcCodec()]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_both_sides_come_to_the_same_rows(codec: Codec) -> None:
    """The log's frame equals that of the rows made by hand, value by value."""
    log, rows = EventLog(), list[Row]()
    for frame in frames(codec, 200):
        log.extend(codec.decode(frame, ARRIVAL))
        rows.extend(DECODERS[codec.dialect](frame))
    mine, by_hand = log.df, pd.DataFrame(rows)
    for name in set(by_hand.columns) - {"received_at"}:
        ours = mine[name].astype(object).where(mine[name].notna(), None)
        theirs = by_hand[name].astype(object).where(by_hand[name].notna(), None)
        assert ours.tolist() == theirs.tolist(), name


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_the_log_equals_a_plain_frame_over_thousands_of_frames(codec: Codec) -> None:
    """Over several batches and merges of columns, in every dialect."""
    log, everything = EventLog(), list[Record]()
    for frame in frames(codec, 10_000):
        records = codec.decode(frame, ARRIVAL)
        log.extend(records)
        everything.extend(records)
    pd.testing.assert_frame_equal(log.df, plain_frame(everything))


def test_cyrillic_is_cyrillic() -> None:
    """The other material is what it says, and is read alike."""
    [frame] = frames(TextCodec(), 50)
    titles = {params(event)["title"] for event in TextCodec().decode(cyrillic(frame))}
    assert "Заря: насосы" in titles
    assert frame.isascii()


def test_goals_are_about_the_ratio_of_each_round() -> None:
    """The median of the rounds' ratios, not the ratio of medians."""
    ours, theirs = Sample((1.0, 2.0, 4.0)), Sample((10.0, 10.0, 80.0))
    fast = Line("a", "s", ours, faster(9), "b", theirs)
    assert (fast.figure.values, fast.met) == ((10.0, 5.0, 20.0), True)
    slow = Line("a", "s", theirs, within(9), "b", ours)
    assert (slow.figure.median, slow.met) == (10.0, False)
    assert "no: 1.11 times it" in as_markdown([slow])


def test_two_revisions_are_compared_turn_by_turn() -> None:
    """The median of the turns' ratios, of the lines that both revisions gave each time."""

    def turn(ours: float, theirs: float, *more: str) -> list[dict[str, Any]]:
        line: dict[str, Any] = {"against": "b", "unit": "s", "ours": [ours], "theirs": [theirs]}
        return [line | {"what": what} for what in ("a", *more)]

    turns = [
        (turn(4, 10), turn(1, 20, "new")),
        (turn(4, 10), turn(2, 10, "new")),
        (turn(4, 10, "new"), turn(8, 5, "new")),
    ]
    [line] = lines_of(turns)
    assert (line.what, line.ratio.values, line.control) == ("a", (0.25, 0.5, 2.0), [2.0, 1.0, 0.5])
    assert "| a | 4 s | 2 s | 0.5 ± 175% | 1 ± 75% |" in as_table("main", [line])


def test_the_sides_run_in_turn_and_each_begins_once() -> None:
    """What disturbs the machine for a while meets both."""
    order: list[str] = []
    first, second = in_turn(3, lambda: order.append("a"), lambda: order.append("b"))
    assert "".join(order) == "abbaabba"
    assert (len(first.values), len(second.values)) == (3, 3)


@pytest.mark.slow
def test_the_picture_is_drawn(tmp_path: Path) -> None:
    """With both lines in it."""
    from tests.benchmarks.picture import draw

    draw(tmp_path / "cost.svg", QUICK)
    drawn = (tmp_path / "cost.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "#1f6feb" in drawn


@pytest.mark.slow
def test_the_picture_of_frames_is_drawn(tmp_path: Path) -> None:
    """With both lines in it."""
    from tests.benchmarks.frames_picture import draw_frames

    draw_frames(tmp_path / "frames.svg", QUICK)
    drawn = (tmp_path / "frames.svg").read_text()
    assert "#1f6feb" in drawn
    assert "#b3541e" in drawn
