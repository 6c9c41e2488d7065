"""Answers without bounds: unpacked size, whole time, and encodings that were not asked for."""

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import httpx
import msgspec
import pytest

from bxpull_nb import errors
from bxpull_nb.http import body, http_client
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken, request_tokens
from bxpull_nb.rest.publish import publish
from tests.support.answering import Request, Send, serving
from tests.support.configs import config, current_answer

MEGABYTE = 1024 * 1024
TOKEN = "0123456789abcdef0123456789abcdef"
GRANT = {"grant_type": "refresh_token", "client_secret": "a-secret-0123456789"}


def head(request: Request, **headers: str) -> None:
    """Send the status and these headers."""
    request.send_response_only(200)
    request.send_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def packed(body: bytes, encoding: str, *, sized: bool = True) -> Send:
    """Answer with that body in that encoding."""

    def send(request: Request) -> None:
        size = {"Content_Length": str(len(body))} if sized else {}
        head(request, Content_Encoding=encoding, **size)
        request.wfile.write(body)

    return send


def chunked(request: Request) -> None:
    """Answer with more than the limit, in chunks, without a length."""
    head(request, Transfer_Encoding="chunked")
    part = b"a" * MEGABYTE
    for _ in range(200):
        request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))


def dripping(request: Request) -> None:
    """Answer with a byte now and then, for ever."""
    head(request, Content_Length="1000000")
    while True:
        request.wfile.write(b" ")
        time.sleep(0.02)


def dripping_head(request: Request) -> None:
    """Send headers for ever."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X: y\r\n")
        time.sleep(0.02)


def call(url: str) -> Any:
    """Call a method of the portal at that address."""

    async def once() -> Any:
        client = RestClient(AccessToken(url, TOKEN))
        try:
            return await client.call("profile")
        finally:
            await client.aclose()

    return asyncio.run(once())


def tokens(url: str) -> Any:
    """Ask the token server at that address."""

    async def once() -> Any:
        async with http_client(url) as client:
            return await request_tokens(client, f"{url}/oauth/token/", GRANT)

    return asyncio.run(once())


CALLS = [(call, "profile"), (tokens, "oauth/token")]
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@cache
def bomb(packer: str) -> bytes:
    """Return a small body that is 300 MB unpacked; made by the first test that needs it."""
    return PACKERS[packer](bytes(300 * MEGABYTE))


BOMBS: dict[str, Callable[[], Send]] = {
    "gzip": lambda: packed(bomb("gzip"), "gzip"),
    "gzip without a length": lambda: packed(bomb("gzip"), "gzip", sized=False),
    "x-gzip": lambda: packed(bomb("gzip"), "X-GZIP"),
    "deflate": lambda: packed(bomb("deflate"), "deflate"),
    "twice gzip": lambda: packed(gzip.compress(bomb("gzip")), "gzip, gzip"),
    "br": lambda: packed(b"\x1b\x00\x00", "br"),
    "zstd": lambda: packed(b"\x28\xb5\x2f\xfd", "zstd"),
    "chunked": lambda: chunked,
}


@pytest.mark.parametrize(("ask", "method"), CALLS)
@pytest.mark.parametrize("made", BOMBS.values(), ids=list(BOMBS))
def test_an_answer_is_never_larger_than_the_limit(
    made: Callable[[], Send], ask: Callable[[str], Any], method: str
) -> None:
    """Neither packed nor unpacked; the error names the method and the limit."""
    send = made()
    tracemalloc.start()
    with serving(send) as url, pytest.raises(errors.UnexpectedAnswer) as caught:
        ask(url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * MEGABYTE
    assert caught.value.method == method
    assert str(caught.value).startswith(f"{method}: ")
    limit = "64 MB" if method == "profile" else "1 MB"
    assert f"larger than {limit} unpacked" in str(caught.value) or "packed as" in str(caught.value)


@pytest.mark.parametrize(("ask", "method"), CALLS)
@pytest.mark.parametrize("send", [dripping, dripping_head])
def test_an_answer_is_there_in_time_or_not_read(
    send: Send, ask: Callable[[str], Any], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However steadily its bytes come."""
    monkeypatch.setattr(body, "ANSWER_SECONDS", 0.5)
    begun = time.monotonic()
    with serving(send) as url, pytest.raises(errors.PortalUnreachable) as caught:
        ask(url)
    assert time.monotonic() - begun < 5
    assert caught.value.method == method
    assert "no whole answer within 0.5 s" in str(caught.value)


def test_a_packed_answer_within_the_limits_is_read() -> None:
    """Whatever its encoding is called, and in chunks."""
    body = b'{"result": "%s"}' % (b"a" * 100_000)
    for send in (
        packed(gzip.compress(body), "gzip"),
        packed(gzip.compress(body), "x-gzip", sized=False),
        packed(zlib.compress(body), "deflate"),
        packed(body, "identity"),
    ):
        with serving(send) as url:
            assert call(url) == "a" * 100_000


@pytest.mark.parametrize(
    "body", [b"no gzip at all", gzip.compress(b'{"result": 1}' * 99)[:-20]], ids=["none", "cut"]
)
def test_a_damaged_packing_is_an_unexpected_answer(body: bytes) -> None:
    """It is no sign of a missing network."""
    with serving(packed(body, "gzip")) as url, pytest.raises(errors.UnexpectedAnswer):
        call(url)


def test_json_that_is_too_deep_is_an_unexpected_answer() -> None:
    """From the token server as from the portal."""
    for ask, _ in CALLS:
        with (
            serving(packed(b"[" * 500_000, "identity")) as url,
            pytest.raises(errors.UnexpectedAnswer),
        ):
            ask(url)


def test_a_transport_of_the_caller_is_limited_too() -> None:
    """One that streams, and one that gives the answer whole."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MEGABYTE)

    for answer in ({"content": endless()}, {"content": bytes(65 * MEGABYTE)}):

        async def once(answer: dict[str, Any] = answer) -> None:
            transport = httpx.MockTransport(lambda _: httpx.Response(200, **answer))
            async with httpx.AsyncClient(transport=transport) as client:
                await RestClient(AccessToken("https://a.example", TOKEN), http=client).call("x")

        with pytest.raises(errors.UnexpectedAnswer, match="larger than 64 MB"):
            asyncio.run(once())


def test_the_answer_to_a_published_message_is_limited() -> None:
    """The push server is not trusted either."""
    with serving(chunked) as url:
        answer = current_answer()
        answer["server"] |= {"publish": f"{url}/pub/", "publish_secure": ""}
        read = config(answer)
        receivers = list(read.public_channels.values())
        with pytest.raises(errors.ConnectionFailed, match="larger than 64 MB"):
            asyncio.run(publish(read, receivers, "{}"))


@pytest.mark.parametrize(
    "value", ["1e308", "-1e308", "253402300799", "-62135596800", "1" + "0" * 400, "true", "[]", "0"]
)
@pytest.mark.parametrize("name", ["finish", "operating_reset_at"])
def test_a_time_that_no_portal_can_have_is_passed_over(name: str, value: str) -> None:
    """The config's clock is the Date header's, or this machine's."""
    config_json = msgspec.json.encode(current_answer()).decode()
    body = f'{{"result": {config_json}, "time": {{"{name}": {value}}}}}'.encode()

    async def once(url: str) -> Any:
        client = RestClient(AccessToken(url, TOKEN))
        try:
            return await client.fetch_config()
        finally:
            await client.aclose()

    with serving(packed(body, "identity")) as url:
        read = asyncio.run(once(url))
    assert abs(read.clock_offset.total_seconds()) < 5


@pytest.mark.parametrize("user", ["1" * 5000, [1], {"id": 1}, True, 1e300])
def test_a_user_id_that_is_none_costs_no_token(user: Any) -> None:
    """The pair is good without it."""
    answer = {"access_token": "a" * 20, "refresh_token": "r" * 20, "user_id": user}
    with serving(packed(msgspec.json.encode(answer), "identity")) as url:
        assert tokens(url).user_id is None


@pytest.mark.parametrize(("ask", "method"), CALLS)
@pytest.mark.parametrize(
    "location",
    [
        "javascript:1",
        "http:x",
        "mailto:a@b",
        "http://[::1",
        "//",
        "http://a b/",
        "\xff",
        "?" * 70_000,
    ],
)
def test_a_redirect_to_no_address_is_an_error_of_ours(
    location: str, ask: Callable[[str], Any], method: str
) -> None:
    """Httpx raises some of them as no error of HTTP."""

    def send(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n")
        request.wfile.write(f"Location: {location}\r\n\r\n".encode("latin-1"))

    with serving(send) as url, pytest.raises(errors.RestError) as caught:
        ask(url)
    assert caught.value.method == method


@pytest.mark.parametrize("value", ["\xff", "Привет", "\xa0", "a\tb"])
def test_a_header_need_not_be_ascii(value: str) -> None:
    """A proxy may name itself in any bytes."""

    def send(request: Request) -> None:
        body = b'{"result": 7, "time": {}}'
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body))
        request.wfile.write(b"X-By: " + value.encode() + b"\r\n\r\n" + body)

    with serving(send) as url:
        assert call(url) == 7
