"""The company that works on the portal: its objects, chats and offline events."""

from collections.abc import Callable, Coroutine
from typing import Any

from bxpull_nb.sandbox.chat.chats import Chats
from bxpull_nb.sandbox.chat.queue import ChatQueue
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.objects.demo_objects import DemoObjects
from bxpull_nb.sandbox.objects.portal_objects import PortalObjects
from bxpull_nb.sandbox.offline.doorbell import Doorbell
from bxpull_nb.sandbox.offline.events import OfflineEvents
from bxpull_nb.sandbox.publisher import Publisher
from bxpull_nb.sandbox.settings import Settings

__all__ = ["Company"]


class Company:
    """The objects that people change, and the queues of the events about it.

    `spawn` runs a coroutine in the server's loop.
    """

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        def ring(params: list[dict[str, Any]]) -> None:
            publisher.publish("rest", "event_offline", params, ["shared"])

        doorbell = Doorbell(settings, ring, spawn)
        self.offline = OfflineEvents(doorbell, skips_own=settings.event_rules == "portal")
        self.objects = PortalObjects(self.offline.record, demo=settings.demo)
        self.chats = Chats(ChatQueue(settings.now), settings.now)
        self._demo = DemoObjects(self.objects)

    def apply(self, event: DemoEvent, moment: float) -> None:
        """Make the changes of one demo event, and announce them by the doorbell."""
        self._demo.apply(event, moment)
        self.chats.apply(event)
        self.offline.doorbell.ring()
