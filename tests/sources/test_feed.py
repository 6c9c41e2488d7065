"""Offline events and chat events in a feed, as a user holds it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import SettingsError
from bxpull_nb.listener import Timing
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.waiting import eventually

QUICK = Timing(source_rate=100.0, chat_every=0.1, late=0.0)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Open a portal with the scopes of both queues."""
    with Sandbox(scope=("pull", "crm", "im", "user", "task")) as sandbox:
        yield sandbox


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Portal]:
    """Return the portal as a client holds it."""
    with Portal(AccessToken(sandbox.url, sandbox.token), limit=None, timing=QUICK) as portal:
        yield portal


def sources(feed: Feed) -> list[str]:
    """Return the sources of the rows, without doorbells."""
    df = feed.df
    found: list[str] = df[df["command"] != "event_offline"]["source"].tolist()
    return found


def test_three_sources_are_one_dataframe(sandbox: Sandbox, portal: Portal, tmp_path: Path) -> None:
    """And one journal, one file, one report."""
    feed = bx.listen(portal, events="crm", chat=True, enrich=True, journal=tmp_path / "journal")
    sandbox.publish("a", {"n": 1})
    sandbox.change_deal(15, STAGE_ID="WON")
    sandbox.chat_message("hello")
    eventually(lambda: len(sources(feed)) == 3)
    assert sorted(sources(feed)) == ["channel", "chat", "offline"]
    deal = feed.df[feed.df["source"] == "offline"].iloc[0]
    assert (deal["module_id"], deal["command"]) == ("crm", "ONCRMDEALUPDATE")
    assert '"STAGE_ID":"WON"' in deal["params"]
    assert set(bx.trace(feed, "deal", 15)["command"]) == {"ONCRMDEALUPDATE"}
    assert bx.read_events(feed.to_csv(tmp_path / "e.csv"))["source"].tolist() == (
        feed.df["source"].tolist()
    )
    assert bx.read_events(tmp_path / "journal")["source"].tolist() == feed.df["source"].tolist()
    report = feed.report()
    assert report.sources["offline"].events == report.sources["chat"].events == 1
    assert report.events == len(feed)
    assert "offline              running: 1 events in" in repr(report)
    assert "the last state of an object" in report.risk


def test_the_same_sources_give_the_same_feed(portal: Portal) -> None:
    """Others are another feed; so is none."""
    feed = portal.listen(events="crm")
    assert portal.listen(events=["crm"]) is feed
    assert portal.listen() is not feed
    assert portal.listen(events="task") is not feed
    assert len(portal.feeds) == 3


def test_two_readers_of_one_queue_are_warned_of(portal: Portal) -> None:
    """Where it can be known: in one portal of this process."""
    portal.listen(events="crm")
    other = portal.listen(events="task")
    found = other.logbook.df
    assert "queue_shared" in found["kind"].tolist()
    text = found[found["kind"] == "queue_shared"]["text"].iloc[0]
    assert "reads the queue of offline events too. Two readers of one queue get a part" in text
    alone = portal.listen(events="task", auth_connector="mine")
    assert "queue_shared" not in alone.logbook.df["kind"].tolist()


def test_a_stopped_feed_continues_and_has_nothing_twice(sandbox: Sandbox, portal: Portal) -> None:
    """Its bindings stay, so the queue fills meanwhile."""
    feed = portal.listen(events="crm", chat=True)
    sandbox.change_deal(1, TITLE="a")
    sandbox.chat_message("a")
    eventually(lambda: sorted(sources(feed)) == ["chat", "offline"])
    feed.stop()
    assert feed.report().sources["offline"].state == "stopped"
    sandbox.change_deal(2, TITLE="b")
    sandbox.chat_message("b")
    feed.start()
    eventually(lambda: sorted(sources(feed)) == ["chat", "chat", "offline", "offline"])
    eventually(lambda: not sandbox.offline_queue() and not sandbox.chat_queue())
    assert len(sources(feed)) == 4


def test_unbind(portal: Portal) -> None:
    """A feed without other sources has nothing to end."""
    feed = portal.listen(events="crm")
    assert len(portal.call("event.get")) == 6
    feed.unbind()
    assert portal.call("event.get") == []
    assert "unbound" in feed.logbook.df["kind"].tolist()
    with pytest.raises(SettingsError, match="nothing bound at the portal"):
        portal.listen().unbind()


def test_a_coroutine_listens_to_them_too(sandbox: Sandbox, portal: Portal) -> None:
    """By `listen_async`."""

    async def scenario() -> str:
        feed = await portal.listen_async("shared", events="crm")
        async with feed.stream("ONCRMDEALUPDATE") as events:
            sandbox.change_deal(7, TITLE="x")
            async with asyncio.timeout(10):
                async for event in events:
                    return event.source
        return ""

    assert asyncio.run(scenario()) == "offline"


def test_options_that_cannot_be_used_make_no_feed(portal: Portal) -> None:
    """Nothing is sent."""
    with pytest.raises(SettingsError, match="enrich is for offline events"):
        bx.listen(portal, enrich=True)
    assert portal.feeds == []
