"""Shorter pauses of the product, where a test cannot give a `Timing` of its own."""

from typing import Any

import pytest

from bxpull_nb.listener import Timing

__all__ = ["quicken"]


def quicken(patch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Change defaults of `Timing`, also for listeners that a function or a command makes."""
    init: Any = Timing.__init__
    for name, value in seconds.items():
        assert name in init.__kwdefaults__
        patch.setitem(init.__kwdefaults__, name, value)
