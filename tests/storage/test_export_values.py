"""Values that exporters once lost or changed without a word, and columns that no reader took."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from tests.support.workbook import sheet

array: Any = pd.array  # the stubs do not know the dtypes of Arrow

WRITERS: dict[str, Callable[[Any, Path], Path]] = {
    "e.csv": bx.to_csv,
    "e.jsonl": bx.to_jsonl,
    "e.parquet": bx.to_parquet,
    "e.xlsx": bx.to_excel,
}


def objects(*values: Any) -> pd.DataFrame:
    """Return a table of one column of objects."""
    return pd.DataFrame({"x": pd.Series(values, dtype=object)})


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (
            objects(date(2026, 1, 1), datetime(2026, 1, 1, 10, 30)),
            ["2026-01-01", "2026-01-01T10:30:00"],
        ),
        (objects(time(12, 30, tzinfo=UTC), None), ["12:30:00+00:00", None]),
        (objects([1.5, float("inf"), float("nan")]), [[1.5, "Infinity", None]]),
        (objects({"a": [-float("inf")]}), [{"a": ["-Infinity"]}]),
        (objects("a", float("inf")), ["a", "Infinity"]),
        (objects([np.array([np.inf, 1])]), [[["Infinity", 1.0]]]),
        (objects([timedelta(seconds=-1.5)]), [[-1.5]]),
        (objects(Decimal("Infinity"), Decimal(1)), ["Infinity", "1"]),
        (
            objects(np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]")),
            [["2026-01-01T00:00:00.000000000", None]],
        ),
        (objects("a", np.timedelta64(1500, "ms")), ["a", 1.5]),
        (objects(np.datetime64("2026-01-01"), None), ["2026-01-01T00:00:00.000000", None]),
        (
            pd.DataFrame({"x": array(["a"], dtype=pd.ArrowDtype(pa.string_view()))}),
            ["a"],
        ),
        (
            pd.DataFrame(
                {"x": array([7], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.int64())))}
            ),
            [7],
        ),
    ],
)
def test_a_value_is_neither_lost_nor_changed(
    tmp_path: Path, table: pd.DataFrame, values: list[Any]
) -> None:
    """In JSON lines, where each has a form; and every exporter takes the column."""
    lines = bx.to_jsonl(table, tmp_path / "t.jsonl").read_text().splitlines()
    assert [json.loads(line)["x"] for line in lines] == values
    for name, write in WRITERS.items():
        write(table, tmp_path / name)
    assert len(pd.read_parquet(tmp_path / "e.parquet")) == len(table)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (pd.PeriodIndex(["2026-01", "2026-02"], freq="M"), ["2026-01", "2026-02"]),
        (pd.interval_range(0, 2), ["(0, 1]", "(1, 2]"]),
        (pd.Series([2**53 + 1, None], dtype=object), [2**53 + 1, None]),
        (pd.Categorical([2**53 + 1, None]), [2**53 + 1, None]),
        (
            array([Decimal("1.10"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
            [Decimal("1.10"), None],
        ),
        (
            array(["a", "b"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
            ["a", "b"],
        ),
        (array([None, None], dtype=pd.ArrowDtype(pa.null())), [None, None]),
        (array(["a", None], dtype="string"), ["a", None]),
    ],
)
def test_pandas_reads_the_same_values_from_parquet(
    tmp_path: Path, values: Any, read: list[Any]
) -> None:
    """A period became one of 1970, an id lost a digit, and others could not be read at all."""
    path = bx.to_parquet(pd.DataFrame({"x": values}), tmp_path / "t.parquet")
    found = pd.read_parquet(path)["x"]
    assert found.astype(object).where(found.notna(), None).tolist() == list(read)


def test_a_dtype_of_texts_comes_back_from_parquet(tmp_path: Path) -> None:
    """As the one that pandas has for its name."""
    table = pd.DataFrame({"x": array(["a", None], dtype="string[python]")})
    assert pd.read_parquet(bx.to_parquet(table, tmp_path / "t.parquet"))["x"].dtype == "string"


@pytest.mark.parametrize("name", WRITERS)
def test_half_a_character_in_a_name_is_an_error(tmp_path: Path, name: str) -> None:
    """Of ours, for columns and for the index."""
    column = pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object))
    for table in (column, pd.DataFrame({"a": [1]}).rename_axis("\ud800")):
        with pytest.raises(SettingsError, match=r"name of the column '\\ud800' has half a"):
            WRITERS[name](table, tmp_path / name)


def test_an_index_without_a_name_finds_one_that_is_free(tmp_path: Path) -> None:
    """The column called index keeps its name."""
    table = pd.DataFrame({"index": [1]}, index=["u"])
    path = bx.to_jsonl(table, tmp_path / "t.jsonl")
    assert json.loads(path.read_text()) == {"index 0": "u", "index": 1}
    assert bx.to_parquet(table, tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.xlsx"])
def test_a_time_that_no_calendar_holds_names_its_column(tmp_path: Path, name: str) -> None:
    """Also in a workbook, which is written column by column."""
    table = pd.DataFrame({"a": [1], "mine": np.array(["20000-01-01"], dtype="datetime64[s]")})
    with pytest.raises(SettingsError, match="the column mine holds a time outside"):
        WRITERS[name](table, tmp_path / name)


def test_numbers_that_excel_would_round_are_texts(tmp_path: Path) -> None:
    """It shows 15 digits; a column is of one kind."""
    table = pd.DataFrame({"id": array([10**15, 5], dtype="Int64"), "n": [10**15 - 1, 1 - 10**15]})
    lines = bx.to_csv(table, tmp_path / "t.csv", excel=True).read_text("utf-8-sig").splitlines()
    assert lines[1:] == [
        '"\'1000000000000000";999999999999999',
        '"\'5";-999999999999999',
    ]
    rows = sheet(bx.to_excel(table, tmp_path / "t.xlsx"))[1]
    assert rows[1:] == [
        [("1000000000000000", "s"), (999999999999999, "n")],
        [("5", "s"), (-999999999999999, "n")],
    ]


def test_decimals_have_the_mark_of_the_file(tmp_path: Path) -> None:
    """With a point Excel would make a date of them."""
    table = objects(Decimal("1.10"), None)
    path = bx.to_csv(table, tmp_path / "t.csv", excel=True)
    assert path.read_text("utf-8-sig").splitlines()[1] == '"1,10"'


def test_a_workbook_that_failed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows wait in a file of the system's folder for such, which others may look into."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = pd.DataFrame({"a": ["secret"], "mine": np.array(["20000"], dtype="datetime64[s]")})
    with pytest.raises(SettingsError):
        bx.to_excel(table, tmp_path / "t.xlsx")
    assert list(tmp_path.iterdir()) == []
