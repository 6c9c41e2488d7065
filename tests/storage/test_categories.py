"""Categories read as codes are those that their texts give."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb.storage.export.table import to_df

names = st.none() | st.sampled_from(["", "a", "b", "Привет"])


@st.composite
def chunks(draw: st.DrawFn) -> pa.DictionaryArray:
    """Return codes and names as any program writes them: some unused, missing or doubled."""
    known = draw(st.lists(names, max_size=5))
    codes = draw(st.lists(st.none() | st.integers(0, len(known) - 1), max_size=8)) if known else []
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(known, pa.string()))


@settings(max_examples=300, deadline=None)
@given(st.lists(chunks(), min_size=1, max_size=3))
def test_codes_and_texts_give_the_same_categories(parts: list[pa.DictionaryArray]) -> None:
    """In the order in which the names appear, without those that no row has."""
    texts = [text for part in parts for text in part.to_pylist()]
    column = to_df(pa.table({"command": pa.chunked_array(parts)}))["command"]
    expected = pd.Series(np.array(texts, dtype=object), dtype="str").astype("category")
    seen = [text for text in dict.fromkeys(texts) if text is not None]
    pd.testing.assert_series_equal(
        column, expected.cat.set_categories(pd.Index(seen, dtype="str")), check_names=False
    )
