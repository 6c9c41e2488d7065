"""Bytes recorded on the wire, when they arrived, and JSON values of every kind."""

from hypothesis import strategies as st

from bxpull_nb.models import Arrival

ARRIVAL = Arrival(1767225600000000, "shared", "websocket")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
