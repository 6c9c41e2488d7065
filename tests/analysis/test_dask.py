"""The analysis of a Dask DataFrame equals that of pandas, to the last digit."""

import re
from collections.abc import Callable
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import EVENT_COLUMNS

TABLES: dict[str, Callable[[Any], pd.DataFrame]] = {
    "summary": bx.summary,
    "rates": lambda df: bx.rates(df, "10s"),
    "rates of all": lambda df: bx.rates(df, "1min", by=None),
    "rates by sender": lambda df: bx.rates(df, "1h", by="sender"),
    "lag": bx.lag,
    "lag by interval": lambda df: bx.lag(df, "30s"),
    "gaps": lambda df: bx.gaps(df, "5s"),
    "sessions": lambda df: bx.sessions(df, "20s"),
    "who": bx.who,
    "since": lambda df: bx.since(df, "2026-01-01T00:00:05Z", "3s"),
    "since, for a while": lambda df: bx.since(df, "2026-01-01T00:00:30Z", "1min", within="20s"),
    "since before all": lambda df: bx.since(df, "2025-12-31T00:00Z"),
    "since after all": lambda df: bx.since(df, "2027-01-01T00:00Z"),
}
START = 1_767_225_600_000_000  # 2026-01-01, in microseconds


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    """Few events: a pool of threads costs more than it brings."""
    with dask.config.set(scheduler="synchronous"):
        yield


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Events of (microsecond of arrival, lag in microseconds, command, is it unreadable)."""
    arrival, lag, command, bad = zip(*rows, strict=True) if rows else ((), (), (), ())
    received = pd.to_datetime(pd.Series(arrival, dtype="Int64") + START, unit="us", utc=True)
    columns: dict[str, Any] = dict.fromkeys(EVENT_COLUMNS)
    columns |= {
        "received_at": received.astype("datetime64[us, UTC]"),
        "lag": pd.to_timedelta(pd.Series(lag, dtype="Int64"), unit="us"),
        "command": command,
        "module_id": [None if one is None else f"m{len(one) % 2}" for one in command],
        "sender": ["backend" if one == "a" else None for one in command],
        "error": ["torn" if one else None for one in bad],
    }
    made = pd.DataFrame(columns, index=range(len(rows))).astype(EVENT_COLUMNS)
    made["server_time"] = made["received_at"] - made["lag"]
    return made


def partitioned(df: pd.DataFrame, parts: int) -> dd.DataFrame:
    """Return the same rows in so many parts, each with categories of its own."""
    cuts = np.array_split(np.arange(len(df)), parts)
    pieces = [df.iloc[cut].copy() for cut in cuts]
    for piece in pieces:
        for name in ("command", "module_id", "sender"):
            piece[name] = piece[name].cat.remove_unused_categories()
    return dd.from_map(lambda piece: piece, pieces, meta=df.iloc[:0])


def assert_equal(df: pd.DataFrame, parts: int) -> None:
    """Compare every table of pandas with that of Dask, whose rows come in another order."""
    split = partitioned(df.sample(frac=1, random_state=parts, ignore_index=True), parts)
    for name, table in TABLES.items():
        pd.testing.assert_frame_equal(table(split), table(df), check_exact=True, obj=name)


moments = st.integers(0, 90_000_000) | st.just(5_000_000) | st.none()
lags = st.integers(-3_000_000, 10_000_000_000) | st.sampled_from([0, 1, 20_000]) | st.none()
rows = st.tuples(moments, lags, st.sampled_from(["a", "bb", "c", None]), st.booleans())


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.lists(rows, min_size=1, max_size=60), st.integers(1, 5))
def test_random_events(events: list[tuple[Any, ...]], parts: int) -> None:
    """In any order, with missing values, ties and negative lags."""
    assert_equal(frame(events), parts)


def test_many_events_over_days() -> None:
    """Names of every rate: gaps longer and shorter than a stretch, bins with many lags."""
    random = np.random.default_rng(0)
    arrival = np.concatenate(
        [
            random.integers(0, 3 * 86_400_000_000, 4000),  # two a minute
            random.integers(0, 60_000_000, 4000),  # all within one stretch
            np.arange(3000) * 100_000,  # at regular intervals
            np.arange(5) * 40_000_000_000,  # seldom
        ]
    )
    names = ["a"] * 4000 + ["bb"] * 4000 + ["c"] * 3000 + ["dd"] * 5
    lag = random.lognormal(10, 1, len(arrival)).astype("int64")
    df = frame(list(zip(arrival.tolist(), lag.tolist(), names, [False] * len(names), strict=True)))
    gaps = bx.summary(df).set_index("command")["longest_gap"]
    assert gaps["c"] == pd.Timedelta("100ms")
    assert gaps["dd"] == pd.Timedelta("40000s")
    assert_equal(df, 7)


def test_no_events() -> None:
    """Tables without rows, with the same columns and dtypes."""
    assert_equal(frame([]), 2)


def test_only_the_columns_that_are_needed_are_asked_for() -> None:
    """So that a reader can leave out the params."""
    asked: list[list[str]] = []
    df = frame([(1, 2, "a", False), (3, 4, "bb", True)])

    def part(_number: int, columns: list[str]) -> pd.DataFrame:
        asked.append(list(columns))
        return df[columns]

    split = dd.from_map(part, [0, 1], columns=list(df.columns), meta=df.iloc[:0])
    bx.gaps(split)
    bx.summary(split)
    assert {frozenset(columns) for columns in asked} == {
        frozenset({"received_at"}),
        frozenset({"module_id", "command", "received_at", "lag"}),
    }


@pytest.mark.parametrize("name", [name for name in TABLES if not name.startswith("rates")])
def test_missing_columns_are_named(name: str) -> None:
    """For either engine: the error names the columns that are needed."""
    df = frame([(1, 2, "a", False)])[["server_time", "mid"]]
    for either in (df, dd.from_pandas(df, npartitions=1)):
        with pytest.raises(
            SettingsError, match=r"the DataFrame lacks .*received_at.*\(columns=\.\.\.\)"
        ):
            TABLES[name](either)


FOR_PANDAS: dict[str, Callable[[Any], object]] = {
    "to_csv()": lambda df: bx.to_csv(df, "x.csv"),
    "expand_params()": bx.expand_params,
    "plots.rate()": bx.plots.rate,
    "plots.gaps()": bx.plots.gaps,
    "plots.hours()": bx.plots.hours,
    "plots.lag()": bx.plots.lag,
    "replay()": bx.replay,
}


@pytest.mark.parametrize("name", FOR_PANDAS)
def test_functions_for_pandas_refuse_dask(name: str) -> None:
    """The error names the alternative."""
    split = partitioned(frame([(1, 2, "a", False)]), 1)
    with pytest.raises(SettingsError, match=re.escape(f"{name} needs a frame of pandas: choose")):
        FOR_PANDAS[name](split)


def test_too_many_intervals_in_all() -> None:
    """Each part has few, all together have more than a table can hold."""
    split = partitioned(frame([(0, 1, "a", False), (2_000_000_000_000, 1, "a", False)]), 2)
    for table in (bx.rates, bx.lag):
        with pytest.raises(SettingsError, match="into more than 1,000,000 intervals"):
            table(split, every="1s")
