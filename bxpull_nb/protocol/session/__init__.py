"""The protocol without I/O and without a clock: what to keep of a frame, where to resume."""

from bxpull_nb.protocol.session.received import Received, Resume
from bxpull_nb.protocol.session.seen_mids import SeenMids
from bxpull_nb.protocol.session.session import Session

__all__ = ["Received", "Resume", "SeenMids", "Session"]
