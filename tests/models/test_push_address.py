"""Addresses of the push server that a portal wrote without scheme or host."""

from typing import Any

import pytest

from bxpull_nb.errors import MissingField
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.protocol.endpoint import connection_url
from bxpull_nb.protocol.retry_policy import is_transient
from bxpull_nb.sandbox import Sandbox
from tests.support.configs import NOW, SHARED, seed_answer

PORTAL = "https://acme.example"


def read(field: str, address: str, portal: str | None = PORTAL) -> Any:
    """Return the field of a config with that address."""
    answer = seed_answer()
    answer["server"][field] = address
    config = PullConfig.from_answer(answer, portal_time=NOW, portal=portal)
    return getattr(config.server, field)


@pytest.mark.parametrize(
    ("field", "address", "portal", "whole"),
    [
        (
            "websocket_secure",
            "wss://#DOMAIN#/bitrix/subws/",
            PORTAL,
            "wss://acme.example/bitrix/subws/",
        ),
        ("websocket", "ws://#domain#:8893/x/", PORTAL, "ws://acme.example:8893/x/"),
        ("websocket_secure", "//#DOMAIN#/x/", PORTAL, "wss://acme.example/x/"),
        ("websocket_secure", "//rt.example/sub/", PORTAL, "wss://rt.example/sub/"),
        ("websocket", "//rt.example/sub/", PORTAL, "ws://rt.example/sub/"),
        ("long_polling", "//rt.example/sub/?a=1", PORTAL, "http://rt.example/sub/?a=1"),
        ("long_polling_secure", "/bitrix/sub/", PORTAL, "https://acme.example/bitrix/sub/"),
        ("publish_secure", "/bitrix/pub/", PORTAL, "https://acme.example/bitrix/pub/"),
        ("publish", " /bitrix/pub/ ", PORTAL, "http://acme.example/bitrix/pub/"),
        ("websocket", " ws://rt.example/s/\n", PORTAL, "ws://rt.example/s/"),
        ("websocket_secure", "\ufeff'wss://#DOMAIN#/s/'", PORTAL, "wss://acme.example/s/"),
        ("websocket_secure", "/s/", f"{PORTAL}:8443", "wss://acme.example:8443/s/"),
        ("websocket", "/s/", f"{PORTAL}:8443", "ws://acme.example/s/"),
        ("websocket", "ws://#DOMAIN#/s/", "http://127.0.0.1:5", "ws://127.0.0.1:5/s/"),
        ("websocket", "ws://#DOMAIN#:7/s/", "http://[::1]:5", "ws://[::1]:7/s/"),
    ],
)
def test_an_address_is_completed_from_the_portal(
    field: str, address: str, portal: str, whole: str
) -> None:
    """The field decides the scheme, the portal is the host."""
    assert read(field, address, portal) == whole


@pytest.mark.parametrize(
    ("address", "portal"),
    [
        *((address, None) for address in ("/sub/", "//rt.example/", "wss://#DOMAIN#/sub/")),
        *((address, PORTAL) for address in ("#DOMAIN#/sub/", "wss://rt.example/#DOMAIN#/", "x")),
        *((address, PORTAL) for address in ("///sub/", "//", "//#HOST#/sub/", "wss://#DOMAIN#x/")),
        *((address, PORTAL) for address in ("rt.example/sub/", "//rt example/", "/#sub/")),
    ],
)
def test_an_uncertain_address_is_one_fatal_error(address: str, portal: str | None) -> None:
    """It names the field, before anything is connected to."""
    with pytest.raises(MissingField) as caught:
        read("websocket_secure", address, portal)
    assert caught.value.field == "server.websocket_secure"
    assert not is_transient(caught.value)
    assert SHARED not in str(caught.value)


@pytest.mark.parametrize("left", ["#DOMAIN#", "#HOST#", "#PORT#", "#server_name#"])
def test_a_placeholder_that_is_left_is_named(left: str) -> None:
    """The administrator knows it from the module's settings."""
    with pytest.raises(MissingField, match=f"still has the placeholder {left}"):
        read("websocket_secure", f"wss://rt.{left}/sub/")


def test_a_feed_listens_at_a_completed_address(sandbox: Sandbox, portal: Portal) -> None:
    """A config's paths are paths of the portal."""
    config = portal.fetch_config()
    record = config.server.to_record()
    host = sandbox.url.partition("://")[2]
    fields = ("websocket", "websocket_secure", "long_polling", "long_polling_secure")
    answer = seed_answer() | {
        "server": record | {name: record[name].partition(host)[2] for name in fields}
    }
    short = PullConfig.from_answer(answer, portal_time=NOW, portal=sandbox.url)
    for transport in ("websocket", "polling"):
        how: dict[str, Any] = {"transport": transport, "channel": "shared", "secure": False}
        whole, found = connection_url(config, **how), connection_url(short, **how)
        assert found.partition("?")[0] == whole.partition("?")[0]
