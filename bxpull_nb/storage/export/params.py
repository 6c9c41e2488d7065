"""Spreading the JSON of `params` into columns."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.models.dataframes import needs_pandas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expand_params"]


def expand_params(frame: "pd.DataFrame", *, prefix: str = "params.") -> "pd.DataFrame":
    """Return the rows with the JSON of `params` spread into columns after the others.

    Nested objects become dotted names (`params.fields.STAGE`), lists stay lists. Params that
    are no object stay in a column `params`. A row that lacks a key has NaN there.
    """
    import pandas as pd

    needs_pandas(frame, "expand_params()")
    decode = msgspec.json.decode
    rows = [decode(text) if isinstance(text, str) else None for text in frame["params"]]
    flat = [{} if row is None or row in ({}, []) else dict(_flat(row, prefix)) for row in rows]
    spread = pd.DataFrame(flat, index=frame.index)
    return pd.concat([frame.drop(columns="params"), spread], axis=1)


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name.removesuffix("."), value
        return
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _flat(inner, f"{name}{key}.")
        else:
            yield f"{name}{key}", inner
