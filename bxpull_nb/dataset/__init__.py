"""Events of many portals and months: written by collectors, read by pandas or Dask."""

from bxpull_nb.dataset.compaction import Compacted, compact
from bxpull_nb.dataset.reading import read_events
from bxpull_nb.dataset.shipping import PART_BYTES, Shipper, Written
from bxpull_nb.dataset.storage import shown_url

__all__ = [
    "PART_BYTES",
    "Compacted",
    "Shipper",
    "Written",
    "compact",
    "read_events",
    "shown_url",
]
