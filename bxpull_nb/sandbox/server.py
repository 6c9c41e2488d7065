"""An ASGI application on 127.0.0.1, served by a thread with an event loop of its own.

Not the user's loop: a notebook's loop stands still while a cell computes, and a server that
stands still with it would hide what a client does about it.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bxpull_nb.errors import SettingsError

__all__ = ["HOST", "LoopbackServer"]

HOST = "127.0.0.1"
_PING_INTERVAL = 120  # protocol 2.7
_PONG_TIMEOUT = 240  # a socket without a pong is cut at 360 s
_START_TIMEOUT = 10
_STOP_TIMEOUT = 5


class LoopbackServer:
    """One address on this machine; open from construction, served from `start` to `stop`.

    Raises SettingsError when the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._ready = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._uvicorn: _Uvicorn | None = None
        self._thread: Thread | None = None

    def start(self, app: ASGIApp, on_stop: Callable[[], None]) -> None:
        """Serve `app`; returns when connections are accepted.

        `on_stop` is called in the loop when the server stops: it must let held requests go.
        """
        self._uvicorn = _Uvicorn(_config(app), self._ready, on_stop)
        # A daemon: an interpreter that ends must not wait for a sandbox somebody left running.
        self._thread = Thread(target=self._run, name="bxpull-sandbox", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT) or not self._uvicorn.started:
            raise SettingsError(
                f"the sandbox could not be served on port {self.port}; see the log of 'uvicorn'."
            )

    def stop(self) -> None:
        """Cut every connection, free the address and end the thread."""
        if self._thread is None or self._uvicorn is None:
            self._socket.close()
            return
        self._uvicorn.should_exit = True
        self.call_soon(self._uvicorn.stopping.set)
        self._thread.join(_STOP_TIMEOUT)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have `function` called in the server's loop, from any thread."""
        loop = self._loop
        # The loop may have ended between a publisher's look and its call; nobody listens then.
        with suppress(RuntimeError):
            if loop is not None:
                loop.call_soon_threadsafe(function)

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of `coroutine`, run in the server's loop; not to be called from there."""
        raise NotImplementedError

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()
            self._socket.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._uvicorn is not None:
            await self._uvicorn.serve(sockets=[self._socket])
