"""The bar of a replay in the panel, without a browser."""

import math

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.jupyter.widgets.figures import duration
from bxpull_nb.portal import Portal
from tests.support.rows import played
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("comms")


def test_a_live_feed_has_no_bar(portal: Portal) -> None:
    """Its buttons are Start and Stop."""
    panel = Explorer(portal)
    assert panel.replay_bar is None
    assert (panel.start_button.description, portal.feed().replay) == ("Start", None)
    panel.close()


def test_it_plays_pauses_and_goes_forward() -> None:
    """By the panel's buttons, the slider, and the speed."""
    feed = bx.replay(played(50), speed=1e-3)
    panel = Explorer(feed, repaint=0.01)
    bar = panel.replay_bar
    assert bar is not None
    assert feed.replay is not None
    assert (panel.start_button.description, panel.stop_button.description) == ("Play", "Pause")
    eventually(lambda: bar.speed.label == "0.001\N{MULTIPLICATION SIGN}")
    eventually(lambda: 0 < len(feed) < 50)
    panel.stop_button.click()
    eventually(lambda: not feed.running)
    seen = len(feed)
    panel.start_button.click()
    eventually(lambda: feed.running)
    assert len(feed) == seen
    bar.place.value = 0.5
    eventually(lambda: len(feed) > 20)
    assert len(feed) < 50
    bar.speed.value = math.inf
    eventually(lambda: len(feed) == 50)
    eventually(lambda: "50 of 50" in bar.text.value)
    assert bar.place.value == 1.0
    panel.close()


def test_it_goes_back_also_in_a_pause_and_begins_again_after_the_end() -> None:
    """The table has the rows up to the place; a DataFrame held before stays."""
    recorded = played(50)
    feed = bx.replay(recorded, speed=math.inf)
    panel = Explorer(feed, repaint=0.01)
    bar = panel.replay_bar
    assert bar is not None
    assert feed.replay is not None
    eventually(lambda: "50 of 50" in bar.text.value)
    held = feed.df
    bar.place.value = 0.5
    half = len(feed)
    assert 20 < half < 30
    pd.testing.assert_frame_equal(feed.df, recorded[:half], check_categorical=False)
    pd.testing.assert_frame_equal(held, recorded)
    assert (feed.stats.events, feed.running) == (half, False)
    eventually(lambda: f"{half} of 50" in bar.text.value)
    bar.first_button.click()
    assert (len(feed), feed.replay.position) == (0, 0)
    eventually(lambda: panel.table.empty == "The recording starts here. Press Play.")
    bar.place.value = 1.0
    assert len(feed) == 50
    bar.speed.value = 60.0
    panel.start_button.click()
    eventually(lambda: feed.running and 0 < len(feed) < 50)
    panel.close()
    feed.stop()


def test_flags_of_marks_come_back_where_the_replay_reaches_them() -> None:
    """After a step back a mark further on is not drawn, until its row has come again."""
    feed = bx.replay(played(50), speed=math.inf)
    replay = feed.replay
    assert replay is not None
    replay.seek(0)
    feed.mark("begin")
    replay.seek(replay.length)
    feed.mark("end")
    panel = Explorer(feed, repaint=60)
    flags = panel.table._flags
    panel.paint()
    assert list(flags) == [(0, "begin"), (50, "end")]
    replay.seek(0)
    panel.paint()
    assert list(flags) == [(0, "begin")]
    replay.seek(replay.length)
    panel.paint()
    assert list(flags) == [(0, "begin"), (50, "end")]
    assert [label for _us, label in panel.chart._flags] == ["begin", "end"]
    panel.close()


def test_a_speed_set_in_code_is_shown() -> None:
    """Also one that the list does not have."""
    feed = bx.replay(played(50), speed=1e-3)
    panel = Explorer(feed, repaint=0.01)
    assert feed.replay is not None
    bar = panel.replay_bar
    assert bar is not None
    feed.replay.speed = 7e-4
    eventually(lambda: bar.speed.label == "0.0007\N{MULTIPLICATION SIGN}")
    panel.close()
    feed.stop()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 01 s"),
        (42725.505, "11 h 52 min"),
        (90_000, "1 d 01 h"),
        (1e9, "11\u202f574 d 01 h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds: float, text: str) -> None:
    """No microseconds, no `0 days`."""
    assert duration(seconds) == text
