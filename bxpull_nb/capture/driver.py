"""What drives a feed, and what may be asked of it: the seam to a listener, or a replay."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bxpull_nb.errors import BxPullError
from bxpull_nb.listener import ListenerStats, Sink
from bxpull_nb.models import OnEntry, PullConfig
from bxpull_nb.protocol.session import Resume

__all__ = ["Driver", "OpenDriver"]


class Driver(Protocol):
    """What makes a feed grow: a listener, or a replay."""

    @property
    def state(self) -> str:
        """`connecting`, `connected`, `reconnecting`, or a replay's own word."""
        ...

    @property
    def ready(self) -> bool:
        """Whether nothing that is published from now on can be missed."""
        ...

    @property
    def error(self) -> BxPullError | None:
        """Why it is not connected; None while it is."""
        ...

    @property
    def config(self) -> PullConfig | None:
        """The connection config in force."""
        ...

    @property
    def transports(self) -> tuple[str, ...]:
        """What the connections use now."""
        ...

    def clock(self) -> int:
        """The moment its events are in: Unix nanoseconds, of now, or of the recording."""
        ...

    async def run(self) -> None:
        """Drive until cancelled, or until there is no more."""
        ...

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a method of the push server."""
        ...


class OpenDriver(Protocol):
    """Makes a driver; nothing runs yet."""

    def __call__(
        self,
        sink: Sink,
        *,
        channels: Sequence[str],
        transport: str,
        backfill: bool,
        resume: Resume | None,
        stats: ListenerStats,
        changed: Callable[[], None],
        tell: OnEntry,
    ) -> Driver:
        """The driver that hands its batches to `sink`."""
        ...
