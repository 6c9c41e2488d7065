"""Reading parts: their rows as tables of one schema, checked."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from bxpull_nb.errors import FileFormatError
from bxpull_nb.storage.dataset.layout import Part
from bxpull_nb.storage.dataset.schema import SCHEMA
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.parquet import check_version
from bxpull_nb.storage.export.table import check_columns

__all__ = ["fragments", "read_parts"]


def read_parts(
    storage: Storage, parts: Iterable[Part], columns: Sequence[str], where: Any = None
) -> list[pa.Table]:
    """Return the rows of each part that meet the expression `where`, after an empty table.

    Raises FileFormatError for a part that is damaged or not ours, DatasetTooNew for one of a
    later version, FileNotFoundError for one that is gone, DatasetUnreachable.
    """
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    tables = [schema.empty_table()]
    for part, fragment in fragments(storage, parts):
        with _named(storage, part):
            tables.append(fragment.to_table(columns=list(columns), filter=where).cast(schema))
    return tables


def fragments(storage: Storage, parts: Iterable[Part]) -> list[tuple[Part, Any]]:
    """Return the parts as Arrow fragments, with their footers read and checked."""
    from pyarrow import dataset

    kind = dataset.ParquetFileFormat()
    filesystem, found = storage.arrow(), []
    for part in parts:
        with _named(storage, part):
            fragment = kind.make_fragment(storage.path(part.name), filesystem=filesystem)
            schema = fragment.physical_schema
        check_version(schema, part.name)
        check_columns(schema.names, part.name)
        found.append((part, fragment))
    return found


@contextmanager
def _named(storage: Storage, part: Part) -> Iterator[None]:
    """Turn errors of Arrow into errors that name the part and what to do."""
    with storage.reading():
        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowTypeError) as exc:
            raise FileFormatError(
                f"{part.name} cannot be read as Parquet ({exc}). Was it copied only in part? "
                f"Copy it again, or take it out of the dataset."
            ) from exc
