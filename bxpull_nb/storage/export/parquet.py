"""Events and tables as Parquet, the smallest and quickest file, with exact types."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bxpull_nb.errors import DatasetTooNew, FileFormatError
from bxpull_nb.files import path_of, writing
from bxpull_nb.masking import reason_of, scrub, shown_path
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.export.exported import exported
from bxpull_nb.storage.export.pandas_metadata import pandas_metadata
from bxpull_nb.storage.export.table import check_columns, with_later_columns

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
SCHEMA_VERSION = 2
ROW_GROUP = 131_072


def to_parquet(frame: "pd.DataFrame", path: str | Path, *, reveal: bool = False) -> Path:
    """Write the events, or any other table, to a Parquet file and return its path.

    ```python
    bx.to_parquet(feed.df, "events.parquet")             # bx.read_events gives it back
    bx.to_parquet(bx.rates(feed.df), "rates.parquet")    # pandas.read_parquet gives it back
    ```

    Packed with zstd; types are exact, times of events are in microseconds, UTC. `lag` is a
    duration of Arrow, which other programs may read as whole microseconds. Lists, objects and
    mixed values are JSON text. Of a table, the index is written where it has a name or is not
    made of whole numbers. The metadata of a file of events holds the version of the schema under
    `bxpull_nb.events`. `-` is standard output.

    Secrets in messages of the push system and in unreadable ones are masked unless
    `reveal=True`. Raises FileNotWritten when the file cannot be written, SettingsError, which
    names the column, for events of other dtypes and for values without a form.
    """
    from pyarrow import parquet

    target = path_of(path)
    table, is_events = exported(frame, "to_parquet()", reveal=reveal, typed=True)
    version = {VERSION_KEY: str(SCHEMA_VERSION)}
    table = table.replace_schema_metadata(version if is_events else pandas_metadata(frame, table))
    names = [
        field.name
        for field in table.schema
        if EVENT_COLUMNS.get(field.name) == "category" or pa.types.is_dictionary(field.type)
    ]
    with writing(target) as file:
        parquet.write_table(
            table, file, compression="zstd", use_dictionary=names, row_group_size=ROW_GROUP
        )
    return target


def parquet_table(source: Path) -> pa.Table:
    """Return the rows of a Parquet file; raises FileFormatError for one that is not ours."""
    from pyarrow import parquet

    try:
        footer = parquet.read_metadata(source)
        schema = footer.schema.to_arrow_schema()
        check_version(schema, source)
        check_columns(schema.names, source)
        with parquet.ParquetFile(source, metadata=footer, read_dictionary=_coded(footer)) as file:
            return with_later_columns(file.read()).select(list(EVENT_COLUMNS))
    except (pa.ArrowException, OSError) as exc:
        raise FileFormatError(
            f"{shown_path(source)} cannot be read as Parquet ({reason_of(exc)}). Was it cut off? "
            f"Its last bytes are needed: write it again, or use its copy."
        ) from scrub(exc)


def _coded(footer: Any) -> list[str]:
    """Return the columns that are read as codes and names, in half the time."""
    plain = {footer.schema.column(place).path for place in range(footer.num_columns)}
    return [name for name, kind in EVENT_COLUMNS.items() if kind == "category" and name in plain]


def check_version(schema: pa.Schema, source: object) -> None:
    """Raise DatasetTooNew for a schema of a later version."""
    version = (schema.metadata or {}).get(VERSION_KEY, b"1")
    if version not in {str(number).encode() for number in range(1, SCHEMA_VERSION + 1)}:
        raise DatasetTooNew(
            f"{shown_path(source)} has version {version.decode(errors='replace')} of the "
            f"schema, this bxpull-nb reads up to {SCHEMA_VERSION}: upgrade bxpull-nb."
        )
