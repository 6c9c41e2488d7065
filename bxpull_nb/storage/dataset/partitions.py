"""A dataset cut into slices that fit in memory, each of which holds every copy of its events.

A slice is a partition, or, of a partition that is too large, a range of mids: the message ids are
the key by which copies are found, so no slice needs to know of another.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.storage.dataset.dedupe import KEY, without_copies
from bxpull_nb.storage.dataset.filters import PARTITIONED, Where
from bxpull_nb.storage.dataset.layout import Folder, Part, folders
from bxpull_nb.storage.dataset.part_files import fragments, read_parts
from bxpull_nb.storage.dataset.schema import SCHEMA
from bxpull_nb.storage.dataset.storage import Storage, shown_url
from bxpull_nb.storage.export.table import to_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PartitionSlice", "by_arrival", "frame_of", "slices", "table_of"]

_WHOLE_BYTES = 12 * 1024 * 1024  # a partition of this much is one slice, unseen
_AT_ONCE = 16  # partitions looked into: a bucket answers each question late, but many at once
_ROWS = 500_000  # of a slice of a larger one


class PartitionSlice(msgspec.Struct, frozen=True):
    """Some events of one partition: those with `low` <= mid < `high`."""

    folder: Folder
    parts: tuple[Part, ...]
    low: str | None = None
    """None for no bound: then rows without a mid are in it too."""
    high: str | None = None


def slices(storage: Storage, where: Where) -> list[PartitionSlice]:
    """The slices of the partitions that are wanted, in the order of portals and days.

    Raises FileFormatError, DatasetUnreachable.
    """
    found = folders(storage.list(), shown_url(storage.url))
    wanted = [(folder, parts) for folder, parts in found.items() if where.holds(folder)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = pool.map(lambda one: list(_sliced(storage, *one)), wanted)
        return [one for some in made for one in some]


def table_of(one: PartitionSlice, columns: list[str], storage: Storage, where: Where) -> pa.Table:
    """The events of the slice that are wanted, each once, in the order of their arrival.

    `columns` are those of events, and `portal` and `date`. Raises FileFormatError,
    DatasetUnreachable.
    """
    needed = [name for name in SCHEMA.names if name in {*KEY, *columns, *where.columns}]
    within = _both(where.pushdown, _range(one))
    try:
        tables = read_parts(storage, one.parts, needed, within)
    except FileNotFoundError:  # compacted meanwhile: the same rows are in other parts now
        parts = folders(storage.list(), shown_url(storage.url))[one.folder]
        tables = read_parts(storage, parts, needed, within)
    table = without_copies(tables)
    if where.residual is not None:
        table = table.filter(where.residual)
    table = by_arrival(table)
    for name in PARTITIONED:
        cells = pa.repeat(getattr(one.folder, name), table.num_rows)
        table = table.append_column(name, cells.dictionary_encode())
    return table.select(columns)


def frame_of(
    one: PartitionSlice, columns: list[str], storage: Storage, where: Where
) -> "pd.DataFrame":
    """Like `table_of`, with the dtypes of `EVENT_COLUMNS`."""
    return to_frame(table_of(one, columns, storage, where))


def _sliced(storage: Storage, folder: Folder, parts: list[Part]) -> Iterator[PartitionSlice]:
    if sum(part.size for part in parts) <= _WHOLE_BYTES:
        yield PartitionSlice(folder, tuple(parts))
        return
    bounds = [None, *_cuts(_row_groups(storage, parts)), None]
    for low, high in pairwise(bounds):
        yield PartitionSlice(folder, tuple(parts), low, high)


def _row_groups(storage: Storage, parts: list[Part]) -> list[tuple[str, int]]:
    """The greatest mid and the number of rows of every row group, in the order of the mids."""
    found = []
    for _, fragment in fragments(storage, parts):
        for group in fragment.row_groups:
            statistics: dict[str, Any] = group.statistics or {}
            found.append((str(statistics.get("mid", {}).get("max", "")), group.num_rows))
    return sorted(found)


def _cuts(groups: list[tuple[str, int]]) -> Iterator[str]:
    """Mids between which there are about half a million rows."""
    rows, last = 0, ""
    for greatest, count in groups[:-1]:  # a cut at the very last mid would leave one row
        rows += count
        if rows >= _ROWS and greatest > last:
            yield greatest
            rows, last = 0, greatest


def _range(one: PartitionSlice) -> Any:
    mid, bounds = pc.field("mid"), []
    if one.low is not None:
        bounds.append(mid >= one.low)
    if one.high is not None:
        below = mid < one.high
        bounds.append(below | mid.is_null() if one.low is None else below)
    return _both(*bounds, None, None)


def _both(*expressions: Any) -> Any:
    """All of them together; None is none."""
    found = None
    for one in expressions:
        if one is not None:
            found = one if found is None else found & one
    return found


def by_arrival(table: pa.Table) -> pa.Table:
    """The rows sorted by `received_at`, those without one last."""
    last = np.iinfo("int64").max
    times = pc.fill_null(pc.cast(table["received_at"], pa.int64()), last).to_numpy()
    if (times[1:] >= times[:-1]).all():
        return table
    return table.take(pa.array(np.argsort(times, kind="stable")))
