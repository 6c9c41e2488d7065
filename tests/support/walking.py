"""Every value of decoded JSON with its path: the plain way, to compare answers with."""

from collections.abc import Iterator
from typing import Any

from bxpull_nb.params.path import ANY_ID, EACH, All, Key, Path, Step, is_id

__all__ = ["kind", "walked"]


def walked(value: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value with its path, as the documentation has them."""
    yield Path(steps), value
    if isinstance(value, list):
        for inner in value:
            yield from walked(inner, (*steps, All(EACH)))
    if isinstance(value, dict):
        is_map = bool(value) and all(map(is_id, value))
        for key, inner in value.items():
            yield from walked(inner, (*steps, All(ANY_ID) if is_map else Key(key)))


def kind(value: Any) -> str:
    """Return the type of a value in the words of JSON Schema."""
    names = {dict: "object", list: "array", str: "string", float: "number", int: "integer"}
    return {type(None): "null", bool: "boolean", **names}[type(value)]
