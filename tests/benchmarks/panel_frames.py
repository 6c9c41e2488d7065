"""Frame times of the panel in JupyterLab: `python -m tests.benchmarks.panel_frames --rate 2000`.

Prints the median, the 95th percentile and the worst time between two frames of the page in
milliseconds, and the longest task of its script. A screen of 60 Hz draws a frame every 16.7 ms.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

from tests.support.lab import Lab
from tests.support.lab_page import LabPage

__all__ = ["frame_times", "main"]

_PANEL = """import bxpull_nb as bx
sandbox = bx.Sandbox(demo=True, rate={rate}).start()
portal = bx.connect(sandbox.url, token=sandbox.token)
panel = bx.explore(portal)
panel.start()
panel"""
_MEASURE = """seconds => new Promise((done) => {
    const [times, tasks] = [[], [0]];
    const observer = new PerformanceObserver((list) => {
        for (const task of list.getEntries()) tasks.push(task.duration);
    });
    observer.observe({ type: 'longtask' });
    let last = performance.now();
    const end = last + seconds * 1000;
    const frame = (now) => {
        times.push(now - last);
        last = now;
        if (now < end) requestAnimationFrame(frame);
        else { observer.disconnect(); done([times.slice(1), Math.max(...tasks)]); }
    };
    requestAnimationFrame(frame);
})"""


def frame_times(tab: LabPage, seconds: float) -> tuple[list[float], float]:
    """Return the milliseconds between frames for so long, and the longest task over 50 ms."""
    times, longest = tab.page.evaluate(_MEASURE, seconds)
    return times, longest


def _show_everything(tab: LabPage) -> None:
    """Run the cell, and open an event next to the moving table and chart."""
    tab.run_all()
    tab.page.locator(".bxlt-row").nth(9).wait_for()
    tab.page.locator(".bxlt-row").nth(5).click()
    tab.page.locator(".bxed-tree").wait_for()


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2000.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Lab(Path(folder) / "lab") as lab,
        lab.browsing(),
        lab.open(lab.write("frames.ipynb", [_PANEL.format(rate=asked.rate)])) as tab,
    ):
        _show_everything(tab)
        before = int(tab.ask("len(panel.feed)"))
        times, longest = frame_times(tab, asked.seconds)
        came = int(tab.ask("len(panel.feed)")) - before
    cuts = quantiles(times, n=20)
    sys.stdout.write(
        f"{came / asked.seconds:,.0f} events/s: frames median {cuts[9]:.1f} ms, "
        f"95 % {cuts[18]:.1f} ms, worst {max(times):.1f} ms; longest task {longest:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
