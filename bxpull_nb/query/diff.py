"""The differences between the params of two events."""

from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.json_text import decoded
from bxpull_nb.params.changes import changes

if TYPE_CHECKING:
    from bxpull_nb.query.diff_table import DiffTable

__all__ = ["diff"]


def diff(a: Any, b: Any) -> "DiffTable":
    """Return a row for each path whose value differs between the params of two events.

    `a` and `b` are events, rows of a DataFrame (`df.iloc[0]`, or a DataFrame of one row), JSON
    texts, or decoded params. The columns:

    - `path`: `stage`, `items[0].sku`; `$` where the whole params differ
    - `from`, `to`: the values; `pd.NA` where there is none, None for null

    `1` and `1.0` are equal, `1` and `"1"` are not; `[]` is PHP's empty map too. In a notebook the
    table shows itself in colours, and `.to_text(color=True)` is the same for a terminal. Raises
    SettingsError for other values.

    >>> bx.diff(feed.df.iloc[-2], feed.df.iloc[-1])
    """
    from bxpull_nb.query.diff_table import table_of

    return table_of(changes(_params(a), _params(b)))


def _params(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, pd.DataFrame) and len(value) == 1:
        value = value.iloc[0]
    if isinstance(value, pd.Series):
        value = value.get("params")
    elif not isinstance(value, str | dict | list):
        text = getattr(value, "params_json", None)
        value = text.decode(errors="replace") if isinstance(text, bytes) else _of_tuple(value)
    if isinstance(value, str):
        return decoded(value)
    if isinstance(value, dict | list):
        return value
    raise SettingsError(
        f"{quoted(value)} is no event: give an event, a row of a DataFrame with params, a JSON "
        f"text or decoded params."
    )


def _of_tuple(value: Any) -> Any:
    """Return the params of a row of `df.itertuples()`; another value as it is."""
    text = getattr(value, "params", None)
    return text if isinstance(text, str) else value
