"""Times of the portal in answers and headers."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DateHeader", "iso_time"]

_TIME_ZONE = timezone(timedelta(hours=2))  # not UTC, so that clients must respect the offset


def iso_time(moment: float) -> str:
    """Return the moment in ISO 8601 with offset; whole seconds have no fraction."""
    return datetime.fromtimestamp(moment, _TIME_ZONE).isoformat()


class DateHeader:
    """Middleware that adds a `Date` header by the portal's clock, which may differ from ours."""

    def __init__(self, app: ASGIApp, now: Callable[[], float]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and add the date to its responses."""

        async def send_dated(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                date = formatdate(self._now(), usegmt=True).encode()
                message["headers"] = [*message.get("headers", ()), (b"date", date)]
            await send(message)

        await self._app(scope, receive, send_dated)
