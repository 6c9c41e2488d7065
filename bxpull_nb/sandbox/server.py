"""An ASGI application on 127.0.0.1, served by a thread with its own event loop.

It is not the user's loop. A notebook's loop is blocked while a cell computes, and a blocked server
would hide how a client handles that.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.tls import Certificate

__all__ = ["HOST", "LoopbackServer", "Peer"]

HOST = "127.0.0.1"
_MOST_CONNECTIONS = 1000  # one more is answered with HTTP 503, to stop a runaway loop
Peer = tuple[str, int]
"""The other end of a connection: host and port."""

_PING_INTERVAL = 120.0  # protocol 2.7: the server pings every 120 s …
_PONG_TIMEOUT = 240.0  # … and a socket without a pong is cut at 360 s
_LARGEST_MESSAGE = 16 * 1024 * 1024  # the limit for messages from clients
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0
_LAST_ANSWERS = 2.0  # seconds for handlers to end once their connections are cut


class LoopbackServer:
    """A server on one local address, taken by `bind`, served from `start` to `stop`."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._uvicorn: _Uvicorn | None = None
        self._thread: Thread | None = None
        self._spawned: set[asyncio.Task[None]] = set()

    def bind(self, port: int = 0) -> int:
        """Take the port, any free one for 0, and return its number; connections wait for `start`.

        Raises SettingsError when the port is taken already.
        """
        self._socket = _listening_socket(port)
        return int(self._socket.getsockname()[1])

    def start(
        self,
        app: ASGIApp,
        on_stop: Callable[[], None],
        certificate: Certificate | None = None,
    ) -> None:
        """Serve `app`, with TLS if there is a certificate; return when connections are accepted.

        `on_stop` is called in the loop when the server stops; it must release held requests.
        """
        self._uvicorn = _Uvicorn(_uvicorn_config(app, certificate), on_stop)
        self._loop = asyncio.new_event_loop()
        # A daemon, so that an interpreter can end while a sandbox is still running.
        self._thread = Thread(target=self._serve, name="bxpull-sandbox", daemon=True)
        self._thread.start()
        self._uvicorn.ready.wait(_START_TIMEOUT)
        if not self._uvicorn.started:
            raise SettingsError("the sandbox's server did not start; the log of uvicorn says why.")

    def stop(self) -> None:
        """Cut every connection without a close frame, free the address and end the thread."""
        if self._uvicorn is not None and self._thread is not None:
            self.call_soon(self._uvicorn.stopping.set)
            self._thread.join(_STOP_TIMEOUT)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call `function` in the server's loop; may be called from any thread."""
        # The loop may close at any moment; there are no listeners then.
        with suppress(RuntimeError):
            self._running_loop().call_soon_threadsafe(function)

    def spawn(self, task: Coroutine[Any, Any, None]) -> None:
        """Run `task` in the server's loop until it ends, or the server does."""
        loop = self._running_loop()

        def start() -> None:
            # asyncio logs the failure of a task, unlike that of a future without a reader.
            running = loop.create_task(task)
            self._spawned.add(running)
            running.add_done_callback(self._spawned.discard)

        self.call_soon(start)

    def cut(self, peers: Iterable[Peer]) -> None:
        """Break the connections to these peers without a close frame, as a network failure does."""
        wanted = set(peers)
        if self._uvicorn is not None:
            self.call_soon(partial(self._uvicorn.cut, wanted))

    def _serve(self) -> None:
        server, listening = self._uvicorn, self._socket
        if server is None or listening is None:
            raise RuntimeError("bind() and start() come first")
        with asyncio.Runner(loop_factory=self._running_loop) as runner:
            try:
                runner.run(server.serve(sockets=[listening]))
            finally:
                listening.close()
                server.ready.set()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("start() comes first")
        return self._loop


_ACCEPTING = 5  # turns of the loop until a connection just accepted is in the list


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that starts and stops by events instead of signals and polling."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = Event()
        self.stopping = asyncio.Event()
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())  # uvicorn's housekeeping
        await self.stopping.wait()
        ticking.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First no new connections, then the old ones: a client that reconnects at once must be
        # refused, and a held poll must not delay the server.
        await self._stop_accepting(sockets or [])
        self._on_stop()
        self.cut()
        await asyncio.sleep(0)
        # Instead of uvicorn's own shutdown, which gives every client a tenth of a second to finish.
        if tasks := self.server_state.tasks:
            await asyncio.wait(set(tasks), timeout=_LAST_ANSWERS)

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        """Close the listening sockets once a connection just accepted has its transport.

        asyncio fails, and leaves the socket open, when a server is closed while an accepted
        connection has no transport yet.
        """
        loop = asyncio.get_running_loop()
        for listening in sockets:
            with suppress(NotImplementedError):  # the loop of Windows has no readers
                loop.remove_reader(listening.fileno())
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()

    def cut(self, peers: set[Peer] | None = None) -> None:
        """Abort the connections to the peers, or all connections."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if peers is None or transport.get_extra_info("peername") in peers:
                transport.abort()


def _uvicorn_config(app: ASGIApp, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ssl_certfile=certificate.chain_path if certificate else None,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        ws_ping_interval=_PING_INTERVAL,
        ws_ping_timeout=_PONG_TIMEOUT,
        ws_per_message_deflate=False,
        limit_concurrency=_MOST_CONNECTIONS,
        lifespan="off",
        server_header=False,
        date_header=False,  # the application adds the date, by the portal's clock
        proxy_headers=False,
        access_log=False,
        log_config=None,
        # At "info" uvicorn logs the path of every WebSocket, and with it the channel id.
        log_level="warning",
    )


def _listening_socket(port: int) -> socket.socket:
    """Return a socket that listens on the port; connections wait until the server runs."""
    try:
        listening = socket.create_server((HOST, port), backlog=2048)
    except OSError as exc:
        raise SettingsError(
            f"port {port} on {HOST} is taken or not allowed ({exc.strerror}). "
            f"Leave port out, and the sandbox takes a free one; sandbox.url shows which."
        ) from exc
    # Accepted sockets inherit it. asyncio sets it only on its own sockets, and without it
    # every answer waits 40 ms for the acknowledgement of its headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
