"""Values that break what trusts its arguments."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["HOSTILE", "SECRET", "Broken", "coroutine_function"]

SECRET = "0123456789abcdef" * 2


class Broken:
    """An object of which every question fails."""

    def _fail(self, *_: object) -> Any:
        raise ZeroDivisionError(SECRET)

    __eq__ = __bool__ = __float__ = __index__ = __str__ = __repr__ = __iter__ = __len__ = _fail
    __lt__ = __gt__ = __le__ = __ge__ = __fspath__ = __contains__ = __getitem__ = _fail
    __hash__ = None  # type: ignore[assignment]


async def coroutine_function(_: object) -> bool:
    """Return what is never awaited."""
    return True


def fails(_: object) -> bool:
    """Raise an error whose text fails too."""
    raise type("Mute", (Exception,), {"__str__": Broken._fail})


HOSTILE: dict[str, Any] = {
    "nothing": "",
    "text": "x",
    "bytes": b"x",
    "nul": "a\0b",
    "surrogate": "\ud800",
    "secret": SECRET,
    "home": "~unknown-user/x",
    "zero": 0,
    "negative": -1,
    "true": True,
    "fraction": 1.5,
    "nan": math.nan,
    "infinite": math.inf,
    "huge": 10**400,
    "decimal": Decimal("NaN"),
    "complex": 1j,
    "list": [],
    "nested": [[1]],
    "dict": {},
    "dots": ...,
    "numpy": np.int64(3),
    "array": np.array([1, 2]),
    "missing": pd.NA,
    "no time": pd.NaT,
    "span": pd.Timedelta("1s"),
    "frame": pd.DataFrame({"a": [1]}),
    "broken": Broken(),
    "class": Broken,
    "coroutine function": coroutine_function,
    "failing function": fails,
    "coroutine maker": lambda record: coroutine_function(record),
    "array maker": lambda _: np.array([1, 2]),
    "missing maker": lambda _: pd.NA,
}
