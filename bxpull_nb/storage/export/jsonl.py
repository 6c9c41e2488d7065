"""Events and tables as JSON lines, an object a row."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Raw, UnsetType

from bxpull_nb.errors import FileFormatError
from bxpull_nb.files import path_of, writing
from bxpull_nb.masking import reason_of, scrub, shown_path
from bxpull_nb.models import EVENT_COLUMNS, LATER_COLUMNS
from bxpull_nb.storage.export.columns import is_json
from bxpull_nb.storage.export.exported import exported
from bxpull_nb.storage.export.files import Content, packing
from bxpull_nb.storage.export.spelling import spelled
from bxpull_nb.storage.export.table import slices

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["jsonl_table", "to_jsonl"]

_BLOCK = 1 << 23  # bytes decoded in one go
_TYPES = {
    "datetime64[us, UTC]": pa.string(),
    "timedelta64[us]": pa.float64(),
    "category": pa.large_string(),
    "str": pa.large_string(),
}


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line of the file."""

    received_at: str | None
    server_time: str | None
    lag: float | None
    mid: str | None
    channel: str | None
    module_id: str | None
    command: str | None
    params: Raw
    sender: str | None
    transport: str | None
    error: str | None
    source: str | None = LATER_COLUMNS["source"]
    params_text: str | UnsetType | None = UNSET


def to_jsonl(frame: "pd.DataFrame", path: str | Path, *, reveal: bool = False) -> Path:
    """Write events or any other table to a file of JSON lines, and return its path.

    ```python
    bx.to_jsonl(feed.df, "events.jsonl.zst")             # bx.read_events gives it back
    bx.to_jsonl(bx.summary(feed.df), "summary.jsonl")    # pandas.read_json(path, lines=True)
    ```

    An object a row with the columns as keys: times as ISO 8601 with microseconds, in UTC with a
    `Z`, or without one where they have no zone; durations in seconds, missing values as null,
    infinity as the text "Infinity". The `params` of events are JSON; those that are no JSON or
    hold line breaks, and would come back changed, are text under `params_text`. An index is
    written where it has a name or is not made of whole numbers. Packed when the name ends in
    `.gz` or `.zst`; `-` is standard output.

    Secrets in messages of the push system and in unreadable ones are masked unless
    `reveal=True`. Raises FileNotWritten when the file cannot be written, SettingsError, which
    names the column, for values that have no form in JSON.
    """
    target = path_of(path)
    table, is_events = exported(frame, "to_jsonl()", reveal=reveal, typed=True)
    lines, encoder = _lines if is_events else _objects, msgspec.json.Encoder()
    with writing(target) as file, packing(file, target) as stream:
        for part in slices(table):
            stream.write(encoder.encode_lines(list(lines(spelled(part, "to_jsonl()")))))
    return target


def jsonl_table(content: Content, source: Path) -> tuple[pa.Table, int]:
    """Return the rows of JSON lines, and the number of bytes after the last whole line.

    Raises FileFormatError for a file that is not ours.
    """
    tables, read, row = [_columns([])], 0, 0
    for block in _blocks(content):
        tables.append(_decoded(block, row, source))
        read, row = read + len(block), row + tables[-1].num_rows
    if content.data.size and not read:
        raise FileFormatError(
            f"{shown_path(source)} cannot be read: it holds no whole line of JSON."
        )
    return pa.concat_tables(tables), content.data.size - read


_NOTHING = Raw(b"null")


def _lines(table: pa.Table) -> Iterator[_Line]:
    columns = [table[name].to_pylist() for name in table.column_names if name != "params"]
    texts = pc.cast(table["params"], pa.large_binary()).to_pylist()
    for params, *cells in zip(texts, *columns, strict=True):
        fields = [*cells[:7], _NOTHING, *cells[7:]]
        if _pastable(params):
            fields[7] = Raw(params)
        else:
            fields.append(None if params is None else params.decode())
        yield _Line(*fields)


def _objects(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of any table; JSON texts are pasted, since they stand for other values."""
    columns = [_values(table, name) for name in table.column_names]
    for cells in zip(*columns, strict=True):
        yield dict(zip(table.column_names, cells, strict=True))


def _values(table: pa.Table, name: str) -> list[Any]:
    cells: list[Any] = table[name].to_pylist()
    if is_json(table, name):
        return [None if cell is None else Raw(cell.encode()) for cell in cells]
    if pa.types.is_floating(table[name].type):
        return [_number(cell) for cell in cells]
    return cells


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _pastable(params: bytes | None) -> bool:
    """Whether a reader of the line gets exactly these bytes."""
    if params is None or b"\n" in params or b"\r" in params:
        return False
    try:
        return bytes(msgspec.json.decode(params, type=Raw)) == params
    except msgspec.DecodeError:
        return False


def _is_line(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _blocks(content: Content) -> Iterator[bytes]:
    """Yield the content in blocks of whole lines; the last line break may be missing."""
    data, start, size = content.data, 0, _BLOCK
    while start < data.size:
        stop = min(start + size, data.size)
        block = data[start:stop].to_pybytes()
        end = block.rfind(b"\n") + 1
        if stop == data.size and content.whole and _is_line(block[end:]):
            end = len(block)
        if end:
            yield block[:end]
            start += end
        elif stop == data.size:
            return
        else:
            size *= 2  # a line of many megabytes


def _decoded(block: bytes, row: int, source: Path) -> pa.Table:
    try:
        return _columns(msgspec.json.Decoder(_Line).decode_lines(block))
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        lines = enumerate(block.split(b"\n"), row + 1)
        number = next(number for number, line in lines if not _is_line(line))
        raise FileFormatError(
            f"{shown_path(source)} is not a file of captured events: line {number} cannot be read "
            f"({reason_of(exc)}). Mend that line, or take it out."
        ) from scrub(exc)


def _columns(lines: list[_Line]) -> pa.Table:
    columns = {}
    for name, kind in EVENT_COLUMNS.items():
        cells = [_params(line) if name == "params" else getattr(line, name) for line in lines]
        columns[name] = pa.array(cells, type=_TYPES[kind])
    return pa.table(columns)


def _params(line: _Line) -> bytes | None:
    if line.params_text is UNSET:
        return bytes(line.params)
    return None if line.params_text is None else line.params_text.encode()
