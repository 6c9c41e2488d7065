"""What can drive a feed: the seam between it and a listener, or a replay."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bxpull_nb.errors import BxPullError
from bxpull_nb.listener import ListenerStats, Sink
from bxpull_nb.models import PullConfig, Tell

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
        stats: ListenerStats,
        changed: Callable[[], None],
        tell: Tell,
    ) -> Driver:
        """The driver that hands its batches to `sink`."""
        ...
