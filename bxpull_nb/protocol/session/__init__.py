"""Sessions: which messages are new, where to resume, what the capture began with. No I/O."""

from bxpull_nb.protocol.session.history import HistoryPolicy
from bxpull_nb.protocol.session.seen_mids import SeenMids
from bxpull_nb.protocol.session.session import Received, Resume, Session

__all__ = ["HistoryPolicy", "Received", "Resume", "SeenMids", "Session"]
