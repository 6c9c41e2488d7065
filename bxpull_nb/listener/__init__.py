"""The listener: sessions over transports, records to a target."""

from bxpull_nb.listener.listener import Listener
from bxpull_nb.listener.settings import ListenerStats, Timing
from bxpull_nb.listener.target import Beginnings, CaptureTarget, PassingTarget

__all__ = ["Beginnings", "CaptureTarget", "Listener", "ListenerStats", "PassingTarget", "Timing"]
