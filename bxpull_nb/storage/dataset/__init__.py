"""Events of many portals and months, written by collectors, read by pandas or Dask."""

from bxpull_nb.storage.dataset.compaction import Compacted, compact
from bxpull_nb.storage.dataset.reading import read_events
from bxpull_nb.storage.dataset.storage import shown_url
from bxpull_nb.storage.dataset.uploader import PART_BYTES, Uploader, Written

__all__ = [
    "PART_BYTES",
    "Compacted",
    "Uploader",
    "Written",
    "compact",
    "read_events",
    "shown_url",
]
