"""Merging many small parts into few, which are quicker to list and to read."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa

from bxpull_nb.errors import FileMissing
from bxpull_nb.storage.dataset.dedupe import drop_duplicates
from bxpull_nb.storage.dataset.part_names import COMPACTED, Folder, Part, folders, part_name
from bxpull_nb.storage.dataset.part_reading import read_parts
from bxpull_nb.storage.dataset.schema import SCHEMA, part_bytes
from bxpull_nb.storage.dataset.storage import Storage, shown_url

__all__ = ["TARGET_BYTES", "Compacted", "compact"]

TARGET_BYTES = 32 * 1024 * 1024
"""Size of a merged part: about a million events, which fit in memory."""
_log = logging.getLogger("bxpull_nb")


class Compacted(msgspec.Struct, frozen=True):
    """Figures of a compaction."""

    before: int = 0
    """Parts that were replaced."""
    after: int = 0
    """Parts that replace them."""
    copies: int = 0
    """Duplicates that were dropped."""
    bytes: int = 0
    """Bytes that the dataset is smaller now."""

    def __str__(self) -> str:
        if not self.before:
            return "nothing to merge: no day of a portal has two small parts"
        return (
            f"{self.before:,} parts became {self.after:,}, {self.copies:,} copies dropped, "
            f"{self.bytes / 1e6:,.1f} MB saved"
        )


def compact(
    url: str | Path,
    *,
    target_bytes: int = TARGET_BYTES,
    tell: Callable[[str], None] = lambda _text: None,
) -> Compacted:
    """Merge the small parts of a dataset, while it is written and read.

    In each folder, parts of less than `target_bytes` become parts of about that size, sorted by
    message id, without duplicates. A new part is written before the old ones are removed, so
    nothing is missing at any moment; several may compact at once. `tell` receives a line a folder.
    Raises FileFormatError, FileMissing, DatasetUnreachable, DatasetNotWritable.
    """
    storage = Storage(url)
    files = storage.list()
    if not files:
        raise FileMissing(f"there is no dataset at {shown_url(storage.url)}")
    merged = [
        _merged(storage, folder, group, tell)
        for folder, parts in folders(files, shown_url(storage.url)).items()
        for group in _groups(parts, target_bytes)
    ]
    totals = (sum(getattr(one, name) for one in merged) for name in Compacted.__struct_fields__)
    return Compacted(*totals)


def _groups(parts: list[Part], target: int) -> Iterator[list[Part]]:
    """Yield small parts that make a large one; a single one stays as it is."""
    group: list[Part] = []
    size = 0
    for part in (part for part in parts if part.size < target):
        if group and size + part.size > target:
            if len(group) > 1:
                yield group
            group, size = [], 0
        group.append(part)
        size += part.size
    if len(group) > 1:
        yield group


def _merged(
    storage: Storage, folder: Folder, group: list[Part], notify: Callable[[str], None]
) -> Compacted:
    try:
        table, sizes = read_parts(storage, group, SCHEMA.names)
    except FileNotFoundError:
        _log.info("%s is being compacted by another process", folder.path)
        return Compacted()
    rows = drop_duplicates(table, sizes)
    content = part_bytes(_by_mid(rows))
    name = part_name(folder, COMPACTED, 0, 0, content)
    storage.put(name, content)
    for part in group:
        if part.name != name:
            storage.delete(part.name)
    duplicates = table.num_rows - rows.num_rows
    saved = sum(part.size for part in group) - len(content)
    notify(f"{folder.path}: {len(group)} parts became one of {rows.num_rows:,} events")
    return Compacted(len(group), 1, duplicates, saved)


def _by_mid(table: pa.Table) -> pa.Table:
    return table.sort_by([("mid", "ascending"), ("server_time", "ascending")])
