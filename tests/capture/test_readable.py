"""Events in a cell: one readable line each, nothing interpreted, nothing secret."""

import math
import pickle

import pandas as pd

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.readable import found_events
from bxpull_nb.models.visible import visible
from tests.support.rows import played

SECRET = "0123456789abcdef0123456789abcdef"


def recorded(events: pd.DataFrame) -> Feed:
    """A feed that has played the events."""
    feed = bx.replay(events, speed=math.inf)
    feed.wait(len(events), timeout=10)
    return feed


def odd(params: str, command: str = "dealMove") -> pd.DataFrame:
    """Three events, the last with this command and these params."""
    events = played(3)
    events["command"] = events["command"].astype("str")
    events.loc[2, ["command", "params"]] = [command, params]
    return events


def test_what_wait_returns_is_shown_as_lines() -> None:
    """With time, channel, command and params; it is a DataFrame like any other."""
    feed = bx.replay(odd('{"title":"\\u0418\\u0432\\u0430\\u043d"}'), speed=math.inf)
    found = feed.wait(3, timeout=10)
    moment = found["received_at"].iloc[-1]
    last = repr(found).splitlines()[2].split("  ")
    assert last == [
        f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}",
        found["channel"].iloc[-1],
        "dealMove",
        '{"title":"Иван"}',
    ]
    assert repr(found).endswith(f"[3 rows x {len(found.columns)} columns]")
    assert list(found.columns) == list(feed.df.columns)
    assert type(found.head(1)) is pd.DataFrame
    assert type(feed.df) is pd.DataFrame
    again = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(again, feed.df)


def test_the_feed_shows_its_newest_events_as_lines() -> None:
    """Nothing is interpreted, as mathematics neither; what cannot be seen is named."""
    html = recorded(odd('{"x":"<b>$a$</b>"}', "turn\u202eed"))._repr_html_()
    assert "&lt;b&gt;$a$&lt;/b&gt;" in html
    assert "turn\u2039U+202E\u203aed" in html
    assert html.startswith("<div class='mathjax_ignore'>")
    assert html.count("<tr>") == 4


def test_a_channel_id_is_masked() -> None:
    """In lines of either form: service messages hold them, and outputs are saved."""
    feed = recorded(odd(f'{{"channel":"{SECRET}:{SECRET}"}}', "channel_expire"))
    for shown in (feed._repr_html_(), repr(found_events(feed.df))):
        assert SECRET not in shown
        assert "channel_expire" in shown


def test_long_tables_and_long_params_are_cut() -> None:
    """Ten lines from either end; 160 characters of params."""
    events = played(50)
    events.loc[0, "params"] = '{"x":"' + "long " * 200 + '"}'
    lines = repr(found_events(events)).splitlines()
    assert len(lines) == 22
    assert lines[10].split() == ["…"] * 4
    assert len(lines[0].split("  ", 3)[3]) == 160


def test_joiners_stay() -> None:
    """Emoji and Arabic words need them; a mark that turns the text around is named."""
    assert visible("👩\u200d💻") == "👩\u200d💻"
    assert visible("a\u2066b\x1b") == "a\u2039U+2066\u203ab\u2039U+001B\u203a"
