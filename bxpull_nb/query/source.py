"""One source of events for every question: a feed, a DataFrame, a file, a journal, a dataset."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import FileMissing, SettingsError
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.models.dataframes import is_dask
from bxpull_nb.storage.dataset.filters import PARTITIONED, Condition, Where
from bxpull_nb.storage.dataset.partitions import partitions, read_table
from bxpull_nb.storage.dataset.reading import is_dataset
from bxpull_nb.storage.dataset.storage import Storage, shown_url
from bxpull_nb.storage.export import read_events
from bxpull_nb.storage.journal import Journal

__all__ = ["Conditions", "Source", "check_columns", "resolved", "typed"]

Conditions = Iterable[Condition] | None
"""Conditions that choose events, as `read_events` takes them; None for all events."""
Tables = Callable[[list[str], Sequence[Condition]], Iterator[pa.Table]]


@dataclass(frozen=True)
class Source:
    """Events, wherever they are; each comes once, however many collectors wrote it."""

    columns: tuple[str, ...]
    """Names of the columns, those of events and perhaps others."""
    _read: Tables
    schema: pa.Schema | None = None
    """Types of the columns; None for a source that is one table, in memory already."""
    is_dataset: bool = False
    """Whether it reads only folders and rows that meet the conditions."""

    def tables(
        self, columns: Sequence[str] | None = None, where: Sequence[Condition] = ()
    ) -> Iterator[pa.Table]:
        """Yield the events in parts, with the chosen columns; each part fits in memory.

        Parts of a dataset that cannot meet the conditions `where` are not read; rows that do
        not meet them may be among the others. Raises the errors of `read_events`.
        """
        chosen = list(self.columns if columns is None else columns)
        schema = self.chosen(chosen)
        for table in self._read(chosen, tuple(where)):
            yield table if schema is None else table.select(chosen).cast(schema)

    def only(self, where: Conditions) -> "Source":
        """Return the events that meet all conditions; SettingsError for what is none."""
        wanted = Where(where)
        names, conditions = wanted.columns_of_rows, wanted.conditions
        if self.is_dataset:
            return replace(
                self, _read=lambda columns, more: self._read(columns, (*conditions, *more))
            )
        if wanted.on_folders:
            raise SettingsError(
                "portal and date are columns of a dataset, and this is none: choose by server_time."
            )
        check_columns(self, *names)

        def read(columns: list[str], more: Sequence[Condition]) -> Iterator[pa.Table]:
            for table in self.tables(list(dict.fromkeys([*columns, *names])), more):
                yield wanted.filtered(_as_events(table, names)).select(columns)

        return replace(self, _read=read)

    def chosen(self, columns: Sequence[str]) -> pa.Schema | None:
        """Return the types of these columns, of a source in parts."""
        return self.schema and pa.schema([self.schema.field(name) for name in columns])


def resolved(source: Any, where: Conditions = None) -> Source:
    """Return the events of any source, those that meet the conditions `where`.

    A source is a feed or log, a DataFrame of pandas, Dask or another library that speaks Arrow, a
    file of `to_csv`, `to_parquet` or `to_jsonl`, a journal, or a dataset (a folder or a URL).
    Raises SettingsError for a value that is none, and for what is no condition.
    """
    found = _found(source)
    return found if where is None else found.only(where)


def check_columns(events: Source, *names: str) -> None:
    """Raise SettingsError, with the names of the missing columns, if any is missing."""
    missing = [name for name in names if name not in events.columns]
    if missing:
        raise SettingsError(f"these events lack the column {', '.join(missing)}.")


def typed(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column as this type; SettingsError where it holds other values."""
    try:
        return pc.cast(table[name], kind)
    except pa.ArrowException:
        raise SettingsError(
            f"the column {name} holds {table[name].type}, not {kind}: these are no events."
        ) from None


def _found(source: Any) -> Source:
    if isinstance(source, Journal):
        source = source.folder
    if isinstance(source, str | Path):
        return _of_dataset(source) if is_dataset(source) else _of_df(read_events(source))
    if is_dask(source):
        return _of_dask(source)
    if _is_pandas(source):
        return _of_df(source)
    if _is_pandas(df := getattr(source, "df", None)):
        return _of_df(df)
    if hasattr(source, "__arrow_c_stream__"):
        with suppress(pa.ArrowException, TypeError, ValueError):  # a single column, say
            return _of_table(pa.table(source))
    raise SettingsError(
        f"a {type(source).__name__} holds no events: give a feed, a DataFrame, a file, a journal "
        f"or a dataset."
    )


def _is_pandas(value: Any) -> bool:
    import pandas as pd

    return isinstance(value, pd.DataFrame)


def _of_df(df: Any) -> Source:
    names = tuple(map(str, df.columns))
    if len(set(names)) < len(names):
        raise SettingsError("the DataFrame has two columns of one name: rename one of them.")

    def read(columns: list[str], _: Sequence[Condition]) -> Iterator[pa.Table]:
        yield pa.table({name: _array(df.iloc[:, names.index(name)], name) for name in columns})

    return Source(names, read)


def _array(column: Any, name: str) -> Any:
    """Return a column of pandas as one of Arrow; SettingsError for a mixed one."""
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError):
        raise SettingsError(
            f"the column {name} holds values of several types: convert it, or leave it out."
        ) from None
    if name == "params" and pa.types.is_nested(array.type):
        raise SettingsError("the column params holds decoded values: encode them with json.dumps.")
    return array


def _of_table(table: pa.Table) -> Source:
    def read(columns: list[str], _: Sequence[Condition]) -> Iterator[pa.Table]:
        yield table.select(columns)

    return Source(tuple(table.column_names), read)


def _of_dask(df: Any) -> Source:
    empty = _of_df(df._meta)
    [table] = empty.tables()
    known = [_DECLARED.get(field.name, field) for field in table.schema]  # of no rows: null

    def read(columns: list[str], _: Sequence[Condition]) -> Iterator[pa.Table]:
        for part in df[columns].to_delayed():
            yield from _of_df(part.compute()).tables()

    return Source(empty.columns, read, pa.schema(known))


def _of_dataset(path: str | Path) -> Source:
    storage = Storage(path)
    if not storage.list():
        raise FileMissing(f"there is no dataset at {shown_url(storage.url)}")

    def read(columns: list[str], where: Sequence[Condition]) -> Iterator[pa.Table]:
        wanted = Where(where)
        for one in partitions(storage, wanted):
            yield _dated(read_table(one, columns, storage, wanted))

    columns = (*EVENT_COLUMNS, *PARTITIONED)
    kinds = pa.schema([_DECLARED[name] for name in columns])
    return Source(columns, read, kinds, is_dataset=True)


def _as_events(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the table with these columns as the types of events."""
    for name in names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, typed(table, name, _DECLARED[name].type))
    return table


def _dated(table: pa.Table) -> pa.Table:
    """Return the table with `date` as a date, missing where the day is unknown."""
    if "date" not in table.column_names:
        return table
    texts = pc.cast(table["date"], pa.string())
    dates = pc.if_else(pc.equal(texts, "unknown"), pa.scalar(None, pa.string()), texts)
    place = table.column_names.index("date")
    return table.set_column(place, "date", pc.cast(dates, pa.date32()))


_ARROW = {
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
    "timedelta64[us]": pa.duration("us"),
    "category": pa.large_string(),
    "str": pa.large_string(),
}
_DECLARED = {
    **{name: pa.field(name, _ARROW[kind]) for name, kind in EVENT_COLUMNS.items()},
    "portal": pa.field("portal", pa.large_string()),
    "date": pa.field("date", pa.date32()),
}
"""Types of the columns where they are known without reading a row."""
