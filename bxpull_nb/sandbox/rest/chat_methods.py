"""REST methods of chat events: `im.v2.Event.*`, for applications and webhooks."""

from typing import Any

from bxpull_nb.sandbox.chat.queue import ChatQueue
from bxpull_nb.sandbox.rest.event_methods import intval
from bxpull_nb.sandbox.rest.methods import Call, Method

__all__ = ["ChatMethods"]

_SCOPE = "im"
_LIMIT, _MOST = 100, 1000


class ChatMethods:
    """Subscribe to the caller's chat events, and get them."""

    def __init__(self, queue: ChatQueue) -> None:
        self._queue = queue

    def table(self) -> dict[str, Method]:
        """Return the methods by their names, which callers write in any case."""
        return {
            "im.v2.event.subscribe": Method(_SCOPE, self._subscribe),
            "im.v2.event.unsubscribe": Method(_SCOPE, self._unsubscribe),
            "im.v2.event.get": Method(_SCOPE, self._get),
        }

    def _subscribe(self, call: Call) -> bool:
        self._queue.subscribe(call.caller.user_id)
        return True

    def _unsubscribe(self, call: Call) -> bool:
        self._queue.unsubscribe(call.caller.user_id)
        return True

    def _get(self, call: Call) -> dict[str, Any]:
        """Return events; an `offset` acknowledges those below it. Wrong limits are corrected."""
        params = call.upper
        given = params.get("OFFSET")
        offset = None if given in (None, "") else intval(given)
        limit = min(max(intval(params.get("LIMIT", _LIMIT)), 1), _MOST)
        page = self._queue.get(call.caller.user_id, offset, limit)
        return {
            "events": [event.row() for event in page.events],
            "nextOffset": page.next_offset,
            "hasMore": page.has_more,
        }
