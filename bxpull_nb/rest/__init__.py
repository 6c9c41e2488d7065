"""Authenticated calls to the portal, with limits, retries, batches, pages and typed answers."""

from bxpull_nb.rest.batch import BatchResult
from bxpull_nb.rest.client import PORTAL_LIMIT, RestClient
from bxpull_nb.rest.pages import Page
from bxpull_nb.rest.params import as_json
from bxpull_nb.rest.rate_limit import LeakyBucket
from bxpull_nb.rest.retry import operating_wait, retry_delay

__all__ = [
    "PORTAL_LIMIT",
    "BatchResult",
    "LeakyBucket",
    "Page",
    "RestClient",
    "as_json",
    "operating_wait",
    "retry_delay",
]
