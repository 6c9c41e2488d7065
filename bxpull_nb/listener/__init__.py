"""The only driver: sessions over transports, records to a sink."""

from bxpull_nb.listener.listener import Listener
from bxpull_nb.listener.shared import ListenerStats, Sink, Timing

__all__ = ["Listener", "ListenerStats", "Sink", "Timing"]
