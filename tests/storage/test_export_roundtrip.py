"""Whatever people made of a DataFrame of events, an export gives back the events."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import FileFormatError, SettingsError
from bxpull_nb.models import Event, Record
from tests.support.rows import ARRIVAL, arrivals, event, frame, records

Write = Callable[[pd.DataFrame, Path], Path]

EXPORTERS: dict[str, Write] = {
    "csv": bx.to_csv,
    "csv.zst": bx.to_csv,
    "csv for excel": lambda df, path: bx.to_csv(df, path, excel=True),
    "csv for english excel": lambda df, path: bx.to_csv(df, path, excel=True, sep=","),
    "csv with tabs": lambda df, path: bx.to_csv(df, path, sep="\t"),
    "csv with semicolons": lambda df, path: bx.to_csv(df, path, sep=";"),
    "jsonl": bx.to_jsonl,
    "jsonl.gz": bx.to_jsonl,
    "parquet": bx.to_parquet,
}

CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it was": lambda df: df,
    "in Moscow": lambda df: df.assign(
        received_at=df["received_at"].dt.tz_convert("Europe/Moscow"),
        server_time=df["server_time"].dt.tz_convert("+05:30"),
    ),
    "in milliseconds": lambda df: df.assign(lag=df["lag"].astype("timedelta64[us]")),
    "by time": lambda df: df.set_index("received_at"),
    "by time and mid": lambda df: df.set_index(["received_at", "mid"]),
    "by time, kept": lambda df: df.set_index("received_at", drop=False),
    "by another index": lambda df: df.set_axis([f"r{n}" for n in range(len(df))]),
    "reordered": lambda df: df[df.columns[::-1]],
    "repeated index": lambda df: df.set_axis([0] * len(df)),
    "objects": lambda df: df.astype(
        dict.fromkeys(["mid", "channel", "command", "params", "error"], object)
    ),
    "nullable texts": lambda df: df.astype({"command": "string", "params": "string[python]"}),
    "of Arrow": lambda df: df.astype({"mid": "string[pyarrow]", "error": "string[pyarrow]"}),
    "concatenated": lambda df: pd.concat([df.iloc[: len(df) // 2], df.iloc[len(df) // 2 :]]),
    "of two zones": lambda df: df.assign(
        received_at=pd.Series(
            [at.tz_convert(("Asia/Tokyo", "UTC")[n % 2]) for n, at in enumerate(df["received_at"])],
            dtype=object,
            index=df.index,
        )
    ),
}

_PIECES = [
    *"=+-@＝＋－＠",  # noqa: RUF001
    *";,\t\r\n'\" \u00a0\u200b\ufeff\x00\x0b01ETt.",
    *("true", "1E5", "jan 1", "истина", "a"),
]
hostile = st.lists(st.sampled_from(_PIECES), max_size=6).map("".join)
hostile_events = st.builds(
    Event,
    st.text("0123456789", min_size=1, max_size=26),
    st.none() | hostile,
    st.none() | hostile,
    st.sampled_from([b"[1,-2]", b'[\n  -1,\n\t"=2"]', b'{"a":";=1"}', b"-1.50", b"1E5", b'"+"']),
    st.none() | st.floats(0, 4e9),
    st.none() | hostile,
    arrivals,
)


@pytest.mark.parametrize("exporter", EXPORTERS)
@settings(max_examples=24, deadline=None)  # of each exporter: 60 found no more planted faults
@given(rows=st.lists(records | hostile_events, max_size=8), change=st.sampled_from(list(CHANGES)))
def test_reading_an_export_gives_back_the_events(
    exporter: str, rows: list[Record], change: str
) -> None:
    """Every exporter, every change that keeps the values, hostile texts in every column."""
    before = frame(*rows)
    with tempfile.TemporaryDirectory() as folder:
        path = EXPORTERS[exporter](CHANGES[change](before), Path(folder) / f"e.{exporter}")
        pd.testing.assert_frame_equal(bx.read_events(path), before)


NAIVE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "column": lambda df: df.assign(received_at=df["received_at"].dt.tz_localize(None)),
    "index": lambda df: df.set_index(df["received_at"].dt.tz_localize(None)).drop(
        columns="received_at"
    ),
}


@pytest.mark.parametrize("where", NAIVE)
def test_times_without_a_zone_get_none(tmp_path: Path, where: str) -> None:
    """In a file for people; it is not read as events, and typed files refuse them."""
    naive = NAIVE[where](frame(event(1)))
    path = bx.to_csv(naive, tmp_path / "e.csv")
    assert '"2026-01-01T00:00:00.500000"' in path.read_text()
    assert path.read_text().count("Z") == 1  # server_time
    with pytest.raises(FileFormatError, match=r"received_at holds '2026-01-01T00:00:00\.500000'"):
        bx.read_events(path)
    for write in (bx.to_jsonl, bx.to_parquet):
        with pytest.raises(SettingsError, match=r"received_at have no time zone.*tz_localize"):
            write(naive, tmp_path / "e")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("lag", 0.25),
        ("mid", 1795447844),
        ("params", {"a": 1}),
        ("received_at", "now"),
        ("error", 1),
    ],
)
@pytest.mark.parametrize("write", [bx.to_jsonl, bx.to_parquet])
def test_events_of_other_dtypes_are_refused_by_typed_files(
    tmp_path: Path, write: Any, column: str, value: object
) -> None:
    """With the name of the column; no file is left."""
    df = frame(event(1)).assign(**{column: pd.Series([value], dtype=object)})
    with pytest.raises(SettingsError, match=f"column {column} holds"):
        write(df, tmp_path / "e")
    assert list(tmp_path.iterdir()) == []


def test_an_export_goes_where_a_link_leads(tmp_path: Path) -> None:
    """Of every format; and a Parquet file through a pipe is whole."""
    for name, write in (
        ("e.csv", bx.to_csv),
        ("e.parquet", bx.to_parquet),
        ("e.jsonl", bx.to_jsonl),
    ):
        (tmp_path / f"real-{name}").touch()
        (tmp_path / name).symlink_to(f"real-{name}")
        assert write(frame(event(1)), tmp_path / name) == tmp_path / name
        assert (tmp_path / name).is_symlink()
        assert len(bx.read_events(tmp_path / f"real-{name}")) == 1


HOSTILE_PATHS = [
    None,
    5,
    "",
    b"e.csv",
    "a\0b",
    "~nobody-here/e",
    "\ud800",
    "x" * 300,
    ".",
    "/",
    "a/b/c",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=repr)
@pytest.mark.parametrize(
    "use",
    [bx.to_csv, bx.to_jsonl, bx.to_parquet, bx.to_excel, lambda _, path: bx.read_events(path)],
)
def test_a_hostile_path_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Any, path: Any
) -> None:
    """In every function that takes one."""
    monkeypatch.chdir(tmp_path)
    if path in (".", "/") and use not in (bx.to_csv, bx.to_jsonl, bx.to_parquet, bx.to_excel):
        pytest.skip("a folder is read as a dataset")
    with pytest.raises(bx.BxPullError):
        use(frame(event(1)), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [{"sep": "|"}, {"sep": ""}, {"sep": ";;"}, {"sep": 5}, {"raw": True, "excel": True}],
)
def test_a_hostile_option_is_an_error_of_ours(tmp_path: Path, options: Any) -> None:
    """Before a file is made."""
    with pytest.raises(SettingsError, match="choose"):
        bx.to_csv(frame(event(1)), tmp_path / "e.csv", **options)
    assert list(tmp_path.iterdir()) == []


def test_standard_output_is_a_target(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """For a pipe in a shell."""
    assert bx.to_jsonl(frame(event(1)), "-") == Path("-")
    assert capfdbinary.readouterr().out.startswith(b'{"received_at":"2026-01-01T00:00:00.500000Z"')


def test_the_rows_of_a_log_without_a_mid_come_back(tmp_path: Path) -> None:
    """Rows whose cells are nearly all missing."""
    rows = frame(Event("1", None, None, b"null", None, None, ARRIVAL))
    for exporter, write in EXPORTERS.items():
        pd.testing.assert_frame_equal(bx.read_events(write(rows, tmp_path / f"e.{exporter}")), rows)
