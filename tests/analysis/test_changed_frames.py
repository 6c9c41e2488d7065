"""DataFrames of events that people changed: converted, or an error that names the column."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import BxPullError, SettingsError
from tests.support.rows import played

Change = Callable[[pd.DataFrame], Any]

TABLES: dict[str, Callable[[Any], Any]] = {
    "summary": bx.summary,
    "rates": lambda df: bx.rates(df, "1s"),
    "lag": lambda df: bx.lag(df, "1s"),
    "lag of all": bx.lag,
    "gaps": lambda df: bx.gaps(df, timedelta(microseconds=1)),
    "sessions": bx.sessions,
    "since": lambda df: bx.since(df, "2026-09-21T14:13:21Z"),
    "who": bx.who,
}


def tz_converted(df: pd.DataFrame) -> pd.DataFrame:
    """In the user's zone, and in nanoseconds."""
    moscow = df["received_at"].dt.tz_convert("Europe/Moscow").dt.as_unit("ns")
    return df.assign(received_at=moscow, server_time=df["server_time"].dt.tz_convert("Asia/Tokyo"))


def mixed_zones(df: pd.DataFrame) -> pd.DataFrame:
    """Concatenated from two zones: an object column."""
    df, halves = df.copy(), len(df) // 2
    times = [*df["received_at"][:halves], *df["received_at"][halves:].dt.tz_convert("Asia/Tokyo")]
    return df.assign(received_at=pd.Series(times, dtype=object))


EQUAL: dict[str, Change] = {
    "zone and unit": tz_converted,
    "two zones": mixed_zones,
    "time as the index": lambda df: df.set_index("received_at"),
    "time as the index too": lambda df: df.set_index("received_at", drop=False),
    "two levels": lambda df: df.set_index(["received_at", "command"]),
    "a repeated index": lambda df: df.set_axis([0] * len(df)),
    "concatenated": lambda df: pd.concat([df.iloc[:7], df.iloc[7:]]).set_axis(
        [*range(7), *range(len(df) - 7)]
    ),
    "texts": lambda df: df.astype({"command": "str", "module_id": object, "sender": "string"}),
    "lag in nanoseconds": lambda df: df.assign(lag=df["lag"].astype("timedelta64[ns]")),
    "reordered": lambda df: df[df.columns[::-1]],
    "more columns": lambda df: df.assign(mine=range(len(df))),
    "names of numpy": lambda df: df.set_axis(np.array(df.columns, dtype=object), axis=1),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", EQUAL)
def test_a_changed_frame_gives_the_same_table(change: str, table: str) -> None:
    """As of the frame before it was changed."""
    df = played(20)
    pd.testing.assert_frame_equal(TABLES[table](EQUAL[change](df)), TABLES[table](df))


REFUSED: dict[str, tuple[Change, str]] = {
    "naive times": (lambda df: df.assign(received_at=df["received_at"].dt.tz_localize(None)), ""),
    "a naive index": (
        lambda df: df.set_index(df["received_at"].dt.tz_localize(None)).drop(columns="received_at"),
        "",
    ),
    "times as text": (lambda df: df.assign(received_at=df["received_at"].astype("str")), ""),
    "times as numbers": (lambda df: df.assign(received_at=range(len(df))), ""),
    "one naive time": (
        lambda df: df.assign(
            received_at=pd.Series(
                [df["received_at"][0].tz_localize(None), *df["received_at"][1:]], dtype=object
            )
        ),
        "",
    ),
    "no times": (lambda df: df.drop(columns="received_at"), ""),
    "two of them": (lambda df: pd.concat([df, df[["received_at"]]], axis=1), ""),
    "a series": (lambda df: df["received_at"], "to_frame"),
    "a list": (lambda df: df.to_dict("records"), "not a list"),
    "nothing": (lambda _: None, "not a NoneType"),
    "a path": (lambda _: "events.csv", "not a str"),
    "columns of two levels": (lambda df: pd.concat({"a": df}, axis=1), ""),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", REFUSED)
def test_a_frame_that_cannot_be_understood_is_refused(change: str, table: str) -> None:
    """By the name of the column, and with what to do."""
    made, words = REFUSED[change]
    with pytest.raises(SettingsError, match=words or "received_at"):
        TABLES[table](made(played(20)))


@pytest.mark.parametrize(
    ("column", "value", "table"),
    [
        ("lag", 0.25, "summary"),
        ("lag", "0.25", "lag"),
        ("command", 7, "summary"),
        ("command", b"x", "who"),
        ("sender", 1.5, "who"),
        ("error", True, "sessions"),
    ],
)
def test_values_of_another_kind_are_refused(column: str, value: object, table: str) -> None:
    """A table of them would be wrong, or a library's error."""
    df = played(20)
    df = df.assign(**{column: pd.Series([value] * len(df), dtype=object)})
    with pytest.raises(SettingsError, match=f"column {column} holds"):
        TABLES[table](df)


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_frame_of_no_dtypes_is_one_of_events(table: str) -> None:
    """As `pd.DataFrame(columns=...)` makes it."""
    empty = played(0)
    pd.testing.assert_frame_equal(
        TABLES[table](pd.DataFrame(columns=empty.columns)), TABLES[table](empty)
    )


def test_a_replay_takes_a_changed_frame() -> None:
    """And refuses one it cannot play, at the call."""
    df = played(5)
    feed = bx.replay(tz_converted(df).set_index("received_at").iloc[:, ::-1], float("inf"))
    feed.wait(5, timeout=10)
    pd.testing.assert_frame_equal(feed.df, df)
    with pytest.raises(SettingsError, match=r"lacks received_at, .*: replay\(\) needs"):
        bx.replay(df[["mid"]])
    with pytest.raises(BxPullError, match="no time zone"):
        bx.replay(REFUSED["naive times"][0](df))


@pytest.mark.parametrize("change", ["zone and unit", "time as the index", "a repeated index"])
def test_figures_take_changed_frames(change: str) -> None:
    """Each of them."""
    df = EQUAL[change](played(20))
    for draw in (bx.plots.rate, bx.plots.lag, bx.plots.hours, bx.plots.gaps):
        assert draw(df).axes
    with pytest.raises(SettingsError, match=r"plots.rate\(\): .*received_at"):
        bx.plots.rate(REFUSED["naive times"][0](df.reset_index()))


def test_a_figure_names_what_its_log_entries_lack() -> None:
    """Not only the events are a table of the user's."""
    with pytest.raises(SettingsError, match="lacks at, kind: happenings"):
        bx.plots.gaps(played(20), pd.DataFrame({"x": [1]}))
