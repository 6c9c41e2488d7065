"""Captured events as Parquet: the smallest and quickest file, with exact types."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bxpull_nb.errors import FileFormatError
from bxpull_nb.export.files import replacing
from bxpull_nb.export.table import check_columns, event_table
from bxpull_nb.models import EVENT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["parquet_table", "to_parquet"]

_VERSION_KEY = b"bxpull_nb.events"
_VERSION = 1
_ROW_GROUP = 131_072


def to_parquet(frame: "pd.DataFrame", path: str | Path) -> Path:
    """Write the events to a Parquet file and give its path back.

    Packed with zstd; times in microseconds, UTC. `lag` is Arrow's duration: programs that do
    not know it see whole microseconds. The file's metadata hold the version of the schema
    under `bxpull_nb.events`. Written beside the file first and renamed at the end. Raises
    OSError when the folder cannot be written, SettingsError for a frame of other columns.
    """
    from pyarrow import parquet

    target = Path(path).expanduser()
    table = event_table(frame).replace_schema_metadata({_VERSION_KEY: str(_VERSION)})
    names = [name for name, kind in EVENT_COLUMNS.items() if kind == "category"]
    with replacing(target) as file:
        parquet.write_table(
            table, file, compression="zstd", use_dictionary=names, row_group_size=_ROW_GROUP
        )
    return target


def parquet_table(source: Path) -> pa.Table:
    """The rows of a Parquet file; raises FileFormatError for one that is not ours."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            metadata = file.schema_arrow.metadata or {}
            _check_version(metadata.get(_VERSION_KEY, b"1"), source)
            check_columns(file.schema_arrow.names, source)
            return file.read()
    except (pa.ArrowException, OSError) as exc:
        raise FileFormatError(
            f"{source} cannot be read as Parquet ({exc}). Was it cut off? Its last bytes are "
            f"needed: write it again, or use its copy."
        ) from exc


def _check_version(version: bytes, source: Path) -> None:
    if version not in {str(number).encode() for number in range(1, _VERSION + 1)}:
        raise FileFormatError(
            f"{source} has version {version.decode(errors='replace')} of the schema, this "
            f"bxpull-nb reads up to {_VERSION}: upgrade bxpull-nb."
        )
