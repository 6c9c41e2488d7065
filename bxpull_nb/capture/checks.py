"""Checks of a caller's arguments: each returns the value to use, or raises SettingsError."""

import inspect
import math
import os
import reprlib
import threading
from operator import index
from pathlib import Path
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask_codes
from bxpull_nb.storage.journal import Journal

__all__ = [
    "checked_count",
    "checked_function",
    "checked_journal",
    "checked_label",
    "checked_row",
    "checked_seconds",
    "shown",
]


def checked_label(name: str, value: Any) -> str:
    """Return the text; raises SettingsError for anything else."""
    if not isinstance(value, str):
        raise SettingsError(f"{name}={shown(value)}: give it as text.")
    return value


def checked_row(name: str, value: Any) -> int:
    """Return the whole number; raises SettingsError for anything else."""
    try:
        return index(value)
    except Exception:  # noqa: BLE001 - any `__index__`
        raise SettingsError(f"{name}={shown(value)}: give a row's number.") from None


def checked_journal(value: Any) -> Journal | Path | None:
    """Return the journal, or its folder; raises SettingsError for what is no path."""
    if value is None or isinstance(value, Journal):
        return value
    try:
        folder = Path(value).expanduser()
        if b"\0" in os.fsencode(folder):
            raise ValueError("a path holds no NUL")
    except Exception as exc:  # noqa: BLE001 - any `__fspath__`
        raise SettingsError(
            f"journal={shown(value)}: give a folder's path or a Journal ({type(exc).__name__})."
        ) from None
    return folder


def checked_function(name: str, value: Any) -> Any:
    """Return the function; raises SettingsError for anything else, and for a coroutine function."""
    if not callable(value):
        raise SettingsError(f"{name}={shown(value)}: give a function of one event.")
    call = getattr(value, "__call__", None)  # noqa: B004 - of an object whose call is a coroutine
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(call):
        raise SettingsError(
            f"{name}={shown(value)} is a coroutine function, which would never be awaited. Give a "
            f"plain function; in a coroutine, use `async with feed.stream() as events`."
        )
    return value


def checked_seconds(name: str, value: Any) -> float | None:
    """Return a time limit in seconds; None for none, and for one beyond a thread's patience.

    Raises SettingsError for what is no number of seconds. A negative limit has passed: 0.
    """
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, str | bytes) else float(value)
    except Exception:  # noqa: BLE001 - any `__float__`
        seconds = math.nan
    if math.isnan(seconds):
        raise SettingsError(f"{name}={shown(value)}: give seconds, or None for no limit.")
    return None if seconds > threading.TIMEOUT_MAX else max(seconds, 0.0)


def checked_count(name: str, value: Any, what: str) -> int:
    """Return the whole number; raises SettingsError unless it is 1 or more."""
    try:
        count = index(value)
    except Exception:  # noqa: BLE001 - any `__index__`
        count = 0
    if count < 1:
        raise SettingsError(f"{name}={shown(value)}: {what}.")
    return count


def shown(value: Any) -> str:
    """Return a function's name, or a value's repr: short, on one line, with secrets masked."""
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else " ".join(mask_codes(_MASKED.repr(value)).split())


class _Masked(reprlib.Repr):
    """Masks a text before it is cut: half a secret would not be recognised."""

    def __init__(self) -> None:
        super().__init__()
        self.maxdict = self.maxlist = self.maxtuple = 20  # entries
        self.maxstring = self.maxother = 200  # characters

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(mask_codes(x), level)


_MASKED = _Masked()
