"""Sending to public channels."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest

from bxpull_nb import errors
from bxpull_nb.models import PublicChannel, PullConfig
from bxpull_nb.rest.publish import message_body, publish, publish_url, request_batch
from tests.support.configs import PRIVATE, config, current_answer

TARGET = PublicChannel(
    user_id=7,
    public_id="fedcba9876543210fedcba9876543210",
    signature="2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c",
)
VECTOR = bytes.fromhex(
    "0a320a300a2e0a280a10fedcba9876543210fedcba98765432101a14"
    "2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c1a027b7d"
)


def server(**how: Any) -> PullConfig:
    """A config whose push server takes messages."""
    read = config(current_answer())
    fields = {
        "version": 4,
        "publish_enabled": True,
        "publish": "http://rt.example/pubweb/",
        "publish_secure": "https://rt.example/pubweb/",
    }
    changed = msgspec.structs.replace(read.server, **fields | how)
    return msgspec.structs.replace(read, server=changed)


def send(status: int = 200, text: str = "") -> httpx.Request:
    """The request that is sent to a server with this answer."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(status, text=text)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    asyncio.run(publish(server(), [TARGET], "{}", http=http))
    return sent[0]


def test_the_request_is_the_recorded_one() -> None:
    """Byte for byte."""
    assert request_batch([TARGET], "{}") == VECTOR


def test_it_is_posted_with_the_own_channel() -> None:
    """As it came in the config."""
    request = send()
    assert (request.method, str(request.url)) == (
        "POST",
        f"https://rt.example/pubweb/?CHANNEL_ID={PRIVATE}&binaryMode=true",
    )
    assert request.content == VECTOR


def test_a_server_that_does_not_answer_is_an_error_without_the_channel() -> None:
    """Nor is it in the request the HTTP library's exception keeps."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(broken))
    with pytest.raises(errors.ConnectionFailed, match=r"rt\.example did not take") as caught:
        asyncio.run(publish(server(), [TARGET], "{}", http=http))
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.ReadTimeout)
    assert PRIVATE not in f"{caught.value}{cause!r}{cause.request.url}"


def test_a_refusal_carries_the_servers_words() -> None:
    """And its status."""
    with pytest.raises(errors.PublishRefused, match=r"HTTP 400: 4017: No channels found\.") as e:
        send(400, "4017: No channels found.")
    assert e.value.status == 400


@pytest.mark.parametrize("how", [{"version": 3}, {"publish_enabled": False}, {"version": 5}])
def test_a_server_that_takes_none_is_an_error(how: dict[str, Any]) -> None:
    """With the other way."""
    with pytest.raises(errors.TransportUnavailable, match=r"send_event\(\)"):
        publish_url(server(**how))


def test_the_plain_address_where_it_is_wanted_or_the_only_one() -> None:
    """As for listening."""
    assert publish_url(server(), secure=False).startswith("http://rt.example/")
    assert publish_url(server(publish_secure="")).startswith("http://rt.example/")


@pytest.mark.parametrize("receivers", [[], [TARGET] * 101])
def test_too_few_and_too_many_receivers_are_refused(receivers: list[PublicChannel]) -> None:
    """Before sending."""
    with pytest.raises(errors.SettingsError, match="1 to 100"):
        request_batch(receivers, "{}")


def test_a_damaged_channel_is_refused_without_showing_it() -> None:
    """Its user is named."""
    damaged = PublicChannel(user_id=7, public_id="not-hex-not-hex-not-hex", signature="")
    with pytest.raises(errors.SettingsError, match="user 7 is damaged") as caught:
        request_batch([damaged], "{}")
    assert "not-hex" not in str(caught.value)


def test_a_body_is_the_json_listeners_expect() -> None:
    """And what JSON cannot hold is refused with its place."""
    assert json.loads(message_body("a", {"n": 1})) == {
        "module_id": "application",
        "command": "a",
        "params": {"n": 1},
    }
    with pytest.raises(errors.SettingsError, match=r"params\['params'\]\['n'\] is nan"):
        message_body("a", {"n": float("nan")})
