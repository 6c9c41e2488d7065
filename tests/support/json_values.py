"""Random JSON for property tests: what portals send, and what breaks readers of JSON."""

from typing import Any

from hypothesis import strategies as st

__all__ = ["json_objects", "json_values", "keys"]

_HOSTILE = ["id", "stage", "a.b", "a", "b", 'a"b', "x[0]", "", "Ключ", "7", "15", "$", "/p"]
_HOSTILE += ["A", "c d", "[]", "{id}"]
keys = st.sampled_from(_HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
_numbers = st.sampled_from([0, -1, 1 << 31, 9007199254740993, -(1 << 63), (1 << 64) - 1, 1 << 70])
_scalars = (
    st.none()
    | st.booleans()
    | _numbers
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "WON", "Сделка", "12", "true", "null", '"', "\\", "\n", "\x00"])
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
json_objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, json_values, max_size=4)
