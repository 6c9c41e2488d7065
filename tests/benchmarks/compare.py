"""Measures two revisions in turn, so that a change can show what got faster or slower.

The older revision is checked out into a temporary git worktree, which gets this checkout's
`tests/`: the same benchmarks measure both packages. Each turn of each side is a process.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Sample
from tests.benchmarks.report import number, with_noise

__all__ = ["Compared", "as_table", "compared"]

_HERE = Path(__file__).parents[2]
_TURNS = 5

Lines = list[dict[str, Any]]


@dataclass
class Compared:
    """What both revisions took for one line of the table, turn by turn."""

    what: str
    unit: str
    before: list[float] = field(default_factory=list)
    now: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    """The other side of the benchmark, now over before: 1, but for the noise of the machine."""

    @property
    def ratio(self) -> Sample:
        """Now over before, turn by turn; below 1 the change takes less."""
        return Sample(tuple(self.now)).over(Sample(tuple(self.before)))


def compared(
    revision: str, names: Iterable[str], *, quick: bool, cpu: bool = False
) -> Iterator[Compared]:
    """Yield the lines of the benchmarks, measured at `revision` and in this checkout."""
    how = ["--quick"] if quick else ["--rounds", "1"]
    how += ["--cpu"] if cpu else []
    with _worktree(revision) as older:
        for name in names:
            turns = []
            for turn in range(1 if quick else _TURNS):
                places = [older, _HERE] if turn % 2 == 0 else [_HERE, older]
                came = {place: _measured(place, name, how) for place in places}
                turns.append((came[older], came[_HERE]))
            yield from lines_of(turns)


def lines_of(turns: Sequence[tuple[Lines, Lines]]) -> list[Compared]:
    """Return the lines that both revisions gave in every turn."""
    lines: dict[tuple[str, str], Compared] = {}
    for before, now in turns:
        older = {(line["what"], line["against"]): line for line in before}
        for line in now:
            key = line["what"], line["against"]
            if key in older:
                row = lines.setdefault(key, Compared(line["what"], line["unit"]))
                row.before.append(_middle(older[key]["ours"]))
                row.now.append(_middle(line["ours"]))
                if line["theirs"]:
                    row.control.append(_middle(line["theirs"]) / _middle(older[key]["theirs"]))
    return [row for row in lines.values() if len(row.now) == len(turns)]


def as_table(revision: str, lines: Iterable[Compared]) -> str:
    """Return the lines as a Markdown table."""
    rows = [
        f"| {line.what} | {number(Sample(tuple(line.before)).median)} {line.unit} | "
        f"{number(Sample(tuple(line.now)).median)} {line.unit} | {with_noise(line.ratio)} | "
        f"{with_noise(Sample(tuple(line.control))) if line.control else ''} |"
        for line in lines
    ]
    head = f"| what | {revision} | now | now / {revision} | the other side, likewise |"
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows])


@contextmanager
def _worktree(revision: str) -> Iterator[Path]:
    """Check the revision out into a temporary folder, and remove it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "older")
        _git("worktree", "add", "--detach", str(place), revision)
        try:
            shutil.rmtree(place / "tests")
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_HERE / "tests", place / "tests", ignore=skipped)
            yield place
        finally:
            _git("worktree", "remove", "--force", str(place))


def _git(*command: str) -> None:
    run = subprocess.run(["git", *command], cwd=_HERE, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr.strip())


def _measured(place: Path, name: str, how: Sequence[str]) -> Lines:
    """Return the lines of one benchmark at one place; none where it cannot run there."""
    command = [sys.executable, "-m", "tests.benchmarks", "--json", "--exactly", name, *how]
    own = os.environ | {"PYTHONPATH": str(place)}
    run = subprocess.run(command, cwd=place, env=own, capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip() or "no output").splitlines()[-1]
        sys.stderr.write(f"{name} does not run in {place.name}: {reason}\n")
        return []
    lines: Lines = json.loads(run.stdout)["benchmarks"][name]
    return lines


def _middle(values: Sequence[float]) -> float:
    return Sample(tuple(values)).median
