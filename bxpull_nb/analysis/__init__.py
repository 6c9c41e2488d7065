"""What a capture says: tables made from the events, without reading their params.

Every function takes a DataFrame with the columns of `EVENT_COLUMNS`, in any order of rows, and
gives a new one; none keeps or changes the frame. Times are UTC in microseconds. An event's
moment is `received_at`; rows without one are counted, but stand at no moment. A frame without
rows gives a table without rows, with the same columns and dtypes.

Each takes a frame of Dask too: its scheduler computes it, part by part, and the table is the one
that pandas would give.

`bx.expand_params` makes columns of the params.
"""

from bxpull_nb.analysis.counts import rates, summary, who
from bxpull_nb.analysis.intervals import Span
from bxpull_nb.analysis.since import since
from bxpull_nb.analysis.times import gaps, lag, sessions

__all__ = ["Span", "gaps", "lag", "rates", "sessions", "since", "summary", "who"]
