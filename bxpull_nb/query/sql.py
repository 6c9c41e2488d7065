"""SQL on events, by DuckDB, which reaches the events and nothing else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from bxpull_nb.errors import QueryFailed
from bxpull_nb.masking import reason_of
from bxpull_nb.models.flags import flag
from bxpull_nb.params.engine import offer, opened
from bxpull_nb.params.texts import well_formed
from bxpull_nb.query.answer import df_of
from bxpull_nb.query.source import Source, resolved
from bxpull_nb.query.statement import TABLE, Statement, parsed

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["Plan", "sql"]


class Plan(str):
    """The plan of a query, which shows itself over several lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@overload
def sql(source: Any, query: str, *, explain: Literal[False] = ...) -> "pd.DataFrame": ...
@overload
def sql(source: Any, query: str, *, explain: Literal[True]) -> Plan: ...
@overload
def sql(source: Any, query: str, *, explain: bool) -> "pd.DataFrame | Plan": ...
def sql(source: Any, query: str, *, explain: bool = False) -> "pd.DataFrame | Plan":
    """Return the answer to one SELECT on the table `events`, in the SQL of DuckDB.

    `source` is a feed, a DataFrame (of pandas, Dask or another library that speaks Arrow), a
    file, a journal or a dataset. The table has the columns of `EVENT_COLUMNS`, of a dataset also
    `portal` and `date` (missing where the day is unknown); each event is there once. `params` is
    JSON: `params->>'$.stage'` is a text, `params.user.name` is JSON. Only the columns that the
    query names are read, and of a dataset only folders that its `WHERE` admits by `portal`,
    `date`, `module_id` or `command`. The query reaches no file and no network.

    The answer has the types `Int64`, `Float64`, `boolean` and `str`, times in UTC. With
    `explain=True` it is DuckDB's plan instead. A text of `params` that is no JSON is a JSON
    string. Raises QueryFailed with the reason, and the errors of `read_events`.

    >>> bx.sql(feed, "select command, count(*) as n from events group by all order by n desc")
    """
    events, explained_only = resolved(source), flag("explain", explain)
    with opened() as connection, _named(events):
        statement = parsed(connection, query)
        explained = f"EXPLAIN {query}" if explained_only else query
        try:
            table = _answer(connection, events, statement, explained)
        except _MalformedParamsError:
            table = _answer(connection, events, statement, explained, careful=True)
    return Plan("\n".join(table.column(1).to_pylist())) if explained_only else df_of(table)


class _MalformedParamsError(Exception):
    """A text of params is no JSON, and the query reads into it."""


def _answer(
    connection: "duckdb.DuckDBPyConnection",
    events: Source,
    statement: Statement,
    query: str,
    *,
    careful: bool = False,
) -> pa.Table:
    """Return the answer; `careful` repairs the JSON of params first, which costs a pass."""
    import duckdb

    columns, failures = statement.columns(events.columns), list[Exception]()
    tables = _tables(events, statement, columns, careful=careful)
    try:
        _offer(connection, events.chosen(columns), tables, statement, failures)
        return connection.sql(query).to_arrow_table()
    except duckdb.Error as exc:
        if failures:
            raise failures[0] from None
        if not careful and "Malformed JSON" in reason_of(exc):
            raise _MalformedParamsError from None
        raise


def _offer(
    connection: "duckdb.DuckDBPyConnection",
    schema: pa.Schema | None,
    tables: Iterator[pa.Table],
    statement: Statement,
    failures: list[Exception],
) -> None:
    """Make the tables known as one; part by part where the query reads them once."""
    if schema is None:
        offer(connection, TABLE, next(tables))
        return
    empty = _with_json(schema.empty_table())
    if statement.reads_once:  # they need not be in memory at once
        batches = _batches(tables, failures)
        connection.register(TABLE, pa.RecordBatchReader.from_batches(empty.schema, batches))
    else:
        offer(connection, TABLE, pa.concat_tables([empty, *tables]))


def _batches(tables: Iterator[pa.Table], failures: list[Exception]) -> Iterator[pa.RecordBatch]:
    """Yield the batches; note why reading failed, which DuckDB would make a text of its own."""
    try:
        for table in tables:
            yield from table.to_batches()
    except Exception as exc:
        failures.append(exc)
        raise


def _tables(
    events: Source, statement: Statement, columns: list[str], *, careful: bool
) -> Iterator[pa.Table]:
    for table in events.tables(columns, list(statement.conditions())):
        if careful and "params" in columns:
            texts = table["params"].cast(pa.large_string()).combine_chunks()
            place = columns.index("params")
            table = table.set_column(place, "params", well_formed(texts))
        yield _with_json(table)


def _with_json(table: pa.Table) -> pa.Table:
    """Declare the texts of `params` as JSON, without a copy."""
    place = table.schema.get_field_index("params")
    if place < 0 or not _is_text(table.schema.field(place).type):
        return table
    texts = table["params"].cast(pa.large_string())
    kind = pa.json_(pa.large_string())
    chunks = [pa.ExtensionArray.from_storage(kind, chunk) for chunk in texts.chunks]
    return table.set_column(place, "params", pa.chunked_array(chunks, kind))


def _is_text(kind: pa.DataType) -> bool:
    known = (pa.types.is_large_string, pa.types.is_string, pa.types.is_null)
    return any(check(kind) for check in known)


@contextmanager
def _named(events: Source) -> Iterator[None]:
    """Turn errors of DuckDB into QueryFailed, masked, with the columns that there are."""
    import duckdb

    try:
        yield
    except duckdb.PermissionException:
        raise QueryFailed(
            f"the query would reach a file or the network; it may read the table {TABLE} only."
        ) from None
    except duckdb.Error as exc:
        reason = _first_line(exc)
        raise QueryFailed(
            f"the query failed: {reason}. There is the table {TABLE} with the columns "
            f"{', '.join(events.columns)}."
        ) from None


def _first_line(error: "duckdb.Error") -> str:
    """Return the first line of DuckDB's words, masked; the others point into the query."""
    line = re.sub(r"^(\w+ )+Error: ", "", str(error)).strip().partition("\n")[0]
    return reason_of(QueryFailed(line)).rstrip(".!")
