"""The protocol without I/O and without a clock: what to keep of a frame, where to resume."""

from bxpull_nb.session.received import Received, Resume
from bxpull_nb.session.seen import SeenMids
from bxpull_nb.session.session import Session

__all__ = ["Received", "Resume", "SeenMids", "Session"]
