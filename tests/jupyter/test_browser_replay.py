"""The panel of a replay in a browser: forward, back, and from the start."""

from pathlib import Path

import pytest

from bxpull_nb.storage.export import to_parquet
from tests.support.hosts import HOSTS, Host, opened
from tests.support.lab_panel import counted, press
from tests.support.rows import played
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CELLS = ["import bxpull_nb as bx", "bx.explore('recorded.parquet')"]
PLACES = "rows => rows.map((row) => Number(row.dataset.n))"


@pytest.mark.parametrize("host", [HOSTS["JupyterLab"], HOSTS["marimo"]], ids=["Lab", "marimo"])
def test_a_replay_goes_back_and_plays_again(host: Host, tmp_path: Path) -> None:
    """The table and the counters show the rows up to the slider's place."""
    to_parquet(played(400), tmp_path / "recorded.parquet")
    with opened(host, tmp_path, CELLS) as tab:
        rows = tab.page.locator(".bxlt-row")
        slider = tab.page.locator("[role=slider]:visible, input[type=range]:visible").first
        eventually(lambda: max(rows.evaluate_all(PLACES), default=-1) == 399)
        assert counted(tab) == 400
        slider.focus()
        slider.press("PageDown")
        eventually(lambda: 0 < counted(tab) < 400)
        eventually(lambda: max(rows.evaluate_all(PLACES), default=-1) == counted(tab) - 1)
        slider.press("Home")
        eventually(lambda: counted(tab) == rows.count() == 0)
        slider.press("End")
        eventually(lambda: max(rows.evaluate_all(PLACES), default=-1) == 399)
        press(tab, "From the start")
        eventually(lambda: counted(tab) == rows.count() == 0)
        press(tab, "Play")
        eventually(lambda: max(rows.evaluate_all(PLACES), default=-1) == 399)
        assert tab.errors == []
