"""Every place that holds events gives the same events to a question."""

import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import DatasetTooNew, FileFormatError, SettingsError
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.query.source import resolved
from bxpull_nb.storage.journal import Journal
from tests.support.events import PORTAL, collected, mid, tens, write
from tests.support.rows import event, frame

EVERY_MID = [mid(n) for n in range(200)]


def mids(source: Any) -> list[str]:
    """Return the mids that a source gives, sorted."""
    parts = [table["mid"].to_pylist() for table in resolved(source).tables(["mid"])]
    return sorted(chain.from_iterable(parts))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same 200 events in every place; the dataset has them of two collectors."""
    home = tmp_path_factory.mktemp("places")
    write(home / "journal", tens(0, 200))
    df = bx.read_events(home / "journal")
    for name in ("a", "b"):
        collected(home / name, home / "dataset", tens(0, 200))
    log = bx.EventLog()
    for batch in tens(0, 200):
        log.extend(batch.records)
    return {
        "log": log,
        "DataFrame": df,
        "Dask": dd.from_pandas(df, npartitions=3),
        "csv": bx.to_csv(df, home / "e.csv"),
        "parquet": str(bx.to_parquet(df, home / "e.parquet")),
        "jsonl": bx.to_jsonl(df, home / "e.jsonl.zst"),
        "journal": home / "journal",
        "Journal": Journal(home / "journal"),
        "dataset": home / "dataset",
        "polars": pl.DataFrame(log),
        "Arrow": pa.table(log),
    }


KINDS = [
    "log",
    "DataFrame",
    "Dask",
    "csv",
    "parquet",
    "jsonl",
    "journal",
    "Journal",
    "dataset",
    "polars",
    "Arrow",
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_comes_once(places: dict[str, Any], kind: str) -> None:
    """From memory and from disk, of one collector or of two."""
    assert mids(places[kind]) == EVERY_MID


@pytest.mark.parametrize("kind", KINDS)
def test_columns_have_the_types_of_events(places: dict[str, Any], kind: str) -> None:
    """All columns of events are there, in order; a dataset knows two more."""
    source = resolved(places[kind])
    assert source.columns[:12] == tuple(EVENT_COLUMNS)
    assert source.columns[12:] == (("portal", "date") if kind == "dataset" else ())
    [chosen] = {str(table.schema) for table in source.tables(["server_time", "params"])}
    assert chosen.startswith("server_time: timestamp[us, tz=UTC]\nparams: ")


def test_a_live_feed_is_a_source() -> None:
    """With the events so far."""
    feed = bx.replay(frame(*(event(n) for n in range(5))), speed=float("inf"))
    feed.wait(5, timeout=10)
    assert len(mids(feed)) == 5
    feed.stop()


def test_folders_that_conditions_exclude_are_not_read(
    places: dict[str, Any], tmp_path: Path
) -> None:
    """A damaged file of another day harms only those who read it."""
    shutil.copytree(places["dataset"], tmp_path / "d")
    damaged = sorted(p for p in (tmp_path / "d").rglob("*.parquet") if "2026-01-03" in str(p))
    assert damaged
    for path in damaged:
        path.write_bytes(b"PAR1 no more")
    source = resolved(tmp_path / "d")
    rest = list(source.tables(["date", "portal"], [("date", "<", "2026-01-03")]))
    assert {str(day) for t in rest for day in t["date"].to_pylist()} == {"2026-01-01", "2026-01-02"}
    assert {name for t in rest for name in t["portal"].to_pylist()} == {PORTAL}
    with pytest.raises(FileFormatError, match="cannot be read as Parquet"):
        list(source.tables(["mid"]))


@pytest.mark.parametrize("value", [7, None, ["a"], {"a": 1}, object()])
def test_other_values_are_no_source(value: Any) -> None:
    """The error names what is."""
    with pytest.raises(SettingsError, match="holds no events: give a feed, a DataFrame, a file"):
        resolved(value)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """A file or a folder."""
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.csv"):
        resolved(tmp_path / "nowhere.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="there is no dataset at"):
        resolved(tmp_path / "empty")


def test_a_dataset_with_foreign_files_is_refused(tmp_path: Path) -> None:
    """By the name of the file."""
    frame(event(1)).to_parquet(tmp_path / "other.parquet")
    with pytest.raises((FileFormatError, DatasetTooNew), match=r"other\.parquet"):
        mids(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda df: df.assign(extra=pd.Series([1, "x"], dtype=object)), "the column extra holds"),
        (lambda df: pd.concat([df, df[["mid"]]], axis=1), "two columns of one name"),
    ],
)
def test_a_frame_that_no_table_can_hold_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    """By the name of the column."""
    with pytest.raises(SettingsError, match=message):
        list(resolved(change(frame(event(1), event(2)))).tables())
