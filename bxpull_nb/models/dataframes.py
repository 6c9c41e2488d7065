"""The engine of a DataFrame of events: pandas or Dask."""

from typing import Any

from bxpull_nb.errors import SettingsError

__all__ = ["is_dask", "needs_pandas"]


def is_dask(df: Any) -> bool:
    """Whether `df` is a DataFrame of Dask; Dask is not loaded to find out."""
    return type(df).__module__.partition(".")[0] == "dask"


def needs_pandas(df: Any, function: str) -> None:
    """Raise SettingsError for a DataFrame of Dask, which may be larger than memory."""
    if is_dask(df):
        raise SettingsError(
            f"{function} needs a frame of pandas: choose a part by read_events(where=...), or "
            f"take df[...].compute()."
        )
