"""The panel's texts: right numbers, escaped words, no secret."""

import msgspec
import pandas as pd
import pytest

from bxpull_nb.capture.feed import FeedStats
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.models import LogEntry
from bxpull_nb.models.source_stats import SourceStats

XSS = "<img src=x onerror=alert(1)>"
STATS = FeedStats(
    state="connected",
    events=12345,
    bad_frames=0,
    duplicates=0,
    reconnects=2,
    audits=0,
    recovered=0,
    rate=24.84,
    last_lag=0.0061,
    lag_p50=0.0061,
    lag_p95=0.0414,
    transports=("websocket",),
    error=None,
)


def stats(**changes: object) -> FeedStats:
    """The statistics, with other values."""
    return msgspec.structs.replace(STATS, **changes)


@pytest.mark.parametrize(
    "state", ["idle", "connecting", "connected", "reconnecting", "failed", "stopped"]
)
def test_every_state_has_a_sign_and_words(state: str) -> None:
    """Colour is never the only sign."""
    light = status_html.state_light(stats(state=state))
    assert (state if state != "idle" else "not started") in light
    assert any(sign in light for sign in "○◐●✕")
    assert ("by websocket" in light) == (state == "connected")


def test_the_counters_show_the_numbers() -> None:
    """The rare ones only when they are not zero."""
    shown = status_html.counters(STATS)
    for part in ("12\u202f345", "24.8", "<b>2</b>", "6 ms", "41 ms"):
        assert part in shown
    assert "unreadable" not in shown
    busy = status_html.counters(stats(duplicates=3, bad_frames=1, lag_p50=None))
    for part in ("3</b>", "duplicates dropped", "1</b>", "unreadable", "…"):
        assert part in busy


def test_other_sources_than_channels_have_a_counter_each() -> None:
    """With what each is doing; none where there are only channels."""
    sources = {
        "offline": SourceStats(state="running", events=1234),
        "chat": SourceStats(state="failed", text="the scope im is missing"),
    }
    shown = status_html.counters(stats(sources=sources))
    for part in ("1\u202f234</b>", "offline · running", "0</b>", "chat · failed"):
        assert part in shown
    assert "offline" not in status_html.counters(STATS)


def test_foreign_words_are_escaped() -> None:
    """A portal's name, a server's mode, an error text."""
    lost = LogEntry(at_us=0, kind="lost", channel=XSS, transport=XSS, text=XSS)
    texts = [
        status_html.headline(XSS),
        status_html.message(XSS),
        status_html.message(XSS, error=True),
    ]
    cause = {
        "count": 1,
        "first_after": pd.Timedelta(1),
        "per_minute_after": 1.0,
        "per_minute_before": 0.0,
    }
    causes = pd.DataFrame([{"module_id": XSS, "command": XSS, **cause}])
    texts += [status_html.log_entries([lost]), status_html.after_mark(XSS, causes)]
    for text in texts:
        assert "<img" not in text
        assert "&lt;img" in text


def test_an_error_is_marked_by_a_word() -> None:
    """For users who do not see the colour; without a text nothing is shown."""
    assert "<b>Error.</b> it broke" in status_html.message("it broke", error=True)
    assert status_html.message("") == status_html.message("", error=True) == ""
