"""A DataFrame of events that exists already, with pseudonyms in its params."""

from typing import TYPE_CHECKING

from bxpull_nb.errors import SettingsError
from bxpull_nb.privacy.params import Params
from bxpull_nb.privacy.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pseudonymised"]


def pseudonymised(events: "pd.DataFrame", key: "str | bytes | Pseudonyms") -> "pd.DataFrame":
    """Return a copy of the events whose `params` hold pseudonyms; the other columns stay.

    `key` is a key, or the `Pseudonyms` of a feed. All rows are learnt from before one is
    rewritten, so a name is replaced in earlier texts too. Rows with an `error` keep their size
    only. Raises SettingsError without a column `params` of texts.

    >>> shared = bx.pseudonymised(feed.df, "a key of sixteen characters or more")
    """
    by = key if isinstance(key, Pseudonyms) else Pseudonyms(key)
    texts = _texts_of(events)
    commands = list(events["command"]) if "command" in events.columns else [None] * len(texts)
    params = [
        None if text is None else Params(text.encode(errors="replace"), _text(command), by)
        for text, command in zip(texts, commands, strict=True)
    ]
    for one in params:
        if one is not None:
            one.learn()
    made = [None if one is None else one.rewritten().decode() for one in params]
    changed = events.copy()
    changed["params"] = _column(made, events["params"])
    return changed


def _texts_of(events: "pd.DataFrame") -> list[str | None]:
    import pandas as pd

    if not isinstance(events, pd.DataFrame) or "params" not in events.columns:
        raise SettingsError(
            "pseudonymised: this is no DataFrame with a column params. Give feed.df, or what "
            "bx.read_events returns."
        )
    if not events.columns.is_unique:
        raise SettingsError(
            "pseudonymised: the DataFrame has two columns of one name. Keep one: "
            "df.loc[:, ~df.columns.duplicated()]."
        )
    texts = [None if pd.isna(text) else text for text in events["params"]]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise SettingsError("pseudonymised: the column params holds other values than JSON texts.")
    return texts


def _column(texts: list[str | None], before: "pd.Series[str]") -> "pd.Series[str]":
    import pandas as pd

    return pd.Series(texts, index=before.index, dtype=before.dtype, name="params")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
