"""CSV out and back, and params spread into columns."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from bxpull_nb.errors import FileFormatError
from bxpull_nb.models import Arrival, BadFrame, Record
from bxpull_nb.storage.export import expand_params, read_events, to_csv
from bxpull_nb.storage.export.table import iso_texts
from tests.support.rows import event, frame, records, with_params


def test_the_file_is_what_the_readme_promises(tmp_path: Path) -> None:
    """UTF-8, ISO 8601 in UTC, lag in seconds, params as JSON text."""
    path = to_csv(frame(event(5, "Привет")), tmp_path / "events.csv")
    assert path.read_text(encoding="utf-8") == (
        '"received_at","server_time","lag","mid","channel","module_id","command","params",'
        '"sender","transport","error","source"\n'
        '"2026-01-01T00:00:00.500000Z","2026-01-01T00:00:00.250000Z",0.25,'
        '"17954478440000000000000005","shared","crm","Привет","{""n"":5}",,"websocket",,"channel"\n'
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=12))
def test_reading_it_back_gives_an_equal_frame(rows: list[Record]) -> None:
    """Whatever the events held: quotes, newlines, emptiness, gaps."""
    with tempfile.TemporaryDirectory() as folder:
        before = frame(*rows)
        pd.testing.assert_frame_equal(read_events(to_csv(before, Path(folder) / "e.csv")), before)


def test_a_part_of_a_frame_can_be_written(tmp_path: Path) -> None:
    """A filtered frame, with an index that has gaps."""
    whole = frame(*(event(n, "ab"[n % 2]) for n in range(10)))
    part = whole[whole["command"] == "b"]
    back = read_events(to_csv(part, tmp_path / "part.csv"))
    assert back["mid"].tolist() == part["mid"].tolist()
    assert back["command"].tolist() == ["b"] * 5


def test_a_failed_export_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no half-written one in the folder."""
    path = to_csv(frame(event(1)), tmp_path / "events.csv")
    before = path.read_bytes()

    def full_disk(file: BinaryIO, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv, "CSVWriter", full_disk)
    with pytest.raises(OSError, match="No space left on device: nothing was written"):
        to_csv(frame(event(2)), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_usual_rights_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    """A temporary file is private; the export must not be."""
    path = to_csv(frame(event(1)), tmp_path / "events.csv")
    touched = tmp_path / "touched"
    touched.touch()
    assert path.stat().st_mode == touched.stat().st_mode
    path.chmod(0o640)
    assert to_csv(frame(event(1)), path).stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """With the error of the operating system."""
    with pytest.raises(FileNotFoundError):
        to_csv(frame(event(1)), tmp_path / "nowhere" / "events.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "it lacks the columns received_at"),
        ("", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "cannot be read|lacks the columns"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    """With what is wrong about it."""
    path = tmp_path / "other.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileFormatError, match=message):
        read_events(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(FileNotFoundError, match=r"events\.csv"):
        read_events(tmp_path / "events.csv")


def test_params_are_spread_into_dotted_columns() -> None:
    """Objects become names, lists stay lists, an absent key is a gap."""
    spread = expand_params(
        frame(
            with_params(b'{"id":15,"fields":{"STAGE":"WON","tags":[1,2]}}'),
            with_params(b'{"id":16,"empty":{}}'),
        )
    )
    assert spread["params.id"].tolist() == [15, 16]
    assert spread["params.fields.STAGE"].iloc[0] == "WON"
    assert spread["params.fields.tags"].iloc[0] == [1, 2]
    assert spread["params.empty"].iloc[1] == {}
    assert pd.isna(spread["params.fields.STAGE"].iloc[1])


def test_expanding_keeps_the_rows_and_the_other_columns() -> None:
    """The index too, so that it can be joined again."""
    whole = frame(*(event(n) for n in range(6))).iloc[2:4]
    spread = expand_params(whole)
    assert spread.index.tolist() == [2, 3]
    assert spread["params.n"].tolist() == [2, 3]
    pd.testing.assert_frame_equal(spread.drop(columns="params.n"), whole.drop(columns="params"))


def test_params_that_are_no_object_stay_one_column() -> None:
    """A list, a number, the text of an unreadable message, and PHP's empty map."""
    spread = expand_params(
        frame(
            with_params(b"[1,2]"),
            with_params(b"7"),
            BadFrame("oops", "not JSON", None, Arrival()),
            with_params(b"[]"),
            with_params(b"0"),
        )
    )
    assert spread["params"].iloc[0] == [1, 2]
    assert spread["params"].iloc[1] == 7
    assert spread["params"].iloc[2] == "oops"
    assert spread["params"].iloc[4] == 0


def test_expanding_nothing_gives_nothing() -> None:
    """An empty capture is no error."""
    assert list(expand_params(frame()).columns) == [c for c in frame().columns if c != "params"]


@given(
    st.lists(
        st.none()
        | st.integers(-62_167_219_200_000_000, 253_402_300_799_999_999)
        | st.integers(0, 2_000_000_000_000_000)
    )
)
def test_times_are_spelled_as_a_calendar_would(microseconds: list[int | None]) -> None:
    """Years 0 to 9999, missing ones too, in one chunk or several."""
    half = len(microseconds) // 2
    kind = pa.timestamp("us", "UTC")
    parts = [pa.array(part, pa.int64()) for part in (microseconds[:half], microseconds[half:])]
    column = pa.chunked_array(parts).cast(kind)
    expected = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ").to_pylist()
    assert iso_texts(column).to_pylist() == expected
