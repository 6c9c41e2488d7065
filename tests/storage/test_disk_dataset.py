"""A dataset whose disk fails, whose journal is cut, and whose parts are many."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.models import Arrival, BadFrame, Batch
from bxpull_nb.storage.dataset import Uploader
from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.journal import Cursor, journal_files, read_on
from bxpull_nb.storage.journal.record import PREAMBLE, scan
from tests.support.events import (
    DAY_ONE,
    PORTAL,
    batch,
    collected,
    content_of,
    mid,
    names,
    rows_of,
    tens,
    write,
    write_part,
)


def test_a_part_that_the_disk_does_not_take_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may notice only when it is synced; nothing appears, and the next try succeeds."""
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        sync(descriptor)

    storage = Storage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(errors.DatasetNotWritable, match="Input/output error"):
            storage.put("a/b", b"content")
    assert list(tmp_path.rglob("*b*")) == []
    storage.put("a/b", b"content")
    assert storage.read("a/b") == b"content"


def test_the_disk_has_the_names_of_new_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut may take back a folder whose parent was not synced."""
    synced: list[str] = []
    monkeypatch.setattr(
        "bxpull_nb.storage.dataset.storage.sync_folder", lambda folder: synced.append(folder.name)
    )
    Storage(tmp_path / "ds").put("portal/date/part", b"")
    assert synced == ["date", "portal", "ds", tmp_path.name]


@pytest.mark.parametrize("cut", [10, 64, 100])
def test_a_journal_that_was_cut_before_the_cursor_is_uploaded_again(
    tmp_path: Path, cut: int
) -> None:
    """A power cut took what was uploaded, and other events grew in its place."""
    folder = tmp_path / "journal"
    collected(folder, tmp_path / "ds", [batch([n]) for n in range(100)])
    (path,) = journal_files(folder)
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate([found.end for found in scan(data)][-cut - 1])
    uploader = Uploader(folder, tmp_path / "ds", PORTAL)
    assert uploader.pending() > 0
    write(folder, [batch([n]) for n in range(100, 300)])
    Uploader(folder, tmp_path / "ds", PORTAL).upload()
    assert bx.read_events(tmp_path / "ds")["mid"].tolist() == [mid(n) for n in range(300)]


def test_cursors_of_earlier_and_later_versions_are_read(tmp_path: Path) -> None:
    """The check sum is a further element of the same array."""

    class Earlier(msgspec.Struct, array_like=True):
        number: int
        offset: int
        created_us: int

    write(tmp_path, tens(0, 20))
    end = read_on(tmp_path, Cursor(), 1 << 20).end
    earlier = msgspec.json.decode(msgspec.json.encode(end), type=Earlier)
    again = msgspec.json.decode(msgspec.json.encode(earlier), type=Cursor)
    assert (again.number, again.offset, again.checksum) == (end.number, end.offset, 0)
    assert read_on(tmp_path, again, 1 << 20).batches == []


def test_files_may_vanish_while_pending_bytes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread removes them once they are uploaded, after they were listed."""
    write(tmp_path / "a", tens(0, 40), rotate_bytes=2000)
    files = journal_files(tmp_path / "a")
    size = sum(path.stat().st_size for path in files[1:])
    files[0].unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter(files))
    assert Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).pending() == size


def torn(number: int, seconds: float) -> pd.DataFrame:
    """The row of a torn message, which arrived so long after the first of 2026."""
    arrival = Arrival(int((DAY_ONE + seconds) * 1e6), "shared", "websocket")
    return rows_of(Batch([BadFrame("{", "torn", mid(number), arrival)]))


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_torn_message_gives_way_to_the_readable_one(
    tmp_path: Path, engine: Any, compacted: bool
) -> None:
    """Which lies in another folder, since a torn message has no server time."""
    write_part(tmp_path / "ds", torn(3, 3100))
    write_part(tmp_path / "ds", torn(50, 50_100))
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 10))
    if compacted:
        bx.compact(tmp_path / "ds")
    events = bx.read_events(tmp_path / "ds", engine=engine, columns=["mid", "error"])
    found = events if engine == "pandas" else events.compute()
    assert found["mid"].value_counts().to_dict() == {mid(n): 1 for n in [*range(10), 50]}
    assert found[found["error"].notna()]["mid"].tolist() == [mid(50)]
    unknown = bx.read_events(tmp_path / "ds", where=[("date", "==", "unknown")])
    assert unknown["mid"].tolist() == [mid(50)]


def test_a_torn_message_of_another_week_is_another_one(tmp_path: Path) -> None:
    """The server counted from the beginning again."""
    write_part(tmp_path / "ds", torn(3, 7 * 86_400))
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 10))
    assert bx.read_events(tmp_path / "ds")["mid"].tolist().count(mid(3)) == 2


@pytest.mark.slow
def test_tiny_parts_are_read_and_merged_in_little_memory(tmp_path: Path) -> None:
    """1 500 of them, merged as they are read, take 12 MB more than 50; they have taken 180."""
    few, many = (_grown(tmp_path / str(count), count) for count in (50, 1500))
    assert many - few < 20_000_000


def _grown(folder: Path, parts: int) -> int:
    """Return by how many bytes a process grows that reads and merges so many tiny parts."""
    row = rows_of(batch([0]))
    for n in range(parts):
        content = content_of(row.assign(mid=pd.Series([mid(n)], dtype="str")))
        path = folder / part_name(Folder(PORTAL, "2026-01-01"), "a", 1, n, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    grown = subprocess.run(
        [sys.executable, "-c", _COMPACT, str(folder), str(parts)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert len(names(folder)) == 1
    return int(grown)


_COMPACT = """
import sys
from tests.support.peak_memory import peak_bytes
import bxpull_nb as bx
import pandas, pyarrow.dataset, pyarrow.parquet
before = peak_bytes()
assert len(bx.read_events(sys.argv[1])) == int(sys.argv[2])
bx.compact(sys.argv[1])
print(peak_bytes() - before)
"""


@pytest.mark.parametrize("started", [b"", PREAMBLE[:3], PREAMBLE])
def test_a_file_that_a_full_disk_left_empty_moves_no_cursor(tmp_path: Path, started: bytes) -> None:
    """The next file was made, and its header did not fit: what follows is uploaded alone."""
    folder = tmp_path / "journal"
    collected(folder, tmp_path / "ds", tens(0, 40))
    (folder / "000002.bxj").write_bytes(started)
    assert Uploader(folder, tmp_path / "ds", PORTAL).upload() == 0
    (folder / "000002.bxj").unlink()
    write(folder, tens(40, 80), rotate_bytes=1)
    assert Uploader(folder, tmp_path / "ds", PORTAL).upload() == 40
    assert len(bx.read_events(tmp_path / "ds")) == 80


def test_a_folder_in_place_of_a_part_is_an_error(tmp_path: Path) -> None:
    """Nothing is put into it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(errors.DatasetNotWritable):
        Storage(tmp_path).put("a/b", b"content")
    assert list((tmp_path / "a").rglob("*")) == [tmp_path / "a" / "b"]


def test_a_store_that_renames_over_no_name_takes_a_part_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the same part is written again; other content under its name is refused."""
    store = MemoryFileSystem()
    store.store.clear()

    def mv(source: str, target: str) -> None:
        if store.exists(target):
            raise OSError("Failure")
        store.pipe_file(target, store.cat_file(source))
        store.rm_file(source)

    monkeypatch.setattr("bxpull_nb.storage.dataset.storage._ALL_OR_NOTHING", set())
    monkeypatch.setattr(MemoryFileSystem, "mv", staticmethod(mv))
    storage = Storage(f"memory://{tmp_path.name}")
    storage.put("a/b", b"content")
    storage.put("a/b", b"content")
    assert (storage.list(), storage.read("a/b")) == ({"a/b": 7}, b"content")
    with pytest.raises(errors.DatasetNotWritable, match="Failure"):
        storage.put("a/b", b"another")
    assert [name for name in store.store if ".b." in name] == []
