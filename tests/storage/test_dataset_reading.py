"""A dataset read: by pandas or Dask, all of it or a part, as if one collector had written it."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.api import replay
from bxpull_nb.models import EVENT_COLUMNS, BadFrame, Batch
from bxpull_nb.storage.dataset import partitions
from bxpull_nb.storage.dataset.storage import Storage
from tests.support.events import (
    DAY_ONE,
    PORTAL,
    batch,
    collected,
    content_of,
    mid,
    name_of,
    names,
    rows_of,
    tens,
    write,
    write_part,
)


def test_a_large_folder_becomes_several_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day too large for memory is cut by mids: each event, and all its duplicates, in one."""
    monkeypatch.setattr(partitions, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(partitions, "_ROWS", 20)
    shuffled = tens(0, 80)
    random.Random(0).shuffle(shuffled)
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 80), part_bytes=2000)
    collected(tmp_path / "b", tmp_path / "ds", shuffled, part_bytes=2000)
    bad = BadFrame("torn", "why", None, batch([0]).records[0].arrival)
    write_part(tmp_path / "ds", rows_of(Batch([bad])))
    lazy = bx.read_events(tmp_path / "ds", engine="dask", columns=["mid"])
    assert lazy.npartitions > 5
    assert sorted(lazy["mid"].dropna().compute()) == [mid(n) for n in range(80)]
    assert len(bx.read_events(tmp_path / "ds")) == len(lazy) == 81


WHERE: list[tuple[list[Any], list[int]]] = [
    ([("date", "==", "2026-01-02")], list(range(87, 173))),
    ([("date", ">", "2026-01-01"), ("command", "==", "c1")], list(range(91, 200, 5))),
    ([("command", "in", ["c0", "c1"]), ("mid", "<", mid(7))], [0, 1, 5, 6]),
    ([("command", "not in", ["c0", "c1", "c2", "c3"]), ("mid", "<", mid(10))], [4, 9]),
    ([("server_time", "<", pd.Timestamp(DAY_ONE + 2500, unit="s", tz="UTC"))], [0, 1, 2]),
    ([("received_at", "<", "2026-01-01T02:30:01")], list(range(10))),
    ([("lag", "<=", "350ms")], list(range(9, 200, 10))),
    ([("portal", "!=", PORTAL)], []),
]


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize(("where", "numbers"), WHERE, ids=lambda value: str(value)[:40])
def test_conditions(tmp_path: Path, engine: Any, where: list[Any], numbers: list[int]) -> None:
    """Of folders, of files and of rows; with either engine."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 200))
    found = bx.read_events(tmp_path / "ds", engine=engine, columns=["mid"], where=where)
    frame = found if engine == "pandas" else found.compute()
    assert frame["mid"].tolist() == [mid(n) for n in numbers]


def test_a_condition_on_the_arrival_is_about_the_first_duplicate(tmp_path: Path) -> None:
    """A later duplicate does not replace it."""
    collected(tmp_path / "a", tmp_path / "ds", [batch([0], late=1)])
    collected(tmp_path / "b", tmp_path / "ds", [batch([0], late=60)])
    assert len(bx.read_events(tmp_path / "ds", where=[("lag", ">", "30s")])) == 0
    assert len(bx.read_events(tmp_path / "ds", where=[("lag", "<", "30s")])) == 1


def test_folders_that_are_not_wanted_are_not_opened(tmp_path: Path) -> None:
    """The files of another day may even be damaged."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 200))
    for name in names(tmp_path / "ds"):
        if "2026-01-02" not in name:
            (tmp_path / "ds" / name).write_bytes(b"no parquet")
    assert len(bx.read_events(tmp_path / "ds", where=[("date", "==", "2026-01-02")])) == 86


def test_both_engines_give_the_same_events(tmp_path: Path) -> None:
    """With the dtypes of `EVENT_COLUMNS`, and the partitions' columns when asked for."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 200))
    columns = [*EVENT_COLUMNS, "portal", "date"]
    frame = bx.read_events(tmp_path / "ds", columns=columns)
    lazy = bx.read_events(tmp_path / "ds", engine="dask", columns=columns)
    computed = lazy.compute().reset_index(drop=True)
    assert [str(kind) for kind in lazy.dtypes] == [*EVENT_COLUMNS.values(), "category", "category"]
    texts = {name: "str" for name, kind in lazy.dtypes.items() if str(kind) == "category"}
    pd.testing.assert_frame_equal(computed.astype(texts), frame.astype(texts))
    assert frame["date"].unique().tolist() == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_dataset_is_replayed(tmp_path: Path) -> None:
    """As a journal is."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 50))
    feed = replay(tmp_path / "ds", speed=float("inf"))
    feed.wait(50, timeout=10)
    pd.testing.assert_frame_equal(feed.df, bx.read_events(tmp_path / "ds"))


def test_memory_is_a_place_too() -> None:
    """For a test of your own."""
    url = "memory://bxpull-test/ds"
    with pytest.raises(FileNotFoundError, match="there is no dataset at memory://bxpull-test/ds"):
        bx.read_events(url)
    Storage(url).put(name_of(rows_of(batch([0]))), content_of(rows_of(batch([0]))))
    assert bx.read_events(url)["mid"].tolist() == [mid(0)]


def test_a_foreign_file(tmp_path: Path) -> None:
    """Named, with what to do; hidden ones are of no concern."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 20))
    (tmp_path / "ds" / "_SUCCESS").write_bytes(b"")
    (tmp_path / "ds" / ".unfinished.parquet").write_bytes(b"")
    assert len(bx.read_events(tmp_path / "ds")) == 20
    (tmp_path / "ds" / "notes.txt").write_text("mine")
    with pytest.raises(errors.FileFormatError, match=r"holds notes\.txt.* Take it out"):
        bx.read_events(tmp_path / "ds")


def test_a_folder_of_journals_is_no_dataset(tmp_path: Path) -> None:
    """Nothing is to be taken out of it."""
    write(tmp_path / "journals" / "acme", tens(0, 10))
    with pytest.raises(errors.FileFormatError, match=r"read that by its own folder, acme\.$"):
        bx.read_events(tmp_path / "journals")


@pytest.mark.parametrize("cut", [0, 3, 500, -1])
@pytest.mark.parametrize("engine", ["pandas", "dask"])
def test_a_torn_part(tmp_path: Path, cut: int, engine: Any) -> None:
    """Named, with what to do."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 20))
    (name,) = names(tmp_path / "ds")
    path = tmp_path / "ds" / name
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(errors.FileFormatError, match=f"{Path(name).stem}.*Copy it again"):
        len(bx.read_events(tmp_path / "ds", engine=engine))


def test_a_newer_schema(tmp_path: Path) -> None:
    """Nothing is guessed: upgrade."""
    newer = _with_version(tmp_path, "3")
    Storage(tmp_path / "ds").put(name_of(rows_of(batch([0]))), newer)
    with pytest.raises(errors.DatasetTooNew, match=r"version 3 of the schema.*upgrade bxpull-nb"):
        bx.read_events(tmp_path / "ds")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"engine": "spark"}, "choose from 'pandas' and 'dask'"),
    ({"columns": ["nope"]}, "'nope' is no column of a dataset"),
    ({"where": [("command", "=", "a")]}, "is no condition: write a list"),
    ({"where": [("nope", "==", "a")]}, "'nope' is no column"),
    ({"where": ["command"]}, "is no condition"),
    ({"where": [("received_at", "<", "soon")]}, "'soon' is no time"),
]


@pytest.mark.parametrize(("how", "words"), REFUSED)
def test_what_cannot_be_asked(tmp_path: Path, how: dict[str, Any], words: str) -> None:
    """A SettingsError that names the choices."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 10))
    with pytest.raises(errors.SettingsError, match=words):
        bx.read_events(tmp_path / "ds", **how)


def test_a_file_takes_no_conditions(tmp_path: Path) -> None:
    """It is read whole; pandas selects."""
    bx.to_csv(rows_of(batch([0])), tmp_path / "e.csv")
    with pytest.raises(errors.SettingsError, match="are for a dataset"):
        bx.read_events(tmp_path / "e.csv", columns=["mid"])


@pytest.mark.parametrize("url", ["gopher://x/y", "nope://x"])
def test_an_unknown_kind_of_address(url: str) -> None:
    """The error names the known kinds."""
    with pytest.raises(errors.SettingsError, match="s3://BUCKET/PATH"):
        bx.read_events(url)


def test_no_dataset_there(tmp_path: Path) -> None:
    """An empty folder is none."""
    with pytest.raises(FileNotFoundError, match="there is no dataset at"):
        bx.read_events(tmp_path)


def _with_version(folder: Path, version: str) -> bytes:
    from pyarrow import parquet

    path = folder / "newer.parquet"
    path.write_bytes(content_of(rows_of(batch([0]))))
    table = parquet.read_table(path)
    parquet.write_table(table.replace_schema_metadata({"bxpull_nb.events": version}), path)
    return path.read_bytes()
