"""The transports: frames by WebSocket and by long polling."""

import asyncio
import socket
from contextlib import aclosing
from typing import Any

import pytest

from bxpull_nb.errors import ChannelRefused, ConnectionFailed, FrameTooLarge
from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.listener.transport import Accepted, Transport, WebSocketTransport
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.answering import Answer


def listen_url(config: PullConfig, transport: str, mid: str | None = None) -> str:
    """Return the shared channel's address."""
    return connection_url(config, transport=transport, channel="shared", mid=mid)


def first(transport: Transport, url: str, count: int) -> list[Any]:
    """Return the first values that the transport yields."""

    async def collect() -> list[Any]:
        values: list[Any] = []
        frames = transport.frames(lambda: url)
        try:
            async with asyncio.timeout(10):
                async for came in frames:
                    values += came if isinstance(came, list) else [came]
                    if len(values) >= count:
                        return values[:count]
            return values
        finally:
            await frames.aclose()

    return asyncio.run(collect())


TRANSPORTS: list[type[Transport]] = [WebSocketTransport, LongPollingTransport]


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_an_answer_comes_before_the_first_frame(
    kind: type[Transport], sandbox: Sandbox, portal: Portal
) -> None:
    """The stored messages come in one frame."""
    mids = [sandbox.publish("c", {"n": n}) for n in range(3)]
    url = listen_url(portal.fetch_config(), kind.name, FULL_HISTORY)
    answered, frame = first(kind(), url, 2)
    assert isinstance(answered, Accepted)
    assert frame.count("#!NGINXNMS!#") == 3
    assert all(mid in frame for mid in mids)


def test_a_quiet_poll_is_a_value_with_the_position() -> None:
    """A server's time-out is no error."""
    with (
        Sandbox(poll_hold=0.2) as sandbox,
        Portal(AccessToken(sandbox.url, sandbox.token)) as portal,
    ):
        mid = sandbox.publish("c")
        url = listen_url(portal.fetch_config(), "polling", mid)
        assert first(LongPollingTransport(), url, 1) == [Accepted(mid, is_empty=True)]


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_channel_the_server_does_not_know_is_an_error_of_its_own(
    kind: type[Transport], portal: Portal
) -> None:
    """It is HTTP 400 before the connection opens; the message does not hold the id."""
    config = portal.fetch_config()
    wrong = listen_url(config, kind.name).replace(config.channel("shared").id[:8], "0" * 8)
    with pytest.raises(ChannelRefused, match="HTTP 400") as caught:
        first(kind(), wrong, 1)
    assert config.channel("shared").id[8:] not in str(caught.value)


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_server_that_is_not_there_is_a_failed_connection(kind: type[Transport]) -> None:
    """Such an error can be tried again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    scheme = "ws" if kind.name == "websocket" else "http"
    with pytest.raises(ConnectionFailed):
        first(kind(), f"{scheme}://127.0.0.1:{port}/sub/", 1)


def test_a_cut_websocket_is_a_failed_connection(sandbox: Sandbox, portal: Portal) -> None:
    """A stopped server sends no close frame."""
    url = listen_url(portal.fetch_config(), "websocket")

    async def cut() -> None:
        async with asyncio.timeout(10):
            async for _ in WebSocketTransport().frames(lambda: url):
                sandbox.drop_connections()

    with pytest.raises(ConnectionFailed, match="no close frame"):
        asyncio.run(cut())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": "<html>Sign in</html>"}, "HTML page"),
        ({"status": 503, "body": "busy"}, "HTTP 503"),
        ({"status": 302, "Location": "http://127.0.0.1/"}, "HTTP 302"),
    ],
)
def test_a_poll_answered_by_another_server_is_a_failed_connection(
    answering: Answer, answer: Any, said: str
) -> None:
    """It does not become a stream of unreadable rows."""
    with pytest.raises(ConnectionFailed, match=said):
        first(LongPollingTransport(), answering(**answer), 1)


def test_every_poll_asks_for_its_address_again(sandbox: Sandbox, portal: Portal) -> None:
    """The position moves between two polls."""
    config = portal.fetch_config()
    mids = [sandbox.publish("c", {"n": n}) for n in range(2)]
    asked = iter([FULL_HISTORY, mids[0]])

    async def poll_twice() -> list[Any]:
        values: list[Any] = []
        frames = LongPollingTransport().frames(lambda: listen_url(config, "polling", next(asked)))
        async with asyncio.timeout(10), aclosing(frames):
            async for came in frames:
                values += came if isinstance(came, list) else [came]
                if len(values) == 4:
                    break
        return values

    frames = [frame for frame in asyncio.run(poll_twice()) if isinstance(frame, str)]
    assert [frame.count("#!NGINXNMS!#") for frame in frames] == [2, 1]


@pytest.mark.parametrize("kind", [WebSocketTransport, LongPollingTransport])
def test_an_authority_named_in_the_environment_is_trusted(
    kind: type[Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both transports trust it, for this machine's own address too."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    with Sandbox(tls=True) as box:
        monkeypatch.setenv("SSL_CERT_FILE", str(box.ca_path))
        with Portal(AccessToken(box.url, box.token)) as trusting:
            config = trusting.fetch_config()
            box.publish("a")
            url = listen_url(config, kind().name, FULL_HISTORY)
            assert url.startswith(("wss://", "https://"))
            assert '"command":"a"' in first(kind(), url, 2)[1]


@pytest.mark.parametrize("kind", [WebSocketTransport, LongPollingTransport])
def test_a_frame_over_the_limit_is_refused_by_name(
    kind: Any, sandbox: Sandbox, portal: Portal
) -> None:
    """It is refused before all of it is in memory."""
    sandbox.publish("c", {"text": "x" * 5000})
    url = listen_url(portal.fetch_config(), kind.name, FULL_HISTORY)
    with pytest.raises(FrameTooLarge, match="more in one frame than is taken"):
        first(kind(max_frame=4000), url, 3)
    assert len(first(kind(max_frame=8000), url, 2)) == 2
