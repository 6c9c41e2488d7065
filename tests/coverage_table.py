"""Print each wing's branch coverage, and fail below the floor: `python -m tests.coverage_table`.

It reads what `coverage run -m pytest` and `coverage combine` left in the working directory.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from coverage import Coverage

from tests.support.wings import WINGS, wing_of

__all__ = ["main", "table"]

FLOOR = 95.0
"""Percent of statements and branches of the whole package."""
_ABOUT_THE_WHOLE = "__init__"


def main() -> None:
    """Print the table; the exit code is 1 below the floor."""
    wings = measured(report())
    print(table(wings))  # noqa: T201
    reached = percent(sum(wings.values(), Counter()))
    if reached < FLOOR:
        sys.exit(f"{reached:.1f} % is below the floor of {FLOOR:.0f} %.")


def report() -> dict[str, Any]:
    """Return the combined data as the JSON report of coverage.py."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(path))
        found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def measured(report: dict[str, Any]) -> dict[str, Counter[str]]:
    """Return each wing's figures, in the order of the wall."""
    wings = {wing: Counter[str]() for wing in (*WINGS, _ABOUT_THE_WHOLE)}
    for name, file in report["files"].items():
        wings[wing_of(Path(name).resolve())] += Counter(
            {key: value for key, value in file["summary"].items() if isinstance(value, int)}
        )
    return wings


def percent(figures: Counter[str]) -> float:
    """Return how much of the statements and branches was run."""
    covered = figures["covered_lines"] + figures["covered_branches"]
    return 100 * covered / max(figures["num_statements"] + figures["num_branches"], 1)


def table(wings: dict[str, Counter[str]]) -> str:
    """Return a line for each wing and one for the package."""
    rows = [*wings.items(), ("package", sum(wings.values(), Counter()))]
    lines = [f"{'wing':<12}{'statements':>11}{'missed':>8}{'branches':>10}{'missed':>8}{'%':>7}"]
    lines += [
        f"{wing:<12}{figures['num_statements']:>11}{figures['missing_lines']:>8}"
        f"{figures['num_branches']:>10}{figures['missing_branches']:>8}{percent(figures):>7.1f}"
        for wing, figures in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
