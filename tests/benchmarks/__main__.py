"""`python -m tests.benchmarks [--only NAME] [--quick] [--cpu] [--json] [--compare REV] …`."""

import argparse
import json
import sys
import time
from pathlib import Path

from tests.benchmarks.measure import Line, Size, clock
from tests.benchmarks.registry import registered
from tests.benchmarks.report import as_json, as_markdown, markdown_row

__all__ = ["main"]


def main() -> None:
    """Run the benchmarks; the table, or JSON, on standard output, progress on the other."""
    asked = _arguments()
    size = Size(asked.quick, asked.rounds)
    if asked.cpu:
        clock.set(time.process_time)
    if asked.compare:
        from tests.benchmarks.compare import as_table, compared

        names = [benchmark.name for benchmark in registered(asked.only, exactly=asked.exactly)]
        rows = list(compared(asked.compare, names, quick=asked.quick, cpu=asked.cpu))
        sys.stdout.write(f"{as_table(asked.compare, rows)}\n")
        return
    if asked.picture:
        from tests.benchmarks.picture import draw

        draw(asked.picture, size)
        return
    if asked.frames_picture:
        from tests.benchmarks.frames_picture import draw_frames

        draw_frames(asked.frames_picture, size)
        return
    results: dict[str, list[Line]] = {}
    for benchmark in registered(asked.only, exactly=asked.exactly):
        results[benchmark.name] = list(benchmark.run(size))
        for line in results[benchmark.name]:
            sys.stderr.write(f"{markdown_row(line)}\n")
    lines = [line for some in results.values() for line in some]
    table = json.dumps(as_json(results), indent=1) if asked.json else as_markdown(lines)
    sys.stdout.write(f"{table}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="those whose name contains it")
    parser.add_argument("--exactly", default="", metavar="NAME", help="the one of this name")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each side runs")
    parser.add_argument(
        "--compare", metavar="REV", help="measure this git revision and the checkout in turn"
    )
    parser.add_argument(
        "--cpu", action="store_true", help="CPU time of the process: for a busy machine"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all")
    parser.add_argument("--json", action="store_true", help="every round, for programs")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw cost against rows instead (SVG, PNG)"
    )
    parser.add_argument(
        "--frames-picture", type=Path, metavar="FILE", help="draw cost against messages a frame"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
