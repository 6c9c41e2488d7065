"""What an earlier version wrote always opens: the committed files of version 1."""

from pathlib import Path

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.dataset.part_names import folders
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.parquet import SCHEMA_VERSION
from bxpull_nb.storage.journal.record import VERSION

FILES = Path(__file__).resolve().parent / "version1"
MIDS = [f"1795447844{number:016}" for number in (0, 1, 2, 100)]
STEP = 1000  # seconds between two numbered events


@pytest.mark.parametrize(
    "name", ["events.csv", "events.jsonl", "events.parquet", "journal", "dataset"]
)
def test_version_1_opens(name: str) -> None:
    """The very events that were written, literally."""
    events = bx.read_events(FILES / name)
    assert {column: str(kind) for column, kind in events.dtypes.items()} == EVENT_COLUMNS
    assert events["mid"].tolist() == MIDS
    assert events["params"].tolist() == ['{"n":0}', '{"n":1}', '{"n":2}', '{"n":100}']
    assert events["command"].tolist() == ["c0", "c1", "c2", "c0"]
    assert events["lag"].dt.total_seconds().fillna(-1).tolist() == [1000.35, 0.35, -1, 0.35]
    first = pd.Timestamp("2026-01-01", tz="UTC")
    sent = [
        first,
        first + pd.Timedelta(seconds=STEP),
        pd.NaT,
        first + pd.Timedelta(seconds=100_000),
    ]
    pd.testing.assert_series_equal(
        events["server_time"], pd.Series(sent, dtype="datetime64[us, UTC]", name="server_time")
    )
    assert events["error"].isna().all()
    assert events["source"].tolist() == ["channel"] * len(MIDS)


def test_a_dataset_of_version_1_with_dask() -> None:
    """Its partitions say portal and day."""
    lazy = bx.read_events(FILES / "dataset", engine="dask", columns=["portal", "date", "mid"])
    frame = lazy.compute()
    assert frame["portal"].unique().tolist() == ["acme.example:8080"]
    assert frame["date"].tolist() == ["2026-01-01", "2026-01-01", "2026-01-02", "unknown"]
    assert frame["mid"].tolist() == [MIDS[0], MIDS[1], MIDS[3], MIDS[2]]


def test_a_part_of_version_1_by_its_source() -> None:
    """The column is not in the file, and a condition on it counts nevertheless."""
    by_channel = [("source", "==", "channel")]
    found = bx.read_events(FILES / "dataset", where=by_channel, columns=["source", "mid"])
    assert found["mid"].tolist() == MIDS
    assert found["source"].tolist() == ["channel"] * len(MIDS)
    assert len(bx.read_events(FILES / "dataset", where=[("source", "!=", "channel")])) == 0


def test_a_later_version_needs_files_of_its_own() -> None:
    """Whoever raises a version commits what the one before wrote, and reads it here."""
    assert (SCHEMA_VERSION, VERSION) == (2, 1)
    found = folders(Storage(FILES / "dataset").list(), "it")
    assert {folder.date for folder in found} == {"2026-01-01", "2026-01-02", "unknown"}
