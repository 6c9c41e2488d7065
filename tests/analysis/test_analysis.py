"""Tables of the analysis: a few literal events first, then random ones against plain Python."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb import analysis
from bxpull_nb.analysis.since import at_least
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Record
from tests.support.noon import NOON, at, bad, event
from tests.support.rows import frame, records

FUNCTIONS: list[Callable[[pd.DataFrame], pd.DataFrame]] = [
    analysis.summary,
    analysis.rates,
    analysis.lag,
    lambda df: analysis.lag(df, "1min"),
    analysis.gaps,
    analysis.sessions,
    analysis.who,
    lambda df: analysis.since(df, "2026-01-01T12:00Z"),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_events_give_an_empty_table_of_the_same_dtypes(
    function: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    """So that a cell which ran too early still runs."""
    empty, full = function(frame()), function(frame(event(0, lag=1), event(99, lag=1)))
    assert len(empty) == 0 < len(full)
    assert empty.index.dtype == full.index.dtype
    if function is analysis.rates:  # its columns are the values found
        return
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_events_are_not_changed(function: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Analysis reads."""
    df = frame(event(3, lag=1), event(1, "chat"), bad(2))
    before = df.copy(deep=True)
    function(df)
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(max_examples=15, deadline=None)
@given(rows=st.lists(records, max_size=8))
def test_any_events_can_be_read(
    function: Callable[[pd.DataFrame], pd.DataFrame], rows: list[Record]
) -> None:
    """Gaps in every column, any order; what spans centuries is refused in words."""
    try:
        function(frame(*rows))
    except SettingsError as exc:
        assert "more than 1,000,000 intervals" in str(exc)  # noqa: PT017


def test_the_summary_counts_each_event_name() -> None:
    """The most frequent first; unreadable messages have no name."""
    table = analysis.summary(
        frame(event(0, lag=0.1), event(10, lag=0.3), event(40, lag=0.2), event(5, "chat"), bad(6))
    )
    assert table.to_dict("list") == {
        "module_id": ["crm", "crm", pytest.approx(float("nan"), nan_ok=True)],
        "command": ["deal", "chat", pytest.approx(float("nan"), nan_ok=True)],
        "count": [3, 1, 1],
        "share": [0.6, 0.2, 0.2],
        "first": [at(0), at(5), at(6)],
        "last": [at(40), at(5), at(6)],
        "lag_p50": [0.2, *[pytest.approx(float("nan"), nan_ok=True)] * 2],
        "lag_p95": [0.29, *[pytest.approx(float("nan"), nan_ok=True)] * 2],
        "longest_gap": [pd.Timedelta(seconds=30), pd.NaT, pd.NaT],
    }


def test_the_dtypes_of_the_summary_are_the_documented_ones() -> None:
    """Counts are whole numbers, times have microseconds and a zone."""
    dtypes = analysis.summary(frame(event(0))).dtypes.astype(str).tolist()
    time = "datetime64[us, UTC]"
    expected = ["str", "str", "int64", "float64", time, time, "float64", "float64"]
    assert dtypes == [*expected, "timedelta64[us]"]


def test_rates_count_every_interval() -> None:
    """Empty ones too; the busiest column first, what has no name last of its kind."""
    rows: list[Record] = [event(1), event(2), event(2, "chat"), event(125), bad(126)]
    table = analysis.rates(frame(*rows))
    assert table.index.tolist() == [at(0), at(60), at(120)]
    assert table.index.name == "received_at"
    assert table.to_dict("list") == {"deal": [2, 0, 1], "chat": [1, 0, 0], "(none)": [0, 0, 1]}
    assert set(table.dtypes.astype(str)) == {"int64"}


def test_rates_of_all_events_are_one_column() -> None:
    """And of another column than the command, its values."""
    df = frame(event(1), event(61, "chat", sender="backend"))
    assert analysis.rates(df, by=None).to_dict("list") == {"events": [1, 1]}
    assert analysis.rates(frame(), by=None).columns.tolist() == ["events"]
    assert analysis.rates(df, "2min", by="sender").to_dict("list") == {
        "(none)": [1],
        "backend": [1],
    }


def test_lag_is_in_seconds() -> None:
    """For all events, or in a row for each interval."""
    df = frame(event(0, lag=0.1), event(1, lag=0.3), event(2), event(130, lag=-2.0))
    whole = analysis.lag(df)
    assert whole.index.tolist() == [at(0)]
    assert whole[["count", "p50", "max"]].iloc[0].tolist() == [3, 0.1, 0.3]
    table = analysis.lag(df, "1min")
    assert table["count"].tolist() == [2, 0, 1]
    assert table["p50"].tolist() == [0.2, pytest.approx(float("nan"), nan_ok=True), -2.0]
    assert table.loc[at(0), "p99"] == pytest.approx(0.298)


def test_gaps_are_longer_than_asked_for() -> None:
    """In order of time, although the rows are not."""
    table = analysis.gaps(frame(event(100), event(0), event(30), event(60.5)), "30s")
    assert table.to_dict("list") == {
        "start": [at(30), at(60.5)],
        "end": [at(60.5), at(100)],
        "length": [pd.Timedelta(seconds=30.5), pd.Timedelta(seconds=39.5)],
    }


def test_sessions_are_separated_by_idleness() -> None:
    """With the events, commands and unreadable messages in each."""
    table = analysis.sessions(frame(event(0), event(50, "chat"), bad(60), event(400)), "5min")
    assert table.to_dict("list") == {
        "start": [at(0), at(400)],
        "end": [at(60), at(400)],
        "length": [pd.Timedelta(minutes=1), pd.Timedelta(0)],
        "events": [3, 1],
        "commands": [2, 1],
        "unreadable": [1, 0],
    }


def test_who_sent_what() -> None:
    """The busiest sender first, with what it sends most."""
    user = "client:abc"
    rows = [event(0, "chat", sender=user), event(1, "typing", sender=user), event(2, "chat")]
    table = analysis.who(frame(*rows, event(3, "chat", sender=user)))
    assert table.iloc[0].tolist() == [user, 3, 0.75, 2, "chat", at(0), at(3)]
    assert table["sender"].isna().tolist() == [False, True]
    assert table["top_command"].tolist() == ["chat", "chat"]


def test_who_sent_the_same_number_of_two() -> None:
    """The first to come is the top, in any order of the rows, even unnamed."""
    rows = [event(5, "chat"), event(1, "typing"), event(3, "chat"), event(4, "typing")]
    assert analysis.who(frame(*rows))["top_command"].tolist() == ["typing"]
    assert analysis.who(frame(bad(0), *rows[:2])).iloc[0][["commands", "first"]].tolist() == [
        2,
        at(0),
    ]
    assert analysis.who(frame(bad(0), *rows[:2]))["top_command"].isna().tolist() == [True]


def test_since_a_click_the_new_comes_before_the_usual() -> None:
    """A heartbeat goes on as before; what the click caused was never there."""
    beats = [event(n, "beat") for n in range(-600, 31, 10)]
    click = [event(0.5, "dealAdd"), event(0.7, "dealUpdate"), event(0.9, "dealUpdate")]
    table = analysis.since(frame(*beats, *click), at(0))
    assert table["command"].tolist() == ["dealUpdate", "dealAdd", "beat"]
    assert table["count"].tolist() == [2, 1, 4]
    assert table["first_after"].tolist() == [
        pd.Timedelta(seconds=0.7),
        pd.Timedelta(seconds=0.5),
        pd.Timedelta(0),
    ]
    assert table["per_minute_after"].tolist() == [4, 2, 8]
    assert table["per_minute_before"].tolist() == [0, 0, 6]
    assert table["ratio"].tolist() == [float("inf"), float("inf"), pytest.approx(4 / 3)]
    assert table["chance"].iloc[0] < table["chance"].iloc[1] < 0.05 < table["chance"].iloc[2]


def test_since_may_end_early_and_begin_late() -> None:
    """`within` bounds what comes after, `before` what it is compared with."""
    df = frame(*(event(n) for n in range(-120, 121, 10)))
    table = analysis.since(df, at(0), "1min", within="20s")
    assert table[["count", "per_minute_after", "per_minute_before"]].iloc[0].tolist() == [3, 9, 6]


def test_a_moment_after_everything_caused_nothing() -> None:
    """Not even an error."""
    assert len(analysis.since(frame(event(0)), at(60))) == 0


@pytest.mark.parametrize(
    "moment", [datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T14:00+02:00", at(0)]
)
def test_a_moment_is_any_time_with_a_zone(moment: Any) -> None:
    """As Python, ISO 8601 or pandas write it."""
    table = analysis.since(frame(event(-1), event(1)), moment)
    assert table["first_after"].tolist() == [pd.Timedelta(seconds=1)]


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        ("2026-01-01 12:00", "no time zone"),
        (datetime(2026, 1, 1), "no time zone"),
        ("x", "no time"),
    ],
)
def test_a_moment_without_a_zone_is_refused(moment: Any, message: str) -> None:
    """It would be hours off for most people."""
    with pytest.raises(SettingsError, match=message):
        analysis.since(frame(event(0)), moment)


@pytest.mark.parametrize("span", ["", "soon", "0s", "-5min", timedelta(0), None])
def test_what_is_no_duration_is_refused(span: Any) -> None:
    """With how to write one."""
    with pytest.raises(SettingsError, match=r"longer_than=.* is no duration: write '30s'"):
        analysis.gaps(frame(event(0)), span)


def test_an_unknown_column_is_refused() -> None:
    """With those there are."""
    with pytest.raises(SettingsError, match="by='user' is no column: choose from received_at"):
        analysis.rates(frame(event(0)), by="user")


def test_too_many_intervals_are_refused() -> None:
    """One wrong clock must not take the memory."""
    with pytest.raises(SettingsError, match="more than 1,000,000 intervals"):
        analysis.rates(frame(event(-NOON), event(0)), "1s")


@pytest.mark.parametrize(
    ("count", "expected", "chance"),
    [(0, 3.0, 1.0), (1, 1.0, 0.6321205588285577), (2, 0.1, 0.004678840160444471), (9, 1e-9, 0.0)],
)
def test_the_chance_is_that_of_poisson(count: int, expected: float, chance: float) -> None:
    """1 - P(0) - … - P(count - 1), by hand; tiny ones without rounding to nothing."""
    assert at_least(count, expected) == pytest.approx(chance, rel=1e-12, abs=1e-80)


event_rows = st.lists(
    st.tuples(st.integers(0, 5000), st.sampled_from("abc"), st.none() | st.floats(-5, 5)),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(event_rows)
def test_the_tables_agree_with_plain_python(rows: list[tuple[int, str, float | None]]) -> None:
    """Counts and gaps, counted by hand."""
    df = frame(*(event(second, name, lag=lag) for second, name, lag in rows))
    counts = Counter(name for _, name, _ in rows)
    table = analysis.summary(df)
    assert dict(zip(table["command"], table["count"], strict=True)) == counts
    assert {name: int(n) for name, n in analysis.rates(df).sum().items()} == counts
    assert analysis.lag(df, "1min")["count"].sum() == sum(lag is not None for *_, lag in rows)
    seconds = sorted(second for second, *_ in rows)
    long = [b - a for a, b in pairwise(seconds) if b - a > 30]
    assert analysis.gaps(df)["length"].dt.total_seconds().tolist() == long
    assert analysis.sessions(df, "30s")["events"].sum() == len(rows)
    assert len(analysis.sessions(df, "30s")) == (len(long) + 1 if rows else 0)
