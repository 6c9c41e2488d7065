"""What drives a feed, and what may be asked of it: the seam to a listener, or a replay."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from bxpull_nb.errors import BxPullError
from bxpull_nb.listener import CaptureTarget, ListenerStats
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.session import Resume

__all__ = ["Driver", "OpenDriver", "Unbinding"]


class Driver(Protocol):
    """The source of a feed's events: a listener, or a replay."""

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
        """The transports in use now."""
        ...

    def resume_state(self) -> Resume | None:
        """Return the state in which it stopped; None if another cannot continue from it."""
        ...

    def clock(self) -> int:
        """Return the time of its events in Unix nanoseconds: now, or of the recording."""
        ...

    async def run(self) -> None:
        """Drive until cancelled, or until there is no more."""
        ...

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method of the push server."""
        ...


@runtime_checkable
class Unbinding(Protocol):
    """A driver with bindings at the portal, which can be ended."""

    async def unbind(self) -> None:
        """End them; raises the portal's refusal."""
        ...


class OpenDriver(Protocol):
    """Makes a driver; nothing runs yet."""

    def __call__(
        self,
        target: CaptureTarget,
        *,
        channels: Sequence[str],
        transport: str,
        backfill: bool,
        resume: Resume | None,
        stats: ListenerStats,
    ) -> Driver:
        """Return the driver that hands its batches to `target`."""
        ...
