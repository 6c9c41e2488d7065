"""Captured events to a CSV file and back, and the JSON of `params` spread into columns."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from bxpull_nb.errors import FileFormatError
from bxpull_nb.models import EVENT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expand_params", "read_events", "to_csv"]

_ARROW_TYPES = {
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "timedelta64[us]": pa.float64(),  # seconds in the file
    "category": pa.string(),
    "str": pa.large_string(),
}


def to_csv(frame: "pd.DataFrame", path: str | Path) -> Path:
    """Write the events to a CSV file and give its path back.

    UTF-8; times as ISO 8601 in UTC with microseconds, `lag` in seconds, `params` as JSON text.
    Written beside the file first and renamed at the end: a failed export leaves an older file
    as it was. Raises OSError when the folder cannot be written.
    """
    target = Path(path).expanduser()
    with replacing(target) as unfinished:
        options = csv.WriteOptions(quoting_style="needed")
        csv.write_csv(_spelled(frame), unfinished, write_options=options)
    return target


def read_events(path: str | Path) -> "pd.DataFrame":
    """The events of a file that `to_csv` wrote: a frame equal to the one that was written.

    Columns and dtypes are those of `EVENT_COLUMNS`. Raises FileFormatError for another file,
    FileNotFoundError for none.
    """
    import pandas as pd

    source = Path(path).expanduser()
    frame: pd.DataFrame = _read_table(source).to_pandas()
    frame["lag"] = pd.to_timedelta((frame["lag"] * 1e6).round(), unit="us").astype(
        "timedelta64[us]"
    )
    for name, kind in EVENT_COLUMNS.items():
        if kind == "category":  # in order of appearance, as the log has them
            names = frame[name].dropna().unique()
            frame[name] = pd.Categorical(frame[name], categories=pd.Index(names, dtype="str"))
    return frame.astype({n: k for n, k in EVENT_COLUMNS.items() if k != "category"})


def expand_params(frame: "pd.DataFrame", *, prefix: str = "params.") -> "pd.DataFrame":
    """The same rows with the JSON of `params` spread into columns behind the others.

    Nested objects become dotted names (`params.fields.STAGE`), lists stay lists. Params that
    are no object at all keep the column `params`. A row that lacks a key has NaN there.
    """
    import pandas as pd

    decode = msgspec.json.decode
    rows = [decode(text) if isinstance(text, str) else None for text in frame["params"]]
    flat = [{} if row is None or row in ({}, []) else dict(_flat(row, prefix)) for row in rows]
    spread = pd.DataFrame(flat, index=frame.index)
    return pd.concat([frame.drop(columns="params"), spread], axis=1)


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `target` only when all of it was written."""
    unfinished = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            yield file
        if target.exists():
            shutil.copymode(target, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _spelled(frame: "pd.DataFrame") -> pa.Table:
    """The frame as a table of what the file says."""
    plain = frame.reset_index(drop=True)
    table = pa.Table.from_pandas(plain, preserve_index=False)
    return pa.table(
        {name: _SPELLING.get(name, _as_text)(table[name]) for name in table.column_names}
    )


def _iso(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")


def _as_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(pc.cast(pc.cast(column, pa.int64()), pa.float64()), 1e6)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.large_string()) if pa.types.is_dictionary(column.type) else column


_SPELLING: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "received_at": _iso,
    "server_time": _iso,
    "lag": _as_seconds,
}


def _read_table(source: Path) -> pa.Table:
    if not source.is_file():
        raise FileNotFoundError(f"there is no file {source}")
    try:
        table = csv.read_csv(
            source,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: _ARROW_TYPES[kind] for name, kind in EVENT_COLUMNS.items()},
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
        names = table.column_names
    except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
        raise FileFormatError(
            f"{source} cannot be read as a file of captured events ({exc}). Was it cut off, or "
            f"written by something else?"
        ) from exc
    if names != list(EVENT_COLUMNS):
        lacking = ", ".join(name for name in EVENT_COLUMNS if name not in names)
        raise FileFormatError(
            f"{source} is not a file of captured events: "
            + (f"it lacks the columns {lacking}." if lacking else "it has other columns too.")
        )
    return table


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name.removesuffix("."), value
        return
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _flat(inner, f"{name}{key}.")
        else:
            yield f"{name}{key}", inner
