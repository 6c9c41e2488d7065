"""Every format written and read: content, damaged files, spreadsheets."""

import csv
import gzip
import logging
import re
import tempfile
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from bxpull_nb.errors import FileFormatError
from bxpull_nb.models import EVENT_COLUMNS, Arrival, BadFrame, Event, Record
from bxpull_nb.storage.export import expand_params, read_events, to_csv, to_jsonl, to_parquet
from tests.support.rows import ARRIVAL, event, frame, records, with_params

NAMES = ["e.csv", "e.csv.gz", "e.csv.zst", "e.jsonl", "e.jsonl.gz", "e.jsonl.zst", "e.parquet"]
PACKED = [name for name in NAMES if name.endswith(("gz", "zst"))]


def hard_rows() -> pd.DataFrame:
    """Rows with everything that makes writing hard."""
    return frame(
        event(1, "=1+1"),
        event(2, "'=1"),
        event(3, 'say "hi",\nplease'),
        with_params(b"-7"),
        with_params(b'{"n": 1,\n "m": [1, 2.50, 1e3]}'),
        BadFrame("\t@here", "+ not JSON", "9", ARRIVAL),
        Event("7", None, "", b'{"a":1}', 1767225600.000001, "client:5", Arrival()),
    )


def write(events: pd.DataFrame, path: Path) -> Path:
    """In the format of the name."""
    kind = path.name.split(".")[1]
    return {"csv": to_csv, "jsonl": to_jsonl, "parquet": to_parquet}[kind](events, path)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_back_the_exact_frame(tmp_path: Path, name: str) -> None:
    """Formulas, quotes, line breaks, numbers as they were spelled, and what is missing."""
    before = hard_rows()
    pd.testing.assert_frame_equal(read_events(write(before, tmp_path / name)), before)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("name", NAMES)
def test_events_without_a_source_came_by_a_channel(tmp_path: Path, name: str) -> None:
    """A DataFrame of an earlier version is one of events still."""
    before = hard_rows()
    older = before.drop(columns="source")
    pd.testing.assert_frame_equal(read_events(write(older, tmp_path / name)), before)


@pytest.mark.parametrize("name", NAMES)
def test_the_format_is_seen_from_the_content(tmp_path: Path, name: str) -> None:
    """A file that was renamed is still what it is."""
    before = hard_rows()
    renamed = write(before, tmp_path / name).rename(tmp_path / "renamed")
    pd.testing.assert_frame_equal(read_events(renamed), before)


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_is_packed(tmp_path: Path, name: str) -> None:
    """By the codec of its suffix."""
    start = write(hard_rows(), tmp_path / name).read_bytes()[:4]
    assert start.startswith(b"\x1f\x8b") if name.endswith("gz") else start == b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize("name", NAMES)
def test_no_events_are_a_file_too(tmp_path: Path, name: str) -> None:
    """With the dtypes of any other."""
    back = read_events(write(frame(), tmp_path / name))
    assert back.dtypes.astype(str).to_dict() == EVENT_COLUMNS
    assert len(back) == 0


@pytest.mark.parametrize("name", ["e.jsonl", "e.parquet"])
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(records, max_size=12))
def test_reading_the_other_formats_gives_an_equal_frame(name: str, rows: list[Record]) -> None:
    """Whatever the events held."""
    with tempfile.TemporaryDirectory() as folder:
        before = frame(*rows)
        pd.testing.assert_frame_equal(read_events(write(before, Path(folder) / name)), before)


def test_many_rows_are_written_in_parts_that_fit(tmp_path: Path) -> None:
    """More than one part of each format, categories the same in all of them."""
    before = frame(*(event(n, "ab"[n > 65_800]) for n in range(66_000)))
    for name in ("e.csv", "e.jsonl", "e.parquet"):
        back = read_events(write(before, tmp_path / name))
        assert back.equals(before)  # assert_frame_equal takes 4 s for this
        pd.testing.assert_frame_equal(back.tail(500), before.tail(500))


def test_json_lines_are_what_the_docs_promise(tmp_path: Path) -> None:
    """Params as JSON inside; as text only where JSON would not come back letter by letter."""
    rows = frame(event(5), with_params(b'{"a":\n1}'), BadFrame("oops", "no", None, ARRIVAL))
    assert to_jsonl(rows, tmp_path / "e.jsonl").read_text().splitlines() == [
        '{"received_at":"2026-01-01T00:00:00.500000Z",'
        '"server_time":"2026-01-01T00:00:00.250000Z","lag":0.25,'
        '"mid":"17954478440000000000000005","channel":"shared","module_id":"crm",'
        '"command":"dealUpdate","params":{"n":5},"sender":null,"transport":"websocket",'
        '"error":null,"source":"channel"}',
        '{"received_at":"2026-01-01T00:00:00.500000Z","server_time":null,"lag":null,"mid":"1",'
        '"channel":"shared","module_id":"m","command":"c","params":null,"sender":null,'
        '"transport":"websocket","error":null,"source":"channel",'
        '"params_text":"{\\"a\\":\\n1}"}',
        '{"received_at":"2026-01-01T00:00:00.500000Z","server_time":null,"lag":null,"mid":null,'
        '"channel":"shared","module_id":null,"command":null,"params":"oops","sender":null,'
        '"transport":"websocket","error":"no","source":"channel"}',
    ]


def test_parquet_says_its_version_and_its_types(tmp_path: Path) -> None:
    """For programs that know nothing of us."""
    path = to_parquet(frame(event(5)), tmp_path / "e.parquet")
    schema = parquet.read_schema(path)
    assert schema.metadata == {b"bxpull_nb.events": b"2"}
    assert str(schema.field("received_at").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("lag").type) == "duration[us]"
    assert parquet.read_metadata(path).row_group(0).column(7).compression == "ZSTD"
    assert pd.read_parquet(path)["lag"].tolist() == [pd.Timedelta(milliseconds=250)]


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    """Rather than half understood."""
    path = to_parquet(frame(event(5)), tmp_path / "e.parquet")
    table = parquet.read_table(path).replace_schema_metadata({"bxpull_nb.events": "3"})
    parquet.write_table(table, path)
    with pytest.raises(FileFormatError, match=r"version 3 .* upgrade bxpull-nb"):
        read_events(path)


def test_parquet_rewritten_elsewhere_is_read(tmp_path: Path) -> None:
    """Without our metadata, text instead of categories, nanoseconds, lag as a number."""
    before = frame(event(5))
    plain = before.assign(lag=before["lag"].astype("int64")).astype(
        {"received_at": "datetime64[ns, UTC]", "command": "str"}
    )
    plain.to_parquet(tmp_path / "e.parquet")
    pd.testing.assert_frame_equal(read_events(tmp_path / "e.parquet"), before)


def test_columns_of_other_types_are_refused(tmp_path: Path) -> None:
    """With the message of Arrow."""
    table = pa.table({name: [[1]] for name in EVENT_COLUMNS})
    parquet.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(FileFormatError, match="but not their types"):
        read_events(tmp_path / "e.parquet")


FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''+1"),
    *(" =1", "\u00a0-1", "\u200b=1", "\ufeff@a", "\x00=1", "\x0b+1", "\n\t =1"),
    *("＝1", "＋1", "－1", "＠a", " ＝1"),  # noqa: RUF001 - full-width signs
    *("a;=1+1", "a\t=1", "a\n=1", "a\r\n@b", "a; ='b'", "x;'=1", ";;\t\t=1", "\t\t'=1;=2"),
]


def cells(content: str, own: str) -> set[str]:
    """Return the cells that readers with different separators see, without their quotes.

    A careful one knows quotes. A careless one splits at its separator, unless it is the file's.
    """
    lines = re.split("\r\n|\r|\n", content)
    found = {cell for row in csv.reader(lines, delimiter=own) for cell in row}
    for sep in {",", ";", "\t"} - {own}:
        found.update(cell for line in lines for cell in line.split(sep))
        found.update(cell for row in csv.reader(lines, delimiter=sep) for cell in row)
    return {cell.strip('"') for cell in found}


_LIVE = re.compile("[\\s\\x00-\\x20\u200b\ufeff]*[=+\\-@＝＋－＠]")  # noqa: RUF001


GUARDED = ("command", "mid", "module_id", "sender")
"""Columns of text that others choose."""


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_computes_no_event(tmp_path: Path, text: str) -> None:
    """Whatever separator it splits at, in every column; the text is itself again when read."""
    row = msgspec.structs.replace(Event("1", None, None, b"{}"), **dict.fromkeys(GUARDED, text))
    for options in ({}, {"sep": ";"}, {"sep": "\t"}, {"excel": True}):
        path = to_csv(frame(row), tmp_path / "e.csv", **options)
        content = path.read_bytes().decode("utf-8-sig")
        assert content.count("'") >= len(GUARDED), options
        own = str(options.get("sep", ";" if "excel" in options else ","))
        assert [cell for cell in cells(content, own) if _LIVE.match(cell)] == [], options
        pd.testing.assert_frame_equal(read_events(path), frame(row))


@pytest.mark.parametrize("text", ["'", "'quoted'", "it's", "", " a=1", "1=1", "a;b", "a;b=1"])
def test_harmless_text_is_written_as_it_is(tmp_path: Path, text: str) -> None:
    """A quote alone is no formula."""
    rows = frame(Event("1", None, text, b"{}"))
    path = to_csv(rows, tmp_path / "e.csv")
    assert f',"{text}",' in path.read_text()
    pd.testing.assert_frame_equal(read_events(path), rows)


def test_raw_text_is_not_touched(tmp_path: Path) -> None:
    """For programs; read with the same word."""
    rows = frame(Event("1", None, "=1", b"-5"), Event("1", None, "'=1", b"{}"))
    path = to_csv(rows, tmp_path / "e.csv", raw=True)
    assert ',"=1","-5",' in path.read_text()
    pd.testing.assert_frame_equal(read_events(path, raw=True), rows)


def test_a_column_that_came_from_an_event_is_harmless_too(tmp_path: Path) -> None:
    """expand_params makes columns of what the portal sent, names as well as values."""
    spread = expand_params(frame(with_params(b'{"a":"=1"}')), prefix="=")
    header, row = to_csv(spread, tmp_path / "e.csv").read_text().splitlines()
    assert header.endswith(',"\'=a"')
    assert row.endswith(',"\'=1"')


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_half_a_last_line_is_left_out_with_a_warning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever the last line is cut, the rows before it are there."""
    whole = frame(event(1), event(2, "a\nb"), BadFrame('x,"y"\n', "no", None, ARRIVAL))
    data = write(whole, tmp_path / name).read_bytes()
    start = len(data) - len(write(whole.iloc[2:], tmp_path / name).read_bytes())
    start += len(write(whole.iloc[:0], tmp_path / name).read_bytes())
    for end in range(start + 1, len(data) - 1):
        (tmp_path / name).write_bytes(data[:end])
        caplog.clear()
        pd.testing.assert_frame_equal(
            read_events(tmp_path / name)[["mid", "params"]], whole.iloc[:2][["mid", "params"]]
        )
        assert f"its 2 whole rows were read, {end - start} bytes were left out" in caplog.text


def test_a_json_line_without_its_line_break_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its closing brace shows it; a CSV row has nothing of the kind."""
    whole = frame(event(1), event(2))
    for name, rows in (("e.jsonl", 2), ("e.csv", 1)):
        path = write(whole, tmp_path / name)
        path.write_bytes(path.read_bytes()[:-1])
        assert len(read_events(path)) == rows
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "e.csv ends within a line" in caplog.text


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_file_that_was_cut_gives_what_can_be_unpacked(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whole rows from the start, in their order, and a warning."""
    whole = frame(*(event(n * 7919 % 100_003) for n in range(50_000)))
    path = write(whole, tmp_path / name)
    path.write_bytes(path.read_bytes()[:-2000])
    back = read_events(path)
    assert 0 < len(back) < len(whole)
    assert back["mid"].tolist() == whole["mid"].tolist()[: len(back)]
    assert f"its {len(back)} whole rows were read" in caplog.text


def test_a_packed_file_without_its_last_bytes_loses_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All lines are there, but more may have been lost: a warning."""
    path = tmp_path / "e.csv.gz"
    path.write_bytes(gzip.compress(to_csv(hard_rows(), tmp_path / "e.csv").read_bytes())[:-8])
    pd.testing.assert_frame_equal(read_events(path), hard_rows())
    assert "its 7 whole rows were read, 0 bytes were left out" in caplog.text


def test_a_quotation_mark_lost_in_the_middle_is_not_half_a_last_line(tmp_path: Path) -> None:
    """Good rows after it must not vanish with a warning."""
    path = to_csv(frame(*map(event, range(5))), tmp_path / "e.csv")
    path.write_text(path.read_text().replace('"dealUpdate"', '"dealUpdate', 1))
    with pytest.raises(FileFormatError, match="a quotation mark is missing after byte 119"):
        read_events(path)


def test_a_bad_json_line_is_named(tmp_path: Path) -> None:
    """By its number, as an editor counts."""
    path = to_jsonl(frame(*map(event, range(5))), tmp_path / "e.jsonl")
    path.write_text(path.read_text().replace('"mid":"17954478440000000000000003"', '"mid":3'))
    with pytest.raises(FileFormatError, match=r"line 4 cannot be read .* take it out"):
        read_events(path)


@pytest.mark.parametrize("content", [b"PAR1 and so on", b'{"a":1}\n', b"{", b"\x1f\x8bzz", b"x"])
def test_other_files_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """Whatever they begin with."""
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"other .*(cannot be read|lacks the columns)"):
        read_events(tmp_path / "other")


def test_a_folder_that_cannot_take_the_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do, in the class and with the number the system gave."""
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="make the folder"):
        to_parquet(frame(), tmp_path / "file" / "e.parquet")
    with pytest.raises(IsADirectoryError, match="add a file name"):
        to_jsonl(frame(), tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bxpull_nb.files.os.open", refuse)
    with pytest.raises(PermissionError, match="Permission denied: choose a folder"):
        to_csv(frame(), tmp_path / "e.csv")
