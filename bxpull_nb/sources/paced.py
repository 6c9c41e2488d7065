"""The REST calls of the sources of one feed, at most two a second."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bxpull_nb.rest import BatchResult, RestClient
from bxpull_nb.rest.batch import Calls

__all__ = ["PacedClient"]


class PacedClient:
    """Makes the calls of all sources one after another: never more than `rate` a second.

    `monotonic` gives seconds, `sleep` waits.
    """

    def __init__(
        self,
        rest: RestClient,
        rate: float,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.rest = rest
        self._between = 1 / rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._next = float("-inf")
        self._turns = asyncio.Lock()

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the `result` of the method; see `RestClient.call`."""
        await self._turn()
        return await self.rest.call(method, params)

    async def batch(self, calls: Calls) -> BatchResult:
        """Return results and errors by name of at most fifty calls; see `RestClient.batch`."""
        await self._turn()
        return await self.rest.batch(calls)

    async def _turn(self) -> None:
        async with self._turns:
            while (wait := self._next - self._monotonic()) > 0:
                await self._sleep(wait)
            self._next = self._monotonic() + self._between
