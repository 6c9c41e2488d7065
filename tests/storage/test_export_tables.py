"""Tables that are not of events, by every exporter: dtypes, indexes, and values without a form."""

import csv
import json
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import BxPullError, FileFormatError, SettingsError
from tests.support.rows import event, frame, played
from tests.support.workbook import sheet

Writer = Callable[[Any, Path], Path]

WRITERS: dict[str, Writer] = {
    "e.csv": bx.to_csv,
    "e.csv.gz": bx.to_csv,
    "e.jsonl": bx.to_jsonl,
    "e.parquet": bx.to_parquet,
    "e.xlsx": bx.to_excel,
}

TABLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "summary": bx.summary,
    "rates": lambda df: bx.rates(df, "1s"),
    "lag": lambda df: bx.lag(df, "1s"),
    "gaps": lambda df: bx.gaps(df, timedelta(microseconds=1)),
    "sessions": bx.sessions,
    "since": lambda df: bx.since(df, "2026-09-21T14:13:21Z"),
    "who": bx.who,
    "who without events": lambda df: bx.who(df.iloc[:0]),
    "some columns": lambda df: df[["mid", "command"]],
    "other columns too": lambda df: df.assign(mine=1.5),
    "expanded": bx.expand_params,
    "described": lambda df: df.describe(),
    "pivoted": lambda df: df.pivot_table(
        index="command", columns="channel", values="lag", observed=True, aggfunc="max"
    ),
}


def csv_rows(path: Path) -> list[list[str]]:
    """Return the cells of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"described", "pivoted"}))
def test_parquet_gives_back_every_table(tmp_path: Path, table: str) -> None:
    """Through pandas, with the index and the dtypes."""
    events = played(20).assign(sender=pd.Categorical(["backend"] * 20))
    made = TABLES[table](events)
    back = pd.read_parquet(bx.to_parquet(made, tmp_path / "t.parquet"))
    pd.testing.assert_frame_equal(back, made, check_freq=False)


@pytest.mark.parametrize("table", TABLES)
def test_json_lines_give_back_every_table(tmp_path: Path, table: str) -> None:
    """Through pandas, with times and numbers; JSON has no other types."""
    made = TABLES[table](played(20))
    path = bx.to_jsonl(made, tmp_path / "t.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == len(made)
    columns = [name for name in made.index.names if name] + list(made.columns)
    if lines:
        assert set(columns) <= set(lines[0])
    for name in made.columns:
        got = [line[str(name)] for line in lines]
        if pd.api.types.is_timedelta64_dtype(made[name]):
            expected = made[name].dt.total_seconds().tolist()
        elif pd.api.types.is_numeric_dtype(made[name]):
            expected = made[name].tolist()
        else:
            continue
        numbers = [float("nan") if value is None else float(value) for value in got]
        np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", ["e.csv", "e.xlsx"])
def test_every_table_has_its_columns_and_rows_for_people(
    tmp_path: Path, table: str, name: str
) -> None:
    """Its index included where it says something."""
    made = TABLES[table](played(20))
    path = WRITERS[name](made, tmp_path / name)
    rows = csv_rows(path) if name == "e.csv" else [[c for c, _ in r] for r in sheet(path)[1]]
    assert len(rows) == len(made) + 1
    assert [str(label) for label in rows[0]][-len(made.columns) :] == [*map(str, made.columns)]


def test_rates_keep_their_times(tmp_path: Path) -> None:
    """The index is what the numbers belong to."""
    rows = csv_rows(bx.to_csv(bx.rates(played(20), "1s"), tmp_path / "r.csv"))
    assert rows == [
        ["received_at", "c0", "c1"],
        ["2026-09-21T14:13:20.000000Z", "5", "5"],
        ["2026-09-21T14:13:21.000000Z", "5", "5"],
    ]


def test_a_number_called_lag_is_a_number(tmp_path: Path) -> None:
    """And a duration with any other name is seconds."""
    table = pd.DataFrame({"lag": [100], "received_at": [7], "wait": [pd.Timedelta("250ms")]})
    assert csv_rows(bx.to_csv(table, tmp_path / "t.csv"))[1] == ["100", "7", "0.25"]
    assert json.loads(bx.to_jsonl(table, tmp_path / "t.jsonl").read_text()) == {
        "lag": 100,
        "received_at": 7,
        "wait": 0.25,
    }
    assert [cell for cell, _ in sheet(bx.to_excel(table, tmp_path / "t.xlsx"))[1][1]] == [
        100,
        7,
        0.25,
    ]


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (pd.to_datetime(["2026-01-01T03:00"]), "2026-01-01T03:00:00.000000"),
        (pd.to_datetime(["2026-01-01T03:00+03:00"]), "2026-01-01T00:00:00.000000Z"),
        (pd.to_datetime(["2026-01-01"]).as_unit("s"), "2026-01-01T00:00:00.000000"),
        (
            pd.DatetimeIndex([pd.Timestamp(1, unit="ns")], dtype="datetime64[ns]"),
            "1970-01-01T00:00:00.000000001",
        ),
        ([pd.Timestamp("2026-01-01T03:00", tz="Asia/Tokyo")], "2025-12-31T18:00:00.000000Z"),
        ([datetime(2026, 1, 1), None], "2026-01-01T00:00:00.000000"),
        ([date(2026, 1, 1), None], "2026-01-01"),
        ([time(12, 30), None], "12:30:00.000000"),
        (pd.to_timedelta(["1D"]), "86400"),
        (pd.to_timedelta(["-1ms"]), "-0.001"),
        (pd.to_timedelta([1], unit="ns"), "1e-9"),
        ([timedelta(seconds=1.5), None], "1.5"),
        ([Decimal("1.10")], "1.10"),
        (pd.array([1, None], dtype="Int64"), "1"),
        (pd.array([True, None], dtype="boolean"), "true"),
        (pd.Categorical([3, None]), "3"),
        (pd.Categorical(["a", None]), "a"),
        (pd.cut([1], [0, 2]), "(0, 2]"),
        (pd.PeriodIndex(["2026-01"], freq="M"), "2026-01"),
        (pd.arrays.SparseArray([0, 0, 7]), "0"),
        (np.array([1.5], dtype="float16"), "1.5"),
        ([2**53 + 1, None], "9007199254740993"),
        ([2**70], "1180591620717411303424"),
        ([[1, 2], None], "[1,2]"),
        ([{"a": 1}, {"b": [2.5]}], '{"a":1}'),
        ([1, "a", None], "1"),
        (["a", 1], '"a"'),
        ([True, 1], "true"),
        ([2**53 + 1, 0.5], "9007199254740993"),
        ([pd.Timestamp(0), pd.Timestamp(0, tz="UTC")], '"1970-01-01T00:00:00"'),
        ([np.array([1, 2])], "[1,2]"),
        ([(1, "a")], '[1,"a"]'),
        ([uuid.UUID(int=1)], '"00000000-0000-0000-0000-000000000001"'),
        (
            pd.Series(
                [[1]],
                dtype=pd.ArrowDtype(__import__("pyarrow").list_(__import__("pyarrow").int64())),
            ),
            "[1]",
        ),
        ([None, None], ""),
        ([np.nan, "a"], ""),
    ],
)
def test_every_dtype_has_one_form(tmp_path: Path, values: Any, cell: str) -> None:
    """In CSV; and each other format takes it too."""
    if isinstance(values, list):
        values = pd.Series(values, dtype=object)
    table = pd.DataFrame({"x": values, "y": 1})
    assert csv_rows(bx.to_csv(table, tmp_path / "t.csv", raw=True))[1][0] == cell
    for name, write in WRITERS.items():
        assert write(table, tmp_path / name).stat().st_size > 0
    assert len((tmp_path / "e.jsonl").read_text().splitlines()) == len(table)
    assert len(pd.read_parquet(tmp_path / "e.parquet")) == len(table)


@pytest.mark.parametrize(
    "values",
    [
        [b"bytes"],
        pd.Categorical([b"bytes"]),
        ["\ud800"],
        [object()],
        [{(1, 2): 3}],
        [1j],
        [{"a": b"\xff", "b": object()}],
        [lambda: None],
    ],
    ids=["bytes", "category", "surrogate", "object", "keys", "complex", "nested", "function"],
)
@pytest.mark.parametrize("name", WRITERS)
def test_a_value_without_a_form_is_an_error_with_the_column(
    tmp_path: Path, name: str, values: Any
) -> None:
    """And no file."""
    table = pd.DataFrame({"n": [1], "mine": pd.Series(values, dtype=object)})
    with pytest.raises(SettingsError, match="the column mine") as caught:
        WRITERS[name](table, tmp_path / name)
    assert isinstance(caught.value, BxPullError)
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_holds_itself_is_an_error(tmp_path: Path) -> None:
    """Of ours, with the column."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(SettingsError, match=r"column mine .* holds itself"):
        bx.to_csv(pd.DataFrame({"mine": [endless]}), tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("values", "unit"),
    [([400 * 31_557_600_000_000], "m8[us]"), ([10**12], "M8[s]"), ([-(10**12)], "M8[s]")],
)
def test_what_no_calendar_holds_is_an_error_with_the_column(
    tmp_path: Path, values: list[int], unit: str
) -> None:
    """Digits would be lost, or the year would have five."""
    table = pd.DataFrame({"mine": np.array(values, dtype=unit)})
    for write in (bx.to_csv, bx.to_jsonl):
        with pytest.raises(SettingsError, match="column mine"):
            write(table, tmp_path / "t")


INDEXES: dict[str, tuple[Any, list[str]]] = {
    "counted": (None, ["x"]),
    "numbers": ([5, 5], ["x"]),
    "named numbers": (pd.Index([5, 5], name="id"), ["id", "x"]),
    "texts": (["a", "b"], ["index", "x"]),
    "times": (pd.to_datetime(["2026-01-01", "2026-01-02"]), ["index", "x"]),
    "two levels": (
        pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["n", None]),
        ["n", "index 1", "x"],
    ),
    "the same again": (pd.Index([1, 2], name="x"), ["x"]),
}


@pytest.mark.parametrize("index", INDEXES)
def test_an_index_is_written_where_it_says_something(tmp_path: Path, index: str) -> None:
    """A name, or anything but whole numbers."""
    labels, columns = INDEXES[index]
    table = pd.DataFrame({"x": [1, 2]}, index=labels)
    assert csv_rows(bx.to_csv(table, tmp_path / "t.csv"))[0] == columns
    assert (
        list(json.loads(bx.to_jsonl(table, tmp_path / "t.jsonl").read_text().splitlines()[0]))
        == columns
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called a"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "two columns are called 1"),
        (pd.DataFrame({"x": [1]}, index=pd.Index(["q"], name="x")), "both called x"),
        (pd.DataFrame(index=[1, 2]), "no columns"),
        (pd.Series([1]), "to_frame"),
        (None, "NoneType"),
        ([{"a": 1}], "not a list"),
        ({"a": [1]}, "not a dict"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, table: Any, words: str) -> None:
    """With what to do, and no file."""
    with pytest.raises(SettingsError, match=words):
        WRITERS[name](table, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_several_levels_are_joined(tmp_path: Path) -> None:
    """By dots, as the columns of expand_params."""
    table = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert csv_rows(bx.to_csv(table, tmp_path / "t.csv"))[0] == ["a.1", "a.2"]


def test_a_named_index_of_events_is_not_lost(tmp_path: Path) -> None:
    """It makes them a table of their own."""
    df = frame(event(1)).rename_axis("row")
    assert csv_rows(bx.to_csv(df, tmp_path / "e.csv"))[0][:2] == ["row", "received_at"]


def test_a_table_is_not_read_as_events(tmp_path: Path) -> None:
    """The error names what is missing."""
    table = bx.summary(frame(event(1)))
    for name in ("e.csv", "e.jsonl", "e.parquet"):
        with pytest.raises(FileFormatError, match="not a file of captured events"):
            bx.read_events(WRITERS[name](table, tmp_path / name))


def test_infinity_is_not_lost_in_json(tmp_path: Path) -> None:
    """JSON has no number for it, and null would be no ratio at all."""
    path = bx.to_jsonl(pd.DataFrame({"x": [np.inf, -np.inf, np.nan]}), tmp_path / "t.jsonl")
    assert [json.loads(line)["x"] for line in path.read_text().splitlines()] == [
        "Infinity",
        "-Infinity",
        None,
    ]
