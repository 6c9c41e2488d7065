"""What a listener leaves for the one that continues from it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from bxpull_nb.models import Batch
from bxpull_nb.protocol.session.past_channels import PastChannels
from bxpull_nb.protocol.session.seen_mids import SeenMids

__all__ = ["Resume"]


class Resume(msgspec.Struct, frozen=True):
    """The state in which an earlier listener stopped: a new one continues from it."""

    seen: Mapping[str | None, SeenMids] = {}
    """For each lane every message that may come again; all are siblings."""
    last: Mapping[str | None, Batch] = {}
    """The last batch of each lane."""
    since: float | None = None
    """When the capture began: Unix seconds by the portal's clock; None before it began."""
    stopped_us: int | None = None
    """When its last record was received, in an earlier process: Unix microseconds."""
    channels: Mapping[str | None, PastChannels] = {}
    """The channels of each lane, within one process."""
    sources: Mapping[str, SeenMids] = {}
    """For each source other than a channel the events that it may bring again."""
    folder: Path | None = None
    """The journal's folder; None without a journal."""

    @property
    def beginnings(self) -> list[tuple[str | None, str]]:
        """The lanes with a position, and the mid after which each continues."""
        positions = ((lane, batch.position) for lane, batch in self.last.items())
        return [(lane, one.safe) for lane, one in positions if one is not None and one.safe]
