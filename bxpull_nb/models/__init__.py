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

__all__ = [
    "CHANNEL_TYPES",
    "EVENT_COLUMNS",
    "UNKNOWN_ARRIVAL",
    "Arrival",
    "BadFrame",
    "Batch",
    "Channel",
    "Event",
    "Message",
    "Position",
    "PublicChannel",
    "PullConfig",
    "PullServer",
    "Record",
]
