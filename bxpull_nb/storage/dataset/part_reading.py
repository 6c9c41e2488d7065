"""Reading parts: their rows as tables of one schema, checked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import reason_of, scrub
from bxpull_nb.storage.dataset.part_names import Part
from bxpull_nb.storage.dataset.schema import CATEGORIES, SCHEMA
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.parquet import check_version
from bxpull_nb.storage.export.table import check_columns, with_later_columns

__all__ = ["fragments", "read_parts"]

ChosenByParams = Callable[[pa.ChunkedArray], np.ndarray]
_JOINED = 256  # tables joined into one


def read_parts(
    storage: Storage,
    parts: Iterable[Part],
    columns: Sequence[str],
    where: Any = None,
    chosen: ChosenByParams | None = None,
) -> tuple[pa.Table, list[int]]:
    """Return the rows that meet the expression `where`, and the number of those of each part.

    `chosen` returns a mask of rows by their params. Small tables are joined as they come: a table
    and a footer take more memory than a few rows.
    Raises FileFormatError for a part that is damaged or not ours, DatasetTooNew for one of a
    later version, FileNotFoundError for one that is gone, DatasetUnreachable.
    """
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    joined, small, sizes = [], [schema.empty_table()], []
    for part, fragment in fragments(storage, parts, where):
        with _named(storage, part):
            small.append(_rows(fragment, list(columns), where, chosen).cast(schema))
        sizes.append(small[-1].num_rows)
        if len(small) >= _JOINED:
            joined.append(pa.concat_tables(small).combine_chunks())
            small = []
    return pa.concat_tables([*joined, *small]), sizes


def _rows(fragment: Any, columns: list[str], where: Any, chosen: ChosenByParams | None) -> pa.Table:
    """Return the rows; `params` decide alone, and the other columns are read only if any is met."""
    there = [name for name in columns if name in fragment.physical_schema.names]
    if chosen is None:
        table = fragment.to_table(columns=there, filter=where)
        return with_later_columns(table).select(columns)
    params = fragment.to_table(columns=["params"], filter=where)
    met = pa.array(chosen(params["params"]))
    rest = [name for name in there if name != "params"]
    table = fragment.to_table(columns=rest, filter=where).append_column("params", params["params"])
    return with_later_columns(table.filter(met)).select(columns)


def fragments(
    storage: Storage, parts: Iterable[Part], where: Any = None
) -> Iterator[tuple[Part, Any]]:
    """Yield the parts as Arrow fragments, with their footers read and checked.

    A fragment has the row groups whose statistics do not exclude that rows meet `where`.
    """
    from pyarrow import dataset

    options = dataset.ParquetReadOptions(dictionary_columns=CATEGORIES)  # read in half the time
    coded, plain = dataset.ParquetFileFormat(read_options=options), dataset.ParquetFileFormat()
    kind, filesystem = coded if where is None else plain, storage.arrow()
    for part in parts:
        with _named(storage, part):
            fragment = kind.make_fragment(storage.path(part.name), filesystem=filesystem)
            schema = fragment.physical_schema
        check_version(schema, part.name)
        check_columns(schema.names, part.name)
        if where is not None:  # of a coded column no statistics are looked at
            groups = [group.id for group in fragment.subset(where).row_groups]
            fragment = coded.make_fragment(fragment.path, filesystem, row_groups=groups)
        yield part, fragment


@contextmanager
def _named(storage: Storage, part: Part) -> Iterator[None]:
    """Turn errors of Arrow into errors that name the part and what to do."""
    with storage.reading():
        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as exc:
            if isinstance(exc, OSError) and not _is_damage(storage, exc):
                raise
            raise FileFormatError(
                f"{part.name} cannot be read as Parquet ({reason_of(exc)}). Was it copied only "
                "in part? Copy it again, or take it out of the dataset."
            ) from scrub(exc)


def _is_damage(storage: Storage, error: OSError) -> bool:
    """Whether Arrow found damaged content: errors of a local file system have a number."""
    return storage.is_local and error.errno is None
