"""JSON texts of strangers as Python values, without an error for any of them."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["all_decoded", "decoded"]


def decoded(text: str | bytes) -> Any:
    """Return a JSON text's value as `json.loads` does; any other text itself.

    The text is returned, too, when it is nested too deeply, or has a number of thousands of digits.

    >>> decoded(b'{"a": 1e400}')
    {'a': inf}
    >>> decoded("x")
    'x'
    """
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):  # such as 1e400, which json.loads takes
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace") if isinstance(text, bytes) else text


def all_decoded(texts: Sequence[str]) -> list[Any]:
    """Return the values of JSON texts as `decoded` does, in a third of the time."""
    try:
        values: list[Any] = msgspec.json.decode(f"[{','.join(texts)}]")
    except (ValueError, RecursionError):
        return list(map(decoded, texts))
    return values
