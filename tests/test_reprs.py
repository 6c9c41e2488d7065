"""The reprs of the public objects are short and hold no secret."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.errors import ApiError
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.fake_comm import record_comms

HTML = ("Portal", "Channel", "PullConfig", "PullServer", "Feed", "FeedStats", "EventLog", "Sandbox")
PLAIN = ("Event", "BadFrame", "Explorer", "LiveTable", "RateChart", "Journal", "Pseudonyms")
TABLES = ("Diagnosis", "Report")
SHOWN = (*HTML, "BatchResult", *TABLES, *PLAIN)

World = tuple[dict[str, Any], list[str]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One of every public object, from a portal with two channels, and all its secrets."""
    with pytest.MonkeyPatch.context() as patch:
        record_comms(patch)
        with Sandbox(server_version=5) as box, Portal(AccessToken(box.url, box.token)) as portal:
            yield _objects(portal, box), _secrets(portal.fetch_config(), box)


def _objects(portal: Portal, box: Sandbox) -> dict[str, Any]:
    config, feed = portal.fetch_config(), portal.feed().start()
    box.expire_channel()  # its params hold a channel
    box.garbage()
    box.publish("a" * 300, {"n": list(range(300))}, module_id="<b>")
    feed.wait(lambda event: event.module_id == "<b>", timeout=10)
    records = feed.log.recent(0)[1]
    calls: dict[str, Any] = {
        "<i>config": ("pull.application.config.get", {}),
        "no": ("no.such", {}),
    }
    found: list[Any] = [portal, *config.channels.values(), config, config.server, feed, feed.stats]
    found += [feed.log, box, portal.batch(calls), bx.doctor(portal, echoes=1), *records]
    found += [bx.explore(portal), bx.LiveTable(feed.log), bx.BadFrame("x" * 500, "why " * 100)]
    found += [bx.RateChart(feed.log), bx.Journal("capture", portal=portal.name), feed.report()]
    found.append(bx.Pseudonyms(box.token))
    return {type(one).__name__: one for one in found}


def _secrets(config: PullConfig, box: Sandbox) -> list[str]:
    channels = config.channels.values()
    ids = [name for c in channels for name in (c.id, c.id[:32], c.public_id) if name]
    return [box.token, box.refresh_token, box.webhook.split("/")[-2], config.jwt or "", *ids]


@pytest.mark.parametrize("name", SHOWN)
def test_the_repr_is_short_and_tells_no_secret(world: World, name: str) -> None:
    """At most 200 characters; only what is a table is longer."""
    objects, secrets = world
    shown = repr(objects[name])
    assert shown.startswith(name) or name in TABLES
    assert len(shown) <= 200 or name in TABLES
    assert all(secrets)
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize("name", [*HTML, "BatchResult", *TABLES])
def test_the_html_is_whole_and_tells_no_secret(world: World, name: str) -> None:
    """Every tag is closed, and foreign words are no tags."""
    objects, secrets = world
    html = objects[name]._repr_html_()
    opened: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: Any) -> None:
            assert tag not in ("b", "i")
            opened.extend([tag] if tag != "br" else [])

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Balance().feed(html)
    assert opened == []
    if name not in ("Feed", "EventLog"):  # they show events as they came
        assert [secret for secret in secrets if secret in html] == []


def test_every_public_class_is_looked_at() -> None:
    """A new one must be listed here, or no test guards it."""
    classes = {name for name in bx.__all__ if isinstance(getattr(bx, name), type)}
    assert classes - set(SHOWN) == {"BxPullError"}


def test_some_words() -> None:
    """What a person sees of the smaller ones."""
    server = bx.PullServer(version=4, websocket_enabled=True, mode="shared")
    assert repr(server) == "PullServer(version 4, enabled, WebSocket and polling, shared mode)"
    event = bx.Event("1" * 26, "crm", "deal", b'{"id":1}')
    assert repr(event) == f"Event('crm.deal', mid='{'1' * 26}', 8 bytes of params)"
    assert repr(bx.BadFrame("###", "no JSON")) == "BadFrame('no JSON', 3 characters)"


def test_a_batch_shows_kinds_and_not_values(world: World) -> None:
    """A result may hold a channel's id."""
    html = world[0]["BatchResult"]._repr_html_()
    assert "&lt;i&gt;config</th><td style='text-align:left'>a dict</td>" in html
    assert "ERROR_METHOD_NOT_FOUND" in html
    assert isinstance(world[0]["BatchResult"].errors["no"], ApiError)
