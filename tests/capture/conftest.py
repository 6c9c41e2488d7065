"""A feed that runs, for the tests of a capture."""

import pytest

from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal


@pytest.fixture
def feed(portal: Portal) -> Feed:
    """Return a running feed on both channels by WebSocket."""
    return portal.feed(transport="websocket").start()
