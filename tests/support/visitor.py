"""A plain client of the sandbox: HTTP and WebSocket calls, without any code of our client."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from bxpull_nb.models import Event
from bxpull_nb.protocol.codec import TextCodec, codec_for, recognised
from bxpull_nb.sandbox import Sandbox

__all__ = ["Visitor", "events", "received", "visiting"]


class Visitor:
    """A client with the sandbox's address and token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        # verify=False: reading the certificates nobody needs here would cost each test 50 ms.
        self.http = httpx.Client(base_url=sandbox.url, trust_env=False, timeout=10, verify=False)

    def call(self, method: str, params: Any = None) -> httpx.Response:
        """Call a REST method as the application."""
        bearer = {"Authorization": f"Bearer {self.sandbox.token}"}
        return self.http.post(f"/rest/{method}", headers=bearer, json=params or {})

    def config(self) -> dict[str, Any]:
        """Return the `result` of pull.application.config.get."""
        answer: dict[str, Any] = self.call("pull.application.config.get").json()["result"]
        return answer

    def channel(self, kind: str = "shared") -> str:
        """Return the signed id of the channel of that type."""
        return str(self.config()["channels"][kind]["id"])

    @contextmanager
    def listen(self, channel_id: str, **query: str) -> Iterator[ClientConnection]:
        """Open a WebSocket that listens to the channel."""
        with self.attend(CHANNEL_ID=channel_id, **query) as websocket:
            yield websocket

    @contextmanager
    def attend(self, **query: str) -> Iterator[ClientConnection]:
        """Open a WebSocket with that query."""
        url = f"{self.sandbox.url.replace('http', 'ws')}/sub/?{httpx.QueryParams(query)}"
        with connect(url, max_size=None, compression=None, proxy=None) as websocket:
            yield websocket

    def listen_and_never_read(self, channel_id: str) -> socket.socket:
        """Open a WebSocket on a bare socket, and read only the first line of the handshake."""
        host, _, port = self.sandbox.url.removeprefix("http://").partition(":")
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(5)
        lazy.connect((host, int(port)))
        lazy.sendall(
            f"GET /sub/?CHANNEL_ID={channel_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert lazy.recv(12) == b"HTTP/1.1 101"
        return lazy

    def is_online(self, channel_id: str) -> bool:
        """Whether the channel has a listener, as the server reports to trusted callers."""
        answer = self.http.get("/pub/", params={"CHANNEL_ID": channel_id[:32]})
        return bool(answer.json()["infos"])

    def poll(self, channel_id: str, **query: str) -> httpx.Response:
        """Return the answer to one long poll."""
        return self.http.get("/sub/", params={"CHANNEL_ID": channel_id, **query})


@contextmanager
def visiting(**options: Any) -> Iterator[Visitor]:
    """Start a sandbox with these options, and a client of it."""
    with Sandbox(**options) as sandbox:
        visitor = Visitor(sandbox)
        with visitor.http:
            yield visitor


def events(frame: str | bytes) -> list[Event]:
    """Return the events of a text frame; every message in it must be readable."""
    records = TextCodec().decode(frame)
    assert all(isinstance(record, Event) for record in records), records
    return [record for record in records if isinstance(record, Event)]


def received(websocket: ClientConnection, count: int) -> list[Event]:
    """Return the next `count` events in any dialect, from as many frames as it takes."""
    found: list[Event] = []
    while len(found) < count:
        frame = websocket.recv(5)
        if frame != "ping":
            records = recognised(frame, _ANY).decode(frame)
            assert all(isinstance(record, Event) for record in records), records
            found += [record for record in records if isinstance(record, Event)]
    return found


_ANY = codec_for(4)
