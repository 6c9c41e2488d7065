"""How the sandbox behaves: one value, shared by its rooms, checked once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bxpull_nb.errors import SettingsError

__all__ = ["EDITIONS", "Settings"]

EDITIONS = ("current", "seed")
_VERSIONS = (3,)


@dataclass(kw_only=True)
class Settings:
    """What a sandbox was asked to be. `configured` may change while it runs, the rest may not."""

    edition: str = "current"
    """`current`, or `seed`: which edition of `pull.application.config.get` is spoken."""
    server_version: int = 3
    """Protocol version of the push server; it decides the dialect of the frames."""
    websocket: bool = True
    """Whether the push server takes WebSockets; long polling it always takes."""
    configured: bool = True
    """False: the portal says that it has no push server."""
    private: bool = True
    """False: the portal gives the application a shared channel only."""
    buffer: float = 0.02
    """Seconds for which messages are joined into one WebSocket frame; 0 = a frame each."""
    poll_hold: float = 40.0
    """Seconds a long poll is held when there is nothing to tell."""
    channel_ttl: float = 43205.0
    """Seconds a channel lives; today's portals use 12 hours and 5 seconds."""
    token_ttl: float | None = None
    """Seconds the access token lives; None = as long as the sandbox."""
    history_limit: int = 200_000
    """Stored messages kept for resuming; the oldest go first."""
    backlog_limit: int = 64 * 1024 * 1024
    """Characters that may wait for one slow subscriber before it is cut off."""
    port: int = 0
    """0 = any free port."""
    demo: bool = False
    """Whether demo traffic flows."""
    rate: float = 25.0
    """Mean of the demo traffic in events per second."""
    seed: int = 0
    """Of the demo traffic: the same seed gives the same events."""
    now: Callable[[], float] = time.time
    """The portal's clock, in seconds since 1970."""

    def __post_init__(self) -> None:
        if self.edition not in EDITIONS:
            raise SettingsError(f"edition={self.edition!r}: take one of {', '.join(EDITIONS)}.")
        if self.server_version not in _VERSIONS:
            versions = ", ".join(map(str, _VERSIONS))
            raise SettingsError(
                f"server_version={self.server_version!r}: the sandbox speaks {versions}."
            )
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port={self.port!r}: take 1 to 65535, or 0 for any free port.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("poll_hold", "channel_ttl", "rate", "history_limit", "backlog_limit"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}={getattr(self, name)!r}: it must be more than 0.")
        if not self.buffer >= 0:
            raise SettingsError(f"buffer={self.buffer!r}: seconds, 0 or more.")

    @property
    def channel_kinds(self) -> tuple[str, ...]:
        """The types of channel the application has."""
        return ("shared", "private") if self.private else ("shared",)
