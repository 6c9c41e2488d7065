"""Partitions of a dataset: each fits in memory and holds all duplicates of its events.

A partition is a folder, or a range of mids of a large folder. Duplicates are found by mid, so no
partition depends on another.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.storage.dataset.dedupe import KEY, drop_duplicates
from bxpull_nb.storage.dataset.filters import PARTITIONED, Condition, Where
from bxpull_nb.storage.dataset.part_names import UNKNOWN, Folder, Part, folders
from bxpull_nb.storage.dataset.part_reading import fragments, read_parts
from bxpull_nb.storage.dataset.schema import SCHEMA
from bxpull_nb.storage.dataset.storage import Storage, shown_url
from bxpull_nb.storage.export.table import to_df

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Partition", "partitions", "read_df", "read_table", "sort_by_arrival"]

_WHOLE_BYTES = 12 * 1024 * 1024  # a smaller folder is one partition, unseen
_AT_ONCE = 16  # folders looked into at once, because a bucket answers slowly
_STORED = timedelta(days=2)  # more than a push server stores messages
_ROWS = 500_000  # of a partition of a larger folder


class Partition(msgspec.Struct, frozen=True):
    """Events of one folder with `low` <= mid < `high`."""

    folder: Folder
    parts: tuple[Part, ...]
    low: str | None = None
    """None for no bound, which includes rows without a mid."""
    high: str | None = None


def partitions(storage: Storage, where: Where) -> list[Partition]:
    """Return the partitions of the folders that `where` admits, by portal and day.

    Raises FileFormatError, DatasetUnreachable.
    """
    found = folders(storage.list(), shown_url(storage.url))
    wanted = [(folder, parts) for folder, parts in found.items() if where.holds(folder)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        cut = pool.map(lambda one: list(_cut(storage, *one)), wanted)
        return list(chain.from_iterable(cut))


def read_table(
    partition: Partition, columns: list[str], storage: Storage, where: Where
) -> pa.Table:
    """Return the events of the partition that meet `where`, each once, by arrival.

    `columns` are those of events, and `portal` and `date`. Raises FileFormatError,
    DatasetUnreachable.
    """
    needed = [name for name in SCHEMA.names if name in {*KEY, *columns, *where.columns}]
    within = _both(where.pushdown, _range(partition))
    chosen = where.mask if where.on_params else None
    try:
        table, sizes = read_parts(storage, partition.parts, needed, within, chosen)
    except FileNotFoundError:  # compacted meanwhile; other parts have the same rows now
        parts = folders(storage.list(), shown_url(storage.url))[partition.folder]
        table, sizes = read_parts(storage, parts, needed, within, chosen)
    table = drop_duplicates(table, sizes)
    if partition.folder.date == UNKNOWN:
        table = _without_torn(table, partition.folder.portal, storage)
    if where.residual is not None:
        table = table.filter(where.residual)
    table = sort_by_arrival(table)
    for name in PARTITIONED:
        cells = pa.repeat(getattr(partition.folder, name), table.num_rows)
        table = table.append_column(name, cells.dictionary_encode())
    return table.select(columns)


def read_df(
    partition: Partition, columns: list[str], storage: Storage, where: Where
) -> "pd.DataFrame":
    """Like `read_table`, as a DataFrame with the dtypes of `EVENT_COLUMNS`."""
    return to_df(read_table(partition, columns, storage, where))


def _without_torn(table: pa.Table, portal: str, storage: Storage) -> pa.Table:
    """Drop rows that could not be read where another folder has their event readable.

    A torn message has no server time, so it is never in the folder of its event. A push server
    stores messages for a day, so the event was made within two days of the arrival.
    """
    is_torn = pc.and_(pc.is_valid(table["error"]), pc.not_equal(table["mid"], ""))
    torn = table.filter(is_torn)
    if not torn.num_rows:
        return table
    mids = pc.unique(torn["mid"])
    days = pc.min_max(torn["received_at"]).as_py()
    where = Where([("portal", "==", portal), *_days_around(days["min"], days["max"])])
    parts = [
        part
        for folder, some in folders(storage.list(), shown_url(storage.url)).items()
        if folder.date != UNKNOWN and where.holds(folder)
        for part in some
    ]
    readable = pc.field("mid").isin(mids) & pc.field("error").is_null()
    found = read_parts(storage, parts, ["mid"], readable)[0]["mid"]
    is_doubled = pc.and_(pc.is_valid(table["error"]), pc.is_in(table["mid"], pc.unique(found)))
    return table.filter(pc.invert(is_doubled))


def _days_around(first: datetime | None, last: datetime | None) -> Iterator[Condition]:
    if first is not None and last is not None:
        yield "date", ">=", first - _STORED
        yield "date", "<=", last + _STORED


def _cut(storage: Storage, folder: Folder, parts: list[Part]) -> Iterator[Partition]:
    if sum(part.size for part in parts) <= _WHOLE_BYTES:
        yield Partition(folder, tuple(parts))
        return
    bounds = [None, *_cuts(_row_groups(storage, parts)), None]
    for low, high in pairwise(bounds):
        yield Partition(folder, tuple(parts), low, high)


def _row_groups(storage: Storage, parts: list[Part]) -> list[tuple[str, int]]:
    """Return the greatest mid and the number of rows of every row group, by mid."""
    found = []
    for _, fragment in fragments(storage, parts):
        for group in fragment.row_groups:
            statistics: dict[str, Any] = group.statistics or {}
            found.append((str(statistics.get("mid", {}).get("max", "")), group.num_rows))
    return sorted(found)


def _cuts(groups: list[tuple[str, int]]) -> Iterator[str]:
    """Yield mids with about half a million rows between them."""
    rows, last = 0, ""
    for greatest, count in groups[:-1]:  # a cut at the very last mid would leave one row
        rows += count
        if rows >= _ROWS and greatest > last:
            yield greatest
            rows, last = 0, greatest


def _range(partition: Partition) -> Any:
    mid, bounds = pc.field("mid"), []
    if partition.low is not None:
        bounds.append(mid >= partition.low)
    if partition.high is not None:
        below = mid < partition.high
        bounds.append(below | mid.is_null() if partition.low is None else below)
    return _both(*bounds)


def _both(*expressions: Any) -> Any:
    """Return the conjunction of the expressions that are not None."""
    found = None
    for one in expressions:
        if one is not None:
            found = one if found is None else found & one
    return found


def sort_by_arrival(table: pa.Table) -> pa.Table:
    """Return the rows sorted by `received_at`, those without one last."""
    last = np.iinfo("int64").max
    times = pc.fill_null(pc.cast(table["received_at"], pa.int64()), last).to_numpy()
    if (times[1:] >= times[:-1]).all():
        return table
    return table.take(pa.array(np.argsort(times, kind="stable")))
