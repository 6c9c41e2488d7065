"""The values of a few paths in many JSON texts, in columns."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from bxpull_nb.params.engine import of_texts
from bxpull_nb.params.flatten import Values
from bxpull_nb.params.path import Path
from bxpull_nb.params.texts import KINDS, Texts, kinds_of

if TYPE_CHECKING:
    import duckdb

__all__ = ["extracted"]

_ARRAY = KINDS.index("ARRAY")


def extracted(
    connection: "duckdb.DuckDBPyConnection", given: Texts, paths: Sequence[Path]
) -> list[Values]:
    """Return the values of each path, one to a row.

    A path to many values gives one array of them all, in rows where there is any.
    """
    plain = [path for path in paths if not path.is_many]
    found = dict(zip(plain, _singles(connection, given, plain), strict=True))
    return [found[path] if path in found else _many(connection, given, path) for path in paths]


def _singles(
    connection: "duckdb.DuckDBPyConnection", given: Texts, paths: Sequence[Path]
) -> Iterator[Values]:
    if not paths:
        return
    query = "SELECT json_type(text, $paths), text ->> $paths FROM texts WHERE text IS NOT NULL"
    where = {"paths": [path.json_path for path in paths]}
    kinds, texts = (column.flatten() for column in of_texts(connection, query, given.texts, where))
    rows, places = np.flatnonzero(given.kinds >= 0), kinds_of(kinds)
    for start in range(len(paths)):
        found = np.flatnonzero(places[start :: len(paths)] >= 0)
        every = found * len(paths) + start
        yield Values(rows[found], places[every], texts.take(pa.array(every)))


def _many(connection: "duckdb.DuckDBPyConnection", given: Texts, path: Path) -> Values:
    query = """
        SELECT len(found) > 0, to_json(found)::VARCHAR
        FROM (SELECT json_extract(text, $path) AS found FROM texts)
    """
    there, texts = of_texts(connection, query, given.texts, {"path": path.json_path})
    rows = np.flatnonzero(there.fill_null(False).to_numpy(zero_copy_only=False))
    return Values(rows, np.full(len(rows), _ARRAY), texts.take(pa.array(rows)))
