"""The content of a part: tables of one schema, by day, as Parquet."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.dataset.part_names import UNKNOWN
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export.parquet import ROW_GROUP, SCHEMA_VERSION, VERSION_KEY
from bxpull_nb.storage.export.table import event_table

__all__ = ["CATEGORIES", "SCHEMA", "days_of", "part_bytes", "table_of"]

_TYPES = {
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "timedelta64[us]": pa.duration("us"),
    "category": pa.string(),
    "str": pa.large_string(),
}
CATEGORIES = [name for name, kind in EVENT_COLUMNS.items() if kind == "category"]
SCHEMA = pa.schema({name: _TYPES[kind] for name, kind in EVENT_COLUMNS.items()})
"""Schema of a part, and of the tables read from it."""
_DAY = 86_400_000_000  # microseconds


def table_of(log: EventLog) -> pa.Table:
    """Return the rows of the log as a table, in their order."""
    return event_table(log.df).cast(SCHEMA)


def days_of(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each day on which the portal made events, in their order."""
    sent = pc.cast(table["server_time"], pa.int64()).to_pandas().to_numpy(dtype="float64")
    days = np.where(np.isnan(sent), np.nan, np.floor(sent / _DAY))
    found = np.unique(days)
    for day in found:
        name = UNKNOWN if np.isnan(day) else str(np.datetime64(int(day), "D"))
        if len(found) == 1:  # nearly always, and without a copy
            yield name, table
        else:
            mask = np.isnan(days) if np.isnan(day) else days == day
            yield name, table.filter(pa.array(mask))


def part_bytes(table: pa.Table) -> bytes:
    """Return the table as a Parquet file with the schema's version, packed with zstd."""
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(
        table.replace_schema_metadata({VERSION_KEY: str(SCHEMA_VERSION)}),
        sink,
        compression="zstd",
        use_dictionary=CATEGORIES,
        row_group_size=ROW_GROUP,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content
