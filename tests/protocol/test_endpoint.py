"""The rules about addresses."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bxpull_nb.errors import ChannelMissing, MissingField, SettingsError, TransportUnavailable
from bxpull_nb.protocol.endpoint import connection_url, is_loopback, portal_url
from tests.support.configs import PRIVATE, SHARED, config, current_answer, seed_answer


def text_answer() -> dict[str, Any]:
    """Return the answer of a portal with a version 3 server."""
    answer = seed_answer()
    answer["server"]["version"] = 3
    return answer


def url(answer: dict[str, Any], **how: Any) -> str:
    """Return the address to listen at; by default WebSocket and the shared channel."""
    return connection_url(config(answer), **({"transport": "websocket", "channel": "shared"} | how))


def test_the_address_is_base_channel_and_revision() -> None:
    """A first connection needs no more."""
    assert url(text_answer()) == f"wss://rt.bitrix24.com/sub/?CHANNEL_ID={SHARED}&revision=19"


@pytest.mark.parametrize(
    ("version", "asked"),
    [(3, None), (4, ("binaryMode", "true")), (5, ("jsonRpc", "true")), (7, ("jsonRpc", "true"))],
)
def test_the_version_decides_the_dialect(version: int, asked: tuple[str, str] | None) -> None:
    """The dialects are text, protobuf and JSON-RPC."""
    answer = seed_answer()
    answer["server"]["version"] = version
    query = parse_qsl(urlsplit(url(answer)).query)
    assert [pair for pair in query if pair[1] == "true"] == ([asked] if asked else [])


def test_a_jwt_takes_the_place_of_the_channel() -> None:
    """The token decides the channels."""
    answer = current_answer()
    query = parse_qsl(urlsplit(url(answer, channel=None)).query)
    assert query[0] == ("token", answer["jwt"])
    assert "CHANNEL_ID" not in dict(query)


def test_neither_channel_nor_jwt_is_said_plainly() -> None:
    """There is nothing to connect with."""
    with pytest.raises(ChannelMissing, match="neither channels nor a token"):
        url(seed_answer(), channel=None)


def test_shared_mode_without_client_id_is_said_plainly() -> None:
    """A cloud server could not tell the accounts apart."""
    answer = current_answer()
    del answer["clientId"]
    with pytest.raises(MissingField, match="'clientId'") as caught:
        url(answer)
    assert caught.value.field == "clientId"


def test_polling_has_an_address_of_its_own() -> None:
    """The private channel's colon is percent-encoded."""
    polled = urlsplit(url(seed_answer(), transport="polling", channel="private"))
    assert polled.scheme == "https"
    assert dict(parse_qsl(polled.query))["CHANNEL_ID"] == PRIVATE


def test_values_stand_in_the_official_order() -> None:
    """Cloud servers get clientId and hostname, a resumed connection its mid."""
    query = parse_qsl(urlsplit(url(current_answer(), mid="1" * 26)).query)
    names = ["CHANNEL_ID", "binaryMode", "clientId", "hostname", "mid", "revision"]
    assert [name for name, _ in query] == names


def test_the_plain_address_is_taken_when_chosen_or_alone() -> None:
    """The secure one is the default; a missing one is replaced by the other."""
    answer = seed_answer()
    assert url(answer, secure=False).startswith("ws://rt.bitrix24.com/sub/?")
    answer["server"]["websocket_secure"] = ""
    assert url(answer).startswith("ws://rt.bitrix24.com/sub/?")


def test_an_address_that_has_a_query_is_continued() -> None:
    """Some servers route by a query of their own."""
    answer = seed_answer()
    answer["server"]["websocket_secure"] = "wss://rt.example/?route=sub"
    assert url(answer).startswith("wss://rt.example/?route=sub&CHANNEL_ID=")


def test_switched_off_websockets_are_said_plainly() -> None:
    """The message names the way out."""
    answer = seed_answer()
    answer["server"]["websocket_enabled"] = False
    with pytest.raises(TransportUnavailable, match="transport='polling'"):
        url(answer)


def test_a_config_without_any_address_is_said_plainly() -> None:
    """It has neither a secure nor a plain one."""
    answer = seed_answer()
    answer["server"]["long_polling"] = answer["server"]["long_polling_secure"] = ""
    with pytest.raises(TransportUnavailable, match="no address for polling"):
        url(answer, transport="polling")


def test_a_missing_channel_is_said_plainly() -> None:
    """The config decides which channels there are."""
    answer = seed_answer()
    del answer["channels"]["private"]
    with pytest.raises(ChannelMissing):
        url(answer, channel="private")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("acme.bitrix24.com", "https://acme.bitrix24.com"),
        (" https://acme.bitrix24.com/crm/?a=1 ", "https://acme.bitrix24.com"),
        ("http://127.0.0.1:8123/rest/", "http://127.0.0.1:8123"),
        ("https://user:password@acme.example/", "https://acme.example"),
    ],
)
def test_a_portal_s_address_is_made_of_what_was_typed(typed: str, address: str) -> None:
    """Scheme and host remain; the rest is dropped, passwords above all."""
    assert portal_url(typed) == address


@pytest.mark.parametrize("typed", ["", "ftp://acme.example", "https://"])
def test_what_is_no_web_address_is_refused(typed: str) -> None:
    """The message shows a good example."""
    with pytest.raises(SettingsError, match=r"https://acme\.bitrix24\.com"):
        portal_url(typed)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("http://127.0.0.1:5/", True),
        ("ws://localhost/sub/", True),
        ("http://[::1]/", True),
        ("https://acme.bitrix24.com/", False),
    ],
)
def test_this_machine_is_recognised(address: str, own: bool) -> None:
    """Such an address must not go through a proxy."""
    assert is_loopback(address) is own
