"""What travels through the house: the connection config, and the events."""

from bxpull_nb.models.config import CHANNEL_TYPES, Channel, PublicChannel, PullConfig, PullServer
from bxpull_nb.models.event import (
    EVENT_COLUMNS,
    UNKNOWN_ARRIVAL,
    Arrival,
    BadFrame,
    Batch,
    Event,
    Message,
    Position,
    Record,
)
from bxpull_nb.models.happening import HAPPENING_COLUMNS, Happening, Tell

__all__ = [
    "CHANNEL_TYPES",
    "EVENT_COLUMNS",
    "HAPPENING_COLUMNS",
    "UNKNOWN_ARRIVAL",
    "Arrival",
    "BadFrame",
    "Batch",
    "Channel",
    "Event",
    "Happening",
    "Message",
    "Position",
    "PublicChannel",
    "PullConfig",
    "PullServer",
    "Record",
    "Tell",
]
