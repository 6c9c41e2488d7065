"""A feed reports events that its journal's disk did not take: when it stops, and the next one."""

from pathlib import Path

import pytest

from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import read_journal_events
from bxpull_nb.storage.journal.lost_note import Lost, LostNote
from tests.support.events import full_disk
from tests.support.waiting import eventually


def reported(feed: Feed) -> list[tuple[int | None, str]]:
    """The counts of the feed's entries about lost events, and how each begins."""
    entries = [one for one in feed.logbook.recent() if one.kind == "journal_lost"]
    return [(one.count, one.text[:12]) for one in entries]


def publish(sandbox: Sandbox, feed: Feed, count: int) -> None:
    """Publish so many events, one frame each, and wait until the feed has them."""
    for _ in range(count):
        sandbox.publish("test")
        feed.wait(1, timeout=10)


def test_a_feed_reports_what_its_journal_lacks(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """Once when it stops, and once when it starts again: it is asked for then."""
    feed = portal.feed("shared").start(journal=tmp_path)
    publish(sandbox, feed, 2)
    with full_disk("000001.bxj"):
        publish(sandbox, feed, 3)
        assert LostNote(tmp_path).read() == Lost(waiting=3)  # whatever ends the process
        feed.stop()
        feed.stop()
    assert reported(feed) == [(3, "3 events (3 ")]
    assert LostNote(tmp_path).read() == Lost(3, 3)
    with Portal(AccessToken(sandbox.url, sandbox.token)) as another:
        later = another.feed("shared").start(journal=tmp_path)
        assert reported(later) == [(3, "the last run")]
        later.wait(3, timeout=10)
        later.stop()
        assert len(reported(later)) == 1
    assert LostNote(tmp_path).read() == Lost()
    assert len(read_journal_events(tmp_path)) == 5


def test_a_feed_that_fails_reports_it_too(
    sandbox: Sandbox, portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stops it any more."""
    feed = portal.feed("shared").start(journal=tmp_path)
    with full_disk("000001.bxj"):
        publish(sandbox, feed, 2)

        def fail(_records: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(feed._hub.log, "extend", fail)
        sandbox.publish("test")
        eventually(lambda: reported(feed) == [(3, "3 events (3 ")])
    assert feed.state == "failed"
    assert LostNote(tmp_path).read() == Lost(3, 3)


def test_a_disk_that_has_room_again_costs_nothing(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """The note is corrected with the next event, before the feed stops."""
    feed = portal.feed("shared").start(journal=tmp_path)
    with full_disk("000001.bxj"):
        publish(sandbox, feed, 3)
    assert feed.journal is not None
    feed.journal._open_writer._retry_at = 0  # the next try is due
    publish(sandbox, feed, 1)
    assert LostNote(tmp_path).read() == Lost()
    feed.stop()
    assert reported(feed) == []
