"""Calls of this client to a JSON-RPC push server, and their answers, over one connection."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from bxpull_nb.errors import CallFailed, ConnectionFailed
from bxpull_nb.masking import mask_foreign
from bxpull_nb.protocol.codec import JsonRpcCodec, RpcAnswer

__all__ = ["RpcCalls"]

_TIMEOUT = 5.0  # seconds, as the official client waits


class RpcCalls:
    """Pairs answers with calls; a lost connection fails every call without an answer."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[RpcAnswer]] = {}
        self._send: Callable[[str], Awaitable[None]] | None = None

    def connection_made(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send calls by `send` from now on."""
        self._send = send

    def connection_lost(self) -> None:
        """Fail the calls that wait: no answer will come."""
        self._send = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionFailed("the connection broke before the answer."))

    def received(self, frame: str | bytes | None) -> None:
        """Give each answer in the frame to its call; without a call nothing is decoded."""
        if not self._waiting or not isinstance(frame, str):
            return
        for answer in JsonRpcCodec.answers(frame):
            future = self._waiting.pop(answer.id, None)
            if future is not None and not future.done():
                future.set_result(answer)

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of the server's method; raises CallFailed and ConnectionFailed."""
        if self._send is None:
            raise ConnectionFailed("there is no connection to the push server to call it by.")
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._send(JsonRpcCodec.call(number, method, params))
        try:
            async with asyncio.timeout(_TIMEOUT):
                answer = await future
        except TimeoutError:
            self._waiting.pop(number, None)
            raise CallFailed(
                f"{method}: the push server gave no answer within {_TIMEOUT:g} s.", code=0
            ) from None
        if answer.error is not None:
            code = answer.error.get("code", 0)
            text = mask_foreign(str(answer.error.get("message", "")))
            raise CallFailed(f"{method}: the push server answered {code} ({text}).", code=code)
        return answer.result
