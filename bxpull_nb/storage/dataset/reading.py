"""Reading events of a dataset with pandas or Dask, or of a file or journal."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from bxpull_nb.errors import FileMissing, SettingsError
from bxpull_nb.files import path_of
from bxpull_nb.masking import quoted, reason_of, scrub, shown_path
from bxpull_nb.models.flags import flag
from bxpull_nb.storage.dataset.filters import Condition, Where, checked_columns
from bxpull_nb.storage.dataset.partitions import (
    Partition,
    partitions,
    read_df,
    read_table,
    sort_by_arrival,
)
from bxpull_nb.storage.dataset.schema import SCHEMA
from bxpull_nb.storage.dataset.storage import Storage, shown_url
from bxpull_nb.storage.export import read_events as read_file
from bxpull_nb.storage.export.table import event_table, to_df
from bxpull_nb.storage.journal import journal_files

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

__all__ = ["is_dataset", "read_events"]


@overload
def read_events(
    path: str | Path,
    *,
    engine: Literal["pandas"] = ...,
    columns: Sequence[str] | None = ...,
    where: Iterable[Condition] | None = ...,
    raw: bool = ...,
) -> "pd.DataFrame": ...
@overload
def read_events(
    path: str | Path,
    *,
    engine: Literal["dask"],
    columns: Sequence[str] | None = ...,
    where: Iterable[Condition] | None = ...,
    raw: bool = ...,
) -> "dd.DataFrame": ...
def read_events(
    path: str | Path,
    *,
    engine: str = "pandas",
    columns: Sequence[str] | None = None,
    where: Iterable[Condition] | None = None,
    raw: bool = False,
) -> Any:
    """Return the events of a file, a journal or a dataset as a DataFrame.

    A file is one that `to_csv`, `to_parquet` or `to_jsonl` wrote; an equal DataFrame comes back.
    A folder is a journal or a dataset; an address with `://` (`s3://bucket/events`) is a dataset.
    The index counts from 0; categories are in the order in which they appear. `raw` is for a CSV
    file that was written with `raw=True`.

    Each event of a dataset comes once, however many collectors wrote it, in the order of
    arrival. `columns` chooses columns; `portal` and `date` (the day on which the portal made the
    event, `2026-01-31` or `unknown`) are given if named. `where` is a list of conditions that
    must all hold: `[("date", ">=", "2026-01-31"), ("params.stage", "==", "WON")]`, on columns and
    on paths in `params` (see `params.conditions`); a missing value and null meet no condition.
    Folders and files of a dataset that cannot meet them are not read; a file and a journal are
    read and then filtered. `engine="dask"` returns a lazy `dask.dataframe` that any cluster can
    compute; it needs the extra `dask`.

    When the last line of a text file is not whole, as after a crash, all whole lines are read
    and a warning is logged. Raises FileFormatError for a foreign or damaged file, DatasetTooNew,
    DatasetUnreachable, FileMissing, SettingsError.

    >>> bx.read_events("yesterday.parquet", where=[("params.id", "==", 15)])
    """
    if not isinstance(engine, str) or engine not in ("pandas", "dask"):
        raise SettingsError(f"engine={quoted(engine)}: choose from 'pandas' and 'dask'.")
    if not is_dataset(path):
        if engine != "pandas" or columns is not None:
            raise SettingsError(
                f"engine and columns are for a dataset, and {shown_path(path)} is a file or a "
                "journal."
            )
        return _filtered(read_file(path, raw=flag("raw", raw)), Where(where), path)
    storage, wanted = Storage(path), Where(where)
    chosen = checked_columns(columns)
    found = partitions(storage, wanted)
    if not found and not storage.list():
        raise FileMissing(f"there is no dataset at {shown_url(storage.url)}")
    read = _with_dask if engine == "dask" else _with_pandas
    return read(found, chosen, storage, wanted)


def is_dataset(path: str | Path) -> bool:
    """Whether this is a dataset's address: with `://`, or a folder without a journal."""
    if isinstance(path, str) and "://" in path:
        return True
    folder = path_of(path)
    return os.path.isdir(folder) and not journal_files(folder)  # noqa: PTH112 - for any name


def _filtered(df: "pd.DataFrame", where: Where, path: str | Path) -> "pd.DataFrame":
    """Return the rows of a file or a journal that meet the conditions."""
    if where.on_folders:
        raise SettingsError(
            f"portal and date are columns of a dataset, and {shown_path(path)} is a file or a "
            "journal: choose by server_time."
        )
    if not where.columns_of_rows:
        return df
    return to_df(where.filtered(event_table(df).cast(SCHEMA)))


def _with_pandas(
    found: list[Partition], columns: list[str], storage: Storage, where: Where
) -> "pd.DataFrame":
    needed = list(dict.fromkeys([*columns, "received_at"]))
    tables = [read_table(one, needed, storage, where) for one in found]
    if not tables:
        return _empty(columns)
    table = pa.concat_tables(tables)
    return to_df((sort_by_arrival(table) if len(tables) > 1 else table).select(columns))


def _with_dask(
    found: list[Partition], columns: list[str], storage: Storage, where: Where
) -> "dd.DataFrame":
    try:
        import dask
        import dask.dataframe as dd
        from dask.dataframe.utils import clear_known_categories
    except ImportError as exc:
        raise SettingsError(
            f"engine='dask' needs a package that is not installed ({reason_of(exc)}). Install "
            "it with: pip install 'bxpull-nb[dask]'"
        ) from scrub(exc)
    meta = clear_known_categories(_empty(columns))
    how = {"columns": columns, "storage": storage, "where": where, "label": "events"}
    with dask.config.set({"dataframe.convert-string": False}):  # `str` of pandas 3 is Arrow's
        if not found:
            return dd.from_pandas(_empty(columns), npartitions=1)
        return dd.from_map(read_df, found, meta=meta, **how)


def _empty(columns: list[str]) -> "pd.DataFrame":
    kinds = {field.name: field.type for field in SCHEMA}
    schema = pa.schema({name: kinds.get(name, pa.string()) for name in columns})
    return to_df(schema.empty_table())
