"""Sources of events other than channels: the portal's queues, read by REST."""

from bxpull_nb.sources.driver import SourcesDriver
from bxpull_nb.sources.options import SHARED_QUEUE, Sources

__all__ = ["SHARED_QUEUE", "Sources", "SourcesDriver"]
