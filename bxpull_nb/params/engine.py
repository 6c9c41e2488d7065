"""DuckDB, opened so that a query reaches the tables it is given and nothing else."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import duckdb

__all__ = ["of_texts", "offer", "opened"]

_SEALED = {
    "enable_external_access": "false",  # no files, no network, no other databases
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # no variables of the caller as tables
    "temp_directory": "",  # nothing is written when memory is short
    "arrow_large_buffer_size": "true",  # texts of more than 2 GB in all
}
_SETTINGS = "SET TimeZone = 'UTC'; SET lock_configuration = true"  # a query cannot change any
_ROWS = 16_384  # of a batch: batches are what DuckDB's threads share out


def opened() -> "duckdb.DuckDBPyConnection":
    """Return an empty database in memory; close it, or use it in a `with`."""
    import duckdb

    connection = duckdb.connect(config=dict(_SEALED))
    connection.execute(_SETTINGS).fetchall()
    return connection


def offer(connection: "duckdb.DuckDBPyConnection", name: str, table: pa.Table) -> None:
    """Make the table known to queries under this name; it is read where it is."""
    connection.register(name, pa.Table.from_batches(table.to_batches(_ROWS), table.schema))


def of_texts(
    connection: "duckdb.DuckDBPyConnection",
    query: str,
    texts: pa.ChunkedArray | pa.LargeStringArray,
    parameters: Any = None,
) -> list[pa.Array]:
    """Return the columns of a query on a table `texts` with the column `text`."""
    offer(connection, "texts", pa.table({"text": texts}))
    found = connection.sql(query, params=parameters).to_arrow_table()
    return [column.combine_chunks() for column in found.columns]
