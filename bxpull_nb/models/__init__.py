"""Values passed between modules: configs, channels, events, batches, log entries."""

from bxpull_nb.models.batch import Batch, Position
from bxpull_nb.models.channel import CHANNEL_TYPES, Channel, PublicChannel, public_channels
from bxpull_nb.models.config import PullConfig
from bxpull_nb.models.event import (
    EVENT_COLUMNS,
    LATER_COLUMNS,
    UNKNOWN_ARRIVAL,
    Arrival,
    BadFrame,
    Event,
    Message,
    Record,
    known_time,
)
from bxpull_nb.models.log_entry import IS_LOG_ENTRY, LOG_COLUMNS, LogEntry
from bxpull_nb.models.records import RecordBatch
from bxpull_nb.models.server import PullServer

__all__ = [
    "CHANNEL_TYPES",
    "EVENT_COLUMNS",
    "IS_LOG_ENTRY",
    "LATER_COLUMNS",
    "LOG_COLUMNS",
    "UNKNOWN_ARRIVAL",
    "Arrival",
    "BadFrame",
    "Batch",
    "Channel",
    "Event",
    "LogEntry",
    "Message",
    "Position",
    "PublicChannel",
    "PullConfig",
    "PullServer",
    "Record",
    "RecordBatch",
    "known_time",
    "public_channels",
]
