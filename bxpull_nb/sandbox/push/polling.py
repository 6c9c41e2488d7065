"""One long poll, held until there is a message (protocol 2.6)."""

import asyncio
import re

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from bxpull_nb.sandbox.push.connections import Connection, Subscriber
from bxpull_nb.sandbox.push.context import HEADERS, TEXT_HEADERS, PushContext, peer_of
from bxpull_nb.sandbox.push.dialects import Frame
from bxpull_nb.sandbox.push.subscription import Subscription

__all__ = ["PollHandler", "requested_mid"]

_MID = re.compile(r"[0-9]{26}")
_NOTHING_NEW = {**TEXT_HEADERS, "Expires": "Thu, 01 Jan 1973 11:11:01 GMT"}


class PollHandler:
    """Answers one long poll."""

    def __init__(self, context: PushContext, request: Request, subscriber: Subscriber) -> None:
        self.connection = Connection(subscriber, peer_of(request), False, self._close)
        self._context = context
        self._faults = context.faults
        self._request = request
        self._ready = asyncio.Event()
        self._refusal: Response | None = None

    def on_ready(self, _subscription: Subscription) -> None:
        """Check again for messages, or for the end of the server."""
        self._ready.set()

    async def answer(self, subscription: Subscription, backlog: Frame, mid: str | None) -> Response:
        """Return a response with the backlog or the first message, or 304 for none."""
        frame = backlog or await self._first_frame(subscription)
        # This order matters: a message that is not taken now must be newer than `last`.
        last = mid or self._context.broker.newest(self.connection.subscriber.channels)
        frame = frame or subscription.take(1)  # the rest of a burst comes with the next poll
        await self._faults.wait_while_stalled()
        if self._refusal:
            return self._refusal
        if not frame:
            return Response(status_code=304, headers={**_NOTHING_NEW, "Last-Message-Id": last})
        headers = {**HEADERS, "Content-Type": subscription.dialect.content_type}
        return Response(self._faults.maybe_truncate(frame), 200, headers)

    async def _first_frame(self, subscription: Subscription) -> Frame:
        """Return the first message, garbage on demand, or nothing after `poll_hold`."""
        gone = asyncio.create_task(_wait_for_disconnect(self._request))
        clock = asyncio.get_running_loop().time
        end = clock() + self._context.settings.poll_hold
        try:
            while not (self._refusal or self._context.broker.closed or gone.done()):
                self._ready.clear()
                if garbage := self._faults.take_garbage(subscription.dialect.garbage):
                    return garbage
                if frame := subscription.take(1):
                    return frame
                if clock() >= end:
                    break
                await self._wait(gone, end - clock())
        finally:
            gone.cancel()
        return ""

    async def _wait(self, gone: asyncio.Task[None], seconds: float) -> None:
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()

    def _close(self, code: int, reason: str) -> None:
        status = 429 if code == 4029 else 400
        self._refusal = Response(reason, status, TEXT_HEADERS)
        self._ready.set()


def requested_mid(connection: HTTPConnection) -> str | None:
    """Return the mid to resume from. Two of them, or another form, are ignored."""
    mids = connection.query_params.getlist("mid")
    return mids[0] if len(mids) == 1 and _MID.fullmatch(mids[0]) else None


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
