"""The values in the JSON of `params` as columns of a DataFrame."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import listed, quoted
from bxpull_nb.models.dataframes import needs_dataframe
from bxpull_nb.params.engine import opened
from bxpull_nb.params.extract import extracted
from bxpull_nb.params.flatten import Values, flattened
from bxpull_nb.params.path import Path
from bxpull_nb.params.texts import KINDS, Texts, is_whole, params_texts, readable
from bxpull_nb.params.typed import column

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["expand_params"]


def expand_params(
    frame: "pd.DataFrame",
    *,
    prefix: str = "params.",
    paths: Sequence[str] | None = None,
    max_level: int | None = None,
) -> "pd.DataFrame":
    """Return the rows with the JSON of `params` spread into columns after the others.

    Nested objects become paths (`params.fields.STAGE`), a key that holds a dot is quoted
    (`params."a.b"`). Lists and empty objects stay values, and so do maps: objects whose keys are
    all ids, and objects of more than 500 keys. `max_level` is how many levels of nested objects
    are spread: 0 keeps all of them as values. `paths` chooses paths, such as `stage`,
    `user.name`, `items[0].sku` or `items[].sku` (a list).

    A column has the type of its values: `Int64` (integers beyond it `UInt64`, beyond 64 bits
    Python's own), `Float64`, `boolean`, `str`, and objects for lists, maps and mixed types. A row
    without the key, or with null, has a missing value there. Params that are no object stay in a
    column `params`, and so does a text that is no JSON. Raises SettingsError for a path that no
    event has, and for a prefix by which two columns would have one name.

    >>> deals = feed.df[feed.df["command"] == "dealUpdate"]
    >>> bx.expand_params(deals, paths=["id", "stage"])
    """
    import pandas as pd

    needs_dataframe(frame, "expand_params()")
    _check(prefix, max_level)
    raw = params_texts(frame)
    with opened() as connection:
        given = readable(connection, raw)
        if paths is not None:
            named = list(_chosen(connection, given, paths))
        else:
            named = list(_all(connection, given, max_level, raw.filter(pa.array(given.bad))))
    columns = {_name(path, prefix): column(values, len(frame)) for path, values in named}
    _check_names(columns, frame, len(named), prefix)
    spread = pd.DataFrame(columns, index=frame.index, copy=False)
    return pd.concat([frame.drop(columns="params"), spread], axis=1)


def _listed_paths(paths: Any) -> list[Path]:
    try:
        if isinstance(paths, str | bytes | Mapping):
            raise TypeError
        given = list(paths)
    except Exception:  # noqa: BLE001 - any `__iter__`
        like = quoted(paths) if isinstance(paths, str) else "'stage'"
        raise SettingsError(
            f"paths={quoted(paths)}: give a list of paths, such as [{like}]."
        ) from None
    return list(dict.fromkeys(map(Path.of, given)))


def _check(prefix: Any, max_level: Any) -> None:
    if not isinstance(prefix, str) or not is_whole(prefix):
        raise SettingsError(f"prefix={quoted(prefix)}: give a text, such as 'params.'.")
    if max_level is not None and (not isinstance(max_level, int) or max_level < 0):
        raise SettingsError(f"max_level={quoted(max_level)}: give a number of levels, 0 or more.")


def _name(path: Path, prefix: str) -> str:
    return f"{prefix}{path}" if path else prefix.removesuffix(".") or "params"


def _check_names(names: Collection[str], df: "pd.DataFrame", count: int, prefix: str) -> None:
    """Raise SettingsError for two columns of one name, of which pandas would find neither."""
    twice = sorted(set(names) & set(map(str, df.columns)) - {"params"})
    if len(names) < count:
        twice = ["params"]
    if twice:
        raise SettingsError(
            f"prefix={quoted(prefix)}: two columns would be called {listed(twice)}. Choose "
            f"another prefix, or take the other column out."
        )


def _chosen(
    connection: "duckdb.DuckDBPyConnection", given: Texts, paths: Sequence[str]
) -> Iterator[tuple[Path, Values]]:
    """Yield the values of these paths; SettingsError for a path without any."""
    wanted = _listed_paths(paths)
    for path, values in zip(wanted, extracted(connection, given, wanted), strict=True):
        if not len(values.rows) and (given.kinds >= 0).any():
            known = [str(Path.keys(*keys)) for keys in flattened(connection, given) if keys]
            raise SettingsError(
                f"no event here has the path {listed([str(path)])} in its params. Paths that there "
                f"are: {listed(known)}."
            )
        yield path, values


def _all(
    connection: "duckdb.DuckDBPyConnection", given: Texts, max_level: int | None, bad: Any
) -> Iterator[tuple[Path, Values]]:
    """Yield the values of all paths; what is no object, and the bad texts, under the path ()."""
    found = flattened(connection, given, max_level)
    whole = _without_empty(found.pop((), None))
    if len(bad):
        kinds = np.full(len(bad), KINDS.index("VARCHAR"))
        whole = _joined(whole, Values(np.flatnonzero(given.bad), kinds, bad))
    if whole is not None:
        yield Path(), whole
    for keys, values in found.items():
        yield Path.keys(*keys), values


def _without_empty(values: Values | None) -> Values | None:
    """Drop params that are null, {} or [] (PHP's empty map): such an event has none."""
    if values is None:
        return None
    empty = {KINDS.index("ARRAY"): "[]", KINDS.index("OBJECT"): "{}", KINDS.index("NULL"): None}
    pairs = zip(values.kinds.tolist(), values.texts.to_pylist(), strict=True)
    kept = np.array([kind not in empty or empty[kind] != text for kind, text in pairs], bool)
    texts = values.texts.filter(pa.array(kept))
    return Values(values.rows[kept], values.kinds[kept], texts) if kept.any() else None


def _joined(one: Values | None, other: Values) -> Values:
    if one is None:
        return other
    texts = pa.concat_arrays([one.texts, other.texts])
    rows, kinds = np.concatenate([one.rows, other.rows]), np.concatenate([one.kinds, other.kinds])
    return Values(rows, kinds, texts)
