"""How the sandbox behaves: one value, shared by its rooms, checked once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bxpull_nb.errors import SettingsError

__all__ = ["DEFAULT_SCOPE", "EDITIONS", "MODES", "PROFILES", "USER_ID", "Settings"]

EDITIONS = ("current", "seed")
DEFAULT_SCOPE = ("pull", "pull_channel", "crm", "user")
MODES = ("personal", "shared")
PROFILES = ("guide", "portal")
"""What the official guide says of HTTP statuses, and what the code of today's portals does."""
USER_ID = 1
"""The user of the application and of the webhook."""
_VERSIONS = (3, 4, 5)


@dataclass(kw_only=True)
class Settings:
    """What a sandbox was asked to be. `configured` may change while it runs, the rest may not."""

    edition: str = "current"
    """`current`, or `seed`: which edition of `pull.application.config.get` is spoken."""
    server_version: int = 3
    """Protocol version of the push server: 3, 4 or 5; it decides the dialect of the frames."""
    mode: str = "personal"
    """`personal`, or `shared` for a push server in the cloud, which many portals use."""
    rpc_ping: float = 10.0
    """Seconds between two `ping` of a version 5 server; clients give up after 20 without one."""
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
    status_profile: str | None = None
    """`guide` or `portal`: which HTTP statuses error codes have; None = `guide` in the seed
    edition, `portal` in the current one."""
    scope: str | Sequence[str] = DEFAULT_SCOPE
    """What the application and the webhook were allowed, as a list or comma-separated."""
    admin: bool = True
    """Whether the user of both is an administrator."""
    redirect_uri: str | None = None
    """Where a login of the application comes back to."""
    rest_limit: float | None = 100.0
    """REST requests a second; None = no limit."""
    rest_burst: float = 2000
    """REST requests that may come at once before `rest_limit` is felt."""
    operating_limit: float | None = 480.0
    """Seconds of working time a method has in 10 minutes; None = no limit."""
    tls: bool = False
    """Whether everything is https and wss, with a certificate of the sandbox's own."""
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
        if self.mode not in MODES:
            raise SettingsError(f"mode={self.mode!r}: take one of {', '.join(MODES)}.")
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port={self.port!r}: take 1 to 65535, or 0 for any free port.")
        self._check_numbers()
        self._check_rest()

    def _check_numbers(self) -> None:
        positive = ("poll_hold", "channel_ttl", "rpc_ping", "rate", "history_limit")
        for name in (*positive, "backlog_limit"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}={getattr(self, name)!r}: it must be more than 0.")
        if not self.buffer >= 0:
            raise SettingsError(f"buffer={self.buffer!r}: seconds, 0 or more.")

    def _check_rest(self) -> None:
        if self.status_profile not in (None, *PROFILES):
            profiles = ", ".join(PROFILES)
            raise SettingsError(f"status_profile={self.status_profile!r}: take one of {profiles}.")
        for name in ("token_ttl", "rest_limit", "rest_burst", "operating_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"{name}={value!r}: it must be more than 0.")

    @property
    def profile(self) -> str:
        """The status profile in force."""
        return self.status_profile or ("guide" if self.edition == "seed" else "portal")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scope as single names."""
        names = self.scope.split(",") if isinstance(self.scope, str) else self.scope
        return tuple(name.strip() for name in names if name.strip())

    @property
    def channel_kinds(self) -> tuple[str, ...]:
        """The types of channel the application has."""
        return ("shared", "private") if self.private else ("shared",)
