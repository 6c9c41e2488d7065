"""Numbers with their nouns."""

import pytest

import bxpull_nb as bx
from bxpull_nb.models.counted import counted
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("event",), "0 events"),
        (1, ("event",), "1 event"),
        (1234, ("event",), "1,234 events"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_the_noun_follows_the_number(number: int, nouns: tuple[str, ...], text: str) -> None:
    """Also where its plural is irregular."""
    assert counted(number, *nouns) == text


def test_a_feed_of_one_event_has_one(portal: Portal, sandbox: Sandbox) -> None:
    """In each of its texts."""
    feed = bx.listen(portal)
    sandbox.publish("a", {})
    feed.wait(1, timeout=5)
    for text in (repr(feed), repr(feed.stats), repr(feed.log)):
        assert "1 events" not in text
        assert "1 rows" not in text
    assert "1 event)" in repr(feed)
