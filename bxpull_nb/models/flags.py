"""Yes or no, as people give it to a function."""

from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = ["flag"]


def flag(name: str, value: Any) -> bool:
    """Return True or False; raises SettingsError for a value without a truth, such as an array.

    >>> flag("raw", 1)
    True
    """
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - any `__bool__`
        raise SettingsError(f"{name}={quoted(value)}: give True or False.") from None
