"""Test events for one transport: sent by REST, awaited from the push server."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING

import msgspec

from bxpull_nb.diagnosis.context import Context
from bxpull_nb.listener import Beginnings, Listener
from bxpull_nb.listener.settings import Timing
from bxpull_nb.models import Batch, Event, LogEntry, PullConfig

if TYPE_CHECKING:
    from bxpull_nb.errors import BxPullError

__all__ = ["ECHO", "EchoTest"]

ECHO = "bxpull_echo"
"""The command of the test events."""

_TRIES = 3  # failed connections after which the test ends
_PAUSE = 0.25  # seconds between two of them


class _Echo(msgspec.Struct):
    nonce: str


class EchoTest:
    """A private listener on every channel of the config, which ends with `run`."""

    def __init__(self, context: Context, config: PullConfig, transport: str) -> None:
        self.latencies: list[float] = []
        """Milliseconds from the REST call to the event, for each event that came back."""
        self.errors: list[BxPullError] = []
        """The errors of the connection, in order."""
        self.connected = False
        """Whether a connection was made, or a poll was left waiting."""
        self.status = "connected" if transport == "websocket" else "a poll waits"
        """The words for `connected`."""
        self._context = context
        self._user = None if "shared" in config.channels or config.jwt else context.user_id
        self._sent: dict[str, tuple[float, asyncio.Event]] = {}
        self._news = asyncio.Event()
        self._listener = Listener(
            context.portal.rest.fetch_config,
            self,
            channels=tuple(config.channels),
            transport=transport,
            secure=context.secure,
            timing=Timing(delays=lambda: repeat(_PAUSE)),
        )

    @property
    def hopeless(self) -> bool:
        """Whether the connection failed too often to go on."""
        return len(self.errors) >= _TRIES

    async def run(self, echoes: int) -> None:
        """Connect, send so many events one after the other, and measure those that come back.

        Returns when all are back, when the test is hopeless, or when the time is over; raises
        the error that stops the listener, or that refuses an event.
        """
        works = [self._listener.run(), self._send(echoes), self._until(lambda: self.hopeless)]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self._context.seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    async def _send(self, echoes: int) -> None:
        await self._until(lambda: self._listener.ready)
        self.connected = True
        for _ in range(echoes):
            await self._echo(self._context.seconds / echoes)

    async def _echo(self, seconds: float) -> None:
        """Send one event, and wait; a late one may still come during the next."""
        nonce, came = self._context.nonce(), asyncio.Event()
        self._sent[nonce] = self._context.clock(), came
        await self._context.portal.rest.send_event(ECHO, {"nonce": nonce}, user_id=self._user)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await came.wait()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    def store(self, batch: Batch) -> None:
        """Note which test events came back."""
        for record in batch.records:
            if isinstance(record, Event) and record.command == ECHO:
                self._measure(record)

    def _measure(self, event: Event) -> None:
        try:
            nonce = msgspec.json.decode(event.params_json, type=_Echo).nonce
            sent, came = self._sent.pop(nonce)
        except (msgspec.MsgspecError, KeyError, RecursionError):
            return  # an event of another sender
        self.latencies.append((self._context.clock() - sent) * 1000)
        came.set()

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Ignore when the listener began."""

    def is_safe(self) -> bool:
        """Return True: there is no disk."""
        return True

    def happened(self, entry: LogEntry) -> None:
        """Ignore log entries: errors come with `changed`."""

    def changed(self) -> None:
        """Keep what broke the connection, and look again."""
        error = self._listener.error
        if error is not None and error not in self.errors:
            self.errors.append(error)
        self._news.set()
