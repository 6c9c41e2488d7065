"""Lines as a table for people, and as JSON for programs."""

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from tests.benchmarks.measure import Line, Sample

__all__ = ["as_json", "as_markdown", "markdown_row", "number", "table_head", "with_noise"]

_LIBRARIES = ("pandas", "pyarrow", "msgspec", "websockets")


def table_head() -> str:
    """The head of the Markdown table."""
    return "| what | here | against | there | ratio | goal | |\n|---|---:|---|---:|---:|---|---|"


def markdown_row(line: Line) -> str:
    """A line as a row of the table; noise in brackets, half the range of the rounds."""
    there = "" if line.theirs is None else f"{_figure(line.theirs)} {line.unit}"
    ratio = "" if line.figure is line.ours else with_noise(line.figure)
    ours = f"{_figure(line.ours)} {line.unit}"
    cells = (line.what, ours, line.against, there, ratio, line.goal.text, _verdict(line))
    return f"| {' | '.join(cells)} |"


def as_markdown(lines: Iterable[Line]) -> str:
    """The whole table, and on what it was measured."""
    on = ", ".join(f"{name} {value}" for name, value in _platform().items())
    rows = "\n".join(markdown_row(line) for line in lines)
    return f"{table_head()}\n{rows}\n\nMedians of runs in turn; ± is half their range. {on}."


def as_json(results: Mapping[str, Iterable[Line]]) -> dict[str, Any]:
    """Everything that was measured, round by round."""
    return {
        "platform": _platform(),
        "benchmarks": {
            name: [_line_as_json(line) for line in lines] for name, lines in results.items()
        },
    }


def _line_as_json(line: Line) -> dict[str, Any]:
    return {
        "what": line.what,
        "against": line.against,
        "unit": line.unit,
        "ours": line.ours.values,
        "theirs": line.theirs.values if line.theirs else None,
        "figure": line.figure.median,
        "goal": line.goal.text,
        "met": line.met,
    }


def _verdict(line: Line) -> str:
    if line.met:
        return "yes"
    off = line.figure.median / line.goal.limit
    return f"no: {off:.2f} of it" if off < 1 else f"no: {off:.2f} times it"


def with_noise(sample: Sample) -> str:
    """Write the median, and half the range of the rounds as a part of it."""
    return f"{number(sample.median)} ± {sample.spread:.0%}"


def _figure(sample: Sample) -> str:
    return number(sample.median)


def number(value: float) -> str:
    """Write the number in three digits, or whole from a hundred on."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _platform() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    return found | {name: version(name) for name in _LIBRARIES}
