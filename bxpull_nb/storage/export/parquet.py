"""Events as Parquet, the smallest and quickest file, with exact types."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bxpull_nb.errors import DatasetTooNew, FileFormatError
from bxpull_nb.files import replacing
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.table import check_columns, event_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ROW_GROUP",
    "SCHEMA_VERSION",
    "VERSION_KEY",
    "check_version",
    "parquet_table",
    "to_parquet",
]

VERSION_KEY = b"bxpull_nb.events"
SCHEMA_VERSION = 1
ROW_GROUP = 131_072


def to_parquet(frame: "pd.DataFrame", path: str | Path) -> Path:
    """Write the events to a Parquet file and return its path.

    Packed with zstd; times in microseconds, UTC. `lag` is a duration of Arrow, which other
    programs may read as whole microseconds. The file's metadata holds the version of the schema
    under `bxpull_nb.events`. Written under another name first and renamed at the end. Raises
    OSError when the folder cannot be written, SettingsError for other columns.
    """
    from pyarrow import parquet

    target = Path(path).expanduser()
    table = event_table(frame).replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION)})
    names = [name for name, kind in EVENT_COLUMNS.items() if kind == "category"]
    with replacing(target) as file:
        parquet.write_table(
            table, file, compression="zstd", use_dictionary=names, row_group_size=ROW_GROUP
        )
    return target


def parquet_table(source: Path) -> pa.Table:
    """Return the rows of a Parquet file; raises FileFormatError for one that is not ours."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            check_version(file.schema_arrow, source)
            check_columns(file.schema_arrow.names, source)
            return file.read()
    except (pa.ArrowException, OSError) as exc:
        raise FileFormatError(
            f"{source} cannot be read as Parquet ({exc}). Was it cut off? Its last bytes are "
            f"needed: write it again, or use its copy."
        ) from exc


def check_version(schema: pa.Schema, source: object) -> None:
    """Raise DatasetTooNew for a schema of a later version."""
    version = (schema.metadata or {}).get(VERSION_KEY, b"1")
    if version not in {str(number).encode() for number in range(1, SCHEMA_VERSION + 1)}:
        raise DatasetTooNew(
            f"{source} has version {version.decode(errors='replace')} of the schema, this "
            f"bxpull-nb reads up to {SCHEMA_VERSION}: upgrade bxpull-nb."
        )
