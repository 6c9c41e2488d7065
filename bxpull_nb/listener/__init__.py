"""The listener: sessions over transports, records to a target."""

from bxpull_nb.listener.listener import Listener
from bxpull_nb.listener.settings import ListenerStats, Timing
from bxpull_nb.listener.target import CaptureTarget

__all__ = ["CaptureTarget", "Listener", "ListenerStats", "Timing"]
