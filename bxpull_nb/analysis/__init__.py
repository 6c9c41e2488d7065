"""Tables of a capture, made from the events without reading their params.

Every function takes a DataFrame with the columns of `EVENT_COLUMNS`, its rows in any order, and
returns a new one; it neither keeps nor changes its argument. Times are UTC in microseconds. An
event's moment is `received_at`; rows without one are counted, but belong to no interval. Without
events the table has no rows, but the same columns and dtypes.

Each function takes a DataFrame of Dask too: its scheduler computes it, part by part, and the
table equals the one of pandas.

`bx.expand_params` makes columns of the params.
"""

from bxpull_nb.analysis.counts import rates, summary, who
from bxpull_nb.analysis.intervals import Span
from bxpull_nb.analysis.since import since
from bxpull_nb.analysis.times import gaps, lag, sessions

__all__ = ["Span", "gaps", "lag", "rates", "sessions", "since", "summary", "who"]
