"""Files that people open in a spreadsheet, and files that one has saved."""

import csv
import io
import logging
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import FileFormatError, SettingsError
from bxpull_nb.models import EVENT_COLUMNS, Event
from tests.support.rows import ARRIVAL, event, frame, with_params
from tests.support.workbook import sheet

MID = "17954478440000000000000005"


def rewritten(path: Path, change: Callable[[list[list[str]]], Any], **form: Any) -> Path:
    """Read a CSV file as text, change its rows, and write it as a spreadsheet does."""
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")), delimiter=","))
    change(rows)
    text = io.StringIO()
    csv.writer(text, delimiter=form.get("sep", ","), lineterminator="\r\n").writerows(rows)
    path.write_bytes(text.getvalue().encode(form.get("encoding", "utf-8")))
    return path


def saved(tmp_path: Path, change: Callable[[list[list[str]]], Any], **form: Any) -> Path:
    """Return a file of three events that a spreadsheet saved."""
    path = bx.to_csv(frame(event(5), event(6), event(7)), tmp_path / "e.csv")
    return rewritten(path, change, **form)


def put(column: str, value: str) -> Callable[[list[list[str]]], None]:
    """Return a change of one cell of the second row of events."""

    def change(rows: list[list[str]]) -> None:
        rows[2][rows[0].index(column)] = value

    return change


def test_a_file_for_excel_has_its_mark_separator_and_decimals(tmp_path: Path) -> None:
    """Without the mark Excel shows `РЎРґРµР»РєР°` for `Сделка`."""
    path = bx.to_csv(frame(event(5, "Сделка")), tmp_path / "e.csv", excel=True)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf" + b'"received_at";"server_time";"lag";')
    assert path.read_text(encoding="utf-8-sig").splitlines()[1] == (
        '"2026-01-01T00:00:00.500000Z";"2026-01-01T00:00:00.250000Z";"0,25";'
        f'"\'{MID}";"shared";"crm";"Сделка";"{{""n"":5}}";;"websocket";;"channel"'
    )


def test_a_file_for_english_excel_has_commas(tmp_path: Path) -> None:
    """As its list separator is one; decimals have a point."""
    path = bx.to_csv(frame(event(5)), tmp_path / "e.csv", excel=True, sep=",")
    assert f',0.25,"\'{MID}",' in path.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    "text",
    [
        *("007", "1E5", "1-2", "12:30", "TRUE", "MAR1", "1.10", "0,5", "янв 1"),
        *("$5", "€ 5", "(5)", "１２", "#N/A", "#REF!"),  # noqa: RUF001
    ],
)
def test_text_that_looks_like_a_number_survives(tmp_path: Path, text: str) -> None:
    """A `'` keeps it text; reading takes it away."""
    df = frame(Event(MID, None, text, b"1E5", None, None, ARRIVAL))
    path = bx.to_csv(df, tmp_path / "e.csv", excel=True)
    assert f'"\'{text}"' in path.read_text(encoding="utf-8-sig")
    pd.testing.assert_frame_equal(bx.read_events(path), df)


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_that_a_spreadsheet_saved_whole_is_read(
    tmp_path: Path, sep: str, encoding: str
) -> None:
    """With its separator, without the quotes that are not needed, with its line breaks."""
    path = saved(tmp_path, lambda rows: None, sep=sep, encoding=encoding)  # noqa: ARG005
    back = bx.read_events(path)
    pd.testing.assert_frame_equal(back, frame(event(5), event(6), event(7)))


def test_columns_in_another_order_are_read_by_name(tmp_path: Path) -> None:
    """In each of the formats that have an order."""
    before = frame(event(5), event(6), event(7))

    def reverse(rows: list[list[str]]) -> None:
        for row in rows:
            row.reverse()

    path = saved(tmp_path, reverse)
    pd.testing.assert_frame_equal(bx.read_events(path), before)
    before[before.columns[::-1]].to_parquet(tmp_path / "e.parquet")
    pd.testing.assert_frame_equal(bx.read_events(tmp_path / "e.parquet"), before)


def test_empty_rows_at_the_end_are_no_events(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A spreadsheet writes those that were used and emptied."""
    path = saved(tmp_path, lambda rows: rows.extend([[""] * len(rows[0])] * 2))
    pd.testing.assert_frame_equal(bx.read_events(path), frame(event(5), event(6), event(7)))
    assert "2 empty rows were left out" in caplog.text


def test_ids_that_keep_their_quote_are_read(tmp_path: Path) -> None:
    """A program that saved the file for Excel without its mark."""
    df = frame(event(5), event(6))
    path = bx.to_csv(df, tmp_path / "e.csv", excel=True, sep=",")
    path.write_bytes(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    pd.testing.assert_frame_equal(bx.read_events(path), df)


@pytest.mark.parametrize(
    "mid",
    [
        *("1.79545E+25", "1,79545E+25", "1.7E+25", "2E+25", "1.79544784400000E+025", "1.8e25"),
        *("17954478440000000000000005.0", "17954478440000000000000005,00", "########"),
        *("17,954,478,440,000,000,000,000,005", "17\u00a0954\u00a0478", "17.954.478"),
    ],
)
def test_an_id_that_became_a_number_is_refused(tmp_path: Path, mid: str) -> None:
    """With its row, and what to do."""
    path = saved(tmp_path, put("mid", mid))
    with pytest.raises(FileFormatError, match=r"in row 3 the column mid .*rounded.*excel=True"):
        bx.read_events(path)


def test_ids_that_became_numbers_are_refused_in_parquet(tmp_path: Path) -> None:
    """As a program makes them that reads CSV without types."""
    frame(event(5)).assign(mid=np.array([1.795e25])).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(FileFormatError, match="mid holds numbers"):
        bx.read_events(tmp_path / "e.parquet")


def test_ids_that_may_be_rounded_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A spreadsheet keeps 15 digits; the rest are zeros in every row."""

    def change(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[3] = "17954478440000000000000000"

    assert len(bx.read_events(saved(tmp_path, change))) == 3
    assert "every mid ends in 11 zeros" in caplog.text
    caplog.clear()
    bx.read_events(saved(tmp_path, put("mid", "17954478440000000000000000")))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("received_at", "01.01.2026 0:00"),
        ("received_at", "00:00.5"),
        ("received_at", "2026-01-01 00:00:00"),
        ("server_time", "1/1/2026 12:00 AM"),
        ("server_time", "46023.5"),
        ("server_time", "46023"),
        ("lag", "янв.25"),
        ("lag", "00:00:00"),
        ("lag", "1 234,5"),
    ],
)
def test_a_cell_that_was_reformatted_is_refused(tmp_path: Path, column: str, value: str) -> None:
    """By its row, column and content, in words of ours."""
    path = saved(tmp_path, put(column, value))
    words = f"in row 3 the column {column} holds {value!r}"
    with pytest.raises(FileFormatError, match=re.escape(words)) as caught:
        bx.read_events(path)
    assert "spreadsheet" in str(caught.value)
    assert "CSV conversion error" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "utf-16-le"])
def test_another_encoding_is_refused_with_its_remedy(tmp_path: Path, encoding: str) -> None:
    """Excel's plain CSV has the code page of the system."""
    path = saved(tmp_path, put("command", "Сделка"), encoding=encoding)
    with pytest.raises(FileFormatError, match=r"cannot be read|lacks the columns") as caught:
        bx.read_events(path)
    if encoding != "utf-16-le":
        assert "CSV UTF-8" in str(caught.value)


def test_rows_of_other_lengths_are_refused(tmp_path: Path) -> None:
    """As a note in the margin makes them."""
    path = saved(tmp_path, lambda rows: rows[2].append("look at this"))
    with pytest.raises(FileFormatError, match="different numbers of cells"):
        bx.read_events(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [row.append("x") for row in rows], r"other columns too \(x\)"),
        (lambda rows: [row.pop(3) for row in rows], "lacks the columns mid"),
        (lambda rows: [row.append(row[3]) for row in rows], "a column twice"),
        (lambda rows: rows[0].__setitem__(3, "MID"), "lacks the columns mid"),
    ],
)
def test_other_columns_are_named(tmp_path: Path, change: Any, words: str) -> None:
    """Those that lack, or those that are too many."""
    with pytest.raises(FileFormatError, match=words):
        bx.read_events(saved(tmp_path, change))


def test_a_workbook_shows_times_in_the_zone_asked_for(tmp_path: Path) -> None:
    """Without a zone, to the millisecond; texts are texts."""
    df = frame(event(5, "=1+1"), event(6, "https://evil.example"), with_params(b"-7"))
    name, rows = sheet(bx.to_excel(df, tmp_path / "e.xlsx", tz="Europe/Moscow"))
    assert name == "Europe Moscow"
    assert [cell for cell, _ in rows[0]] == list(EVENT_COLUMNS)
    assert rows[1] == [
        (datetime(2026, 1, 1, 3, 0, 0, 500000), "d"),
        (datetime(2026, 1, 1, 3, 0, 0, 250000), "d"),
        (0.25, "n"),
        (MID, "s"),
        ("shared", "s"),
        ("crm", "s"),
        ("=1+1", "s"),
        ('{"n":5}', "s"),
        (None, "n"),
        ("websocket", "s"),
        (None, "n"),
        ("channel", "s"),
    ]
    assert rows[2][6] == ("https://evil.example", "s")
    assert rows[3][7] == ("-7", "s")


def test_a_workbook_of_many_rows_has_each_of_them(tmp_path: Path) -> None:
    """More than one slice, in order."""
    table = pd.DataFrame({"n": np.arange(70_000)})
    rows = sheet(bx.to_excel(table, tmp_path / "t.xlsx"))[1]
    assert [row[0][0] for row in rows] == ["n", *range(70_000)]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (2**53 + 1, ("9007199254740993", "s")),
        (10**15 - 1, (10**15 - 1, "n")),
        (10**15, ("1000000000000000", "s")),
        (True, (True, "b")),
        (np.inf, ("Infinity", "s")),
        (pd.Timestamp("2026-01-01T03:00"), (datetime(2026, 1, 1, 3), "d")),
        (pd.Timestamp("1850-01-01"), ("1850-01-01T00:00:00.000000", "s")),
        (pd.Timestamp("2026-07-01", tz="UTC"), (datetime(2026, 7, 1, 2), "d")),
        (pd.Timedelta("1.5s"), (1.5, "n")),
        ([1, "a"], ('[1,"a"]', "s")),
        ("{=1}", ("{=1}", "s")),
        ("a\nb", ("a\nb", "s")),
        ("x" * 32_767, ("x" * 32_767, "s")),
    ],
)
def test_every_value_has_its_cell(tmp_path: Path, value: Any, cell: Any) -> None:
    """And nothing is computed or followed."""
    table = pd.DataFrame({"x": pd.Series([value])})
    assert sheet(bx.to_excel(table, tmp_path / "t.xlsx", tz="Europe/Berlin"))[1][1][0] == cell


@pytest.mark.parametrize("text", ["x" * 40_000, "🌍" * 20_000])
def test_a_text_beyond_a_cell_is_cut_with_its_length(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Excel counts in UTF-16, and would call the file damaged."""
    table = pd.DataFrame({"x": [text, "short"]})
    value = sheet(bx.to_excel(table, tmp_path / "t.xlsx"))[1][1][0][0]
    assert len(value.encode("utf-16-le")) // 2 in (32_766, 32_767)
    assert value.endswith(f" … (cut: {len(text):,} characters)")
    assert "1 texts of more than 32767 characters were cut" in caplog.text


def test_more_than_a_sheet_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Rows and columns."""
    for shape in ((1_048_576, 1), (1, 16_385)):
        table = pd.DataFrame(np.zeros(shape, dtype="int8"))
        with pytest.raises(SettingsError, match="a sheet of Excel takes 1,048,575 rows"):
            bx.to_excel(table, tmp_path / "t.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tz", ["Mars/Base", "", "/etc/hosts", "../x", None, 3, "Europe"])
def test_an_unknown_zone_is_refused(tmp_path: Path, tz: Any) -> None:
    """By its name."""
    with pytest.raises(SettingsError, match="is no time zone"):
        bx.to_excel(frame(event(1)), tmp_path / "t.xlsx", tz=tz)


def test_a_workbook_is_made_from_a_file_and_not_read_as_one(tmp_path: Path) -> None:
    """It is for people."""
    source = bx.to_parquet(frame(event(5)), tmp_path / "e.parquet")
    path = bx.to_excel(source, tmp_path / "e.xlsx")
    assert sheet(path)[1][1][3] == (MID, "s")
    with pytest.raises(FileFormatError, match="is a workbook"):
        bx.read_events(path)


def test_params_that_excel_cut_are_refused(tmp_path: Path) -> None:
    """A cell takes 32 767 characters; a whole JSON of that length is read."""
    whole = '{"a": "' + "x" * (32_767 - 9) + '"}'
    assert len(bx.read_events(saved(tmp_path, put("params", whole)))) == 3
    cut = ('{"a": "' + "x" * 40_000)[:32_767]
    with pytest.raises(FileFormatError, match=r"in row 3 the column params was cut to 32,767"):
        bx.read_events(saved(tmp_path, put("params", cut)))


@pytest.mark.parametrize("encoding", ["cp1251", "latin-1"])
@pytest.mark.parametrize("column", ["command", "params"])
def test_letters_of_another_encoding_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, column: str, encoding: str
) -> None:
    """Excel opened the file without the mark of UTF-8, and saved what it showed."""
    whole = '"Сделка"' if column == "params" else "Сделка"
    assert len(bx.read_events(saved(tmp_path, put(column, whole)))) == 3
    assert caplog.text == ""
    shown = whole.encode().decode(encoding)
    assert len(bx.read_events(saved(tmp_path, put(column, shown)))) == 3
    assert f"in row 3 the column {column} holds letters such as РЎРґРµР»РєР°" in caplog.text


def test_a_column_without_a_name_is_named_so(tmp_path: Path) -> None:
    """As pandas writes its index."""

    def change(rows: list[list[str]]) -> None:
        for row in rows:
            row.insert(0, "")

    with pytest.raises(FileFormatError, match=r"other columns too \(one without a name\)"):
        bx.read_events(saved(tmp_path, change))


@pytest.mark.parametrize("sep", [",", ";", "\t"])
@pytest.mark.parametrize("text", ['a;"=1', 'a,""=1', "a\t\"'=1", 'a\n"+1', 'a; "＝1'])  # noqa: RUF001
def test_quotation_marks_before_a_formula_do_not_hide_it(
    tmp_path: Path, sep: str, text: str
) -> None:
    """A reader with another separator drops them; `read_events` gives back the text."""
    df = frame(event(5, text))
    path = bx.to_csv(df, tmp_path / "e.csv", sep=sep)
    for other in {",", ";", "\t"} - {sep}:
        rows = csv.reader(io.StringIO(path.read_text(), newline=""), delimiter=other)
        assert not [cell for row in rows for cell in row if cell.lstrip(" ")[:1] in tuple("=+＝")]  # noqa: RUF001
    pd.testing.assert_frame_equal(bx.read_events(path), df)
