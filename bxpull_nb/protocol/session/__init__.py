"""Sessions decide which messages are new and where to resume, without I/O."""

from bxpull_nb.protocol.session.audits import Audit
from bxpull_nb.protocol.session.history import HistoryPolicy
from bxpull_nb.protocol.session.mids import is_counted
from bxpull_nb.protocol.session.newest_stored import NewestStored
from bxpull_nb.protocol.session.past_channels import PastChannels, RetiredChannel
from bxpull_nb.protocol.session.received import Received
from bxpull_nb.protocol.session.resume import Resume
from bxpull_nb.protocol.session.seen_mids import SeenMids
from bxpull_nb.protocol.session.session import Session
from bxpull_nb.protocol.session.sorting import service_messages

__all__ = [
    "Audit",
    "HistoryPolicy",
    "NewestStored",
    "PastChannels",
    "Received",
    "Resume",
    "RetiredChannel",
    "SeenMids",
    "Session",
    "is_counted",
    "service_messages",
]
