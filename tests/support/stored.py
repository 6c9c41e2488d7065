"""Records that arrive at a feed without a server."""

from bxpull_nb.capture.feed import Feed
from bxpull_nb.models import Batch, Record
from tests.support.rows import params

__all__ = ["number", "store"]


def store(feed: Feed, *records: Record) -> None:
    """Let the records arrive as from the listener: on its thread."""

    async def arrive() -> None:
        feed._hub.store(Batch(list(records)))

    feed.bridge.run(arrive())


def number(record: Record) -> int:
    """Return the number of an event."""
    return int(params(record)["n"])
