"""The JSON of `params`: paths into it, and its values as columns.

Everything that reads inside `params` uses these modules: `path` reads and writes paths, `engine`
opens DuckDB, `flatten` lists all values of many JSON texts with their paths, `extract` gets the
values of a few paths, `typed` makes columns of them, `walk` goes into arrays and maps too,
`conditions` chooses events by their values, `changes` compares two values.
"""

from bxpull_nb.params.expand import expand_params
from bxpull_nb.params.path import Path

__all__ = ["Path", "expand_params"]
