"""The options of a sandbox: types, defaults, documentation and checks, in one place."""

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from textwrap import fill

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = [
    "DEFAULT_SCOPE",
    "DOORBELLS",
    "EDITIONS",
    "MODES",
    "PROFILES",
    "USER_ID",
    "Settings",
    "options_text",
]

EDITIONS = ("current", "seed")
DEFAULT_SCOPE = ("pull", "pull_channel", "crm", "user", "task", "im")
DOORBELLS = ("prompt", "late", "merged", "missing")
MODES = ("personal", "shared")
PROFILES = ("guide", "portal")
"""HTTP statuses as the official guide documents them, and as today's portals send them."""
USER_ID = 1
"""The user of the application and of the webhook."""
_DRIFT_AFTER = 1000  # demo events, 40 seconds of them
_LARGE = 10**18
_VERSIONS = (3, 4, 5)
_POSITIVE = (
    *("poll_hold", "channel_ttl", "rpc_ping", "rate", "rest_burst"),
    *("history_limit", "backlog_limit", "doorbell_delay"),
)
_POSITIVE_OR_NONE = ("token_ttl", "rest_limit", "operating_limit")


_NUMBERS = (
    *(*_POSITIVE, *_POSITIVE_OR_NONE),
    *("port", "seed", "drift", "buffer", "server_version"),
)
_TEXTS = ("edition", "mode", "status_profile", "event_rules", "doorbell")


def _doc(text: str) -> dict[str, str]:
    return {"doc": text}


@dataclass(kw_only=True, eq=False)
class Settings:
    """The options of a sandbox; only `configured` and `doorbell` may change while it runs."""

    demo: bool = field(
        default=False, metadata=_doc("Whether demo events of several modules are published.")
    )
    rate: float = field(default=25.0, metadata=_doc("Mean number of demo events a second."))
    seed: int = field(default=0, metadata=_doc("The same seed gives the same demo events."))
    drift: bool | int = field(
        default=False,
        metadata=_doc(
            "Whether demo events change after 1 000 of them, or after this number: a renamed path, "
            "a new value, another type, a vanished command and a new one; see `truth`."
        ),
    )
    port: int = field(default=0, metadata=_doc("The TCP port; 0 takes any free one."))
    edition: str = field(
        default="current",
        metadata=_doc(
            "`current` answers `pull.application.config.get` as portals do today, to applications "
            "only; `seed` as the method's page documents it, to webhooks too."
        ),
    )
    server_version: int = field(
        default=3,
        metadata=_doc(
            "The push server's protocol: 3 (text frames), 4 (protobuf) or 5 (JSON-RPC, tokens)."
        ),
    )
    mode: str = field(
        default="personal",
        metadata=_doc("`personal`, or `shared` = a push server in the cloud, with a `clientId`."),
    )
    websocket: bool = field(
        default=True, metadata=_doc("Whether the push server takes WebSockets too.")
    )
    configured: bool = field(
        default=True,
        metadata=_doc("Whether the portal has a push server; may change while it runs."),
    )
    private: bool = field(
        default=True, metadata=_doc("Whether the application has a private channel.")
    )
    buffer: float = field(
        default=0.02,
        metadata=_doc(
            "Seconds for which the messages after a first one are joined into one WebSocket frame; "
            "real servers take 0.25 to 0.4, 0 gives each message a frame of its own."
        ),
    )
    rpc_ping: float = field(
        default=10.0,
        metadata=_doc("Seconds between `ping` of a version 5 server; clients expect one in 20."),
    )
    poll_hold: float = field(default=40.0, metadata=_doc("Seconds a poll without messages waits."))
    channel_ttl: float = field(
        default=43205.0,
        metadata=_doc("Seconds a channel lives; today's portals use 12 hours and 5 seconds."),
    )
    token_ttl: float | None = field(
        default=None,
        metadata=_doc("Seconds an access token lives; None = as long as the sandbox."),
    )
    status_profile: str | None = field(
        default=None,
        metadata=_doc(
            "HTTP statuses of REST errors, on which `guide` and `portal` disagree; None = `guide` "
            "in the seed edition, else `portal`."
        ),
    )
    scope: str | Sequence[str] = field(
        default=DEFAULT_SCOPE,
        metadata=_doc("Scopes of the application and the webhook, as a list or comma-separated."),
    )
    admin: bool = field(default=True, metadata=_doc("Whether their user is an administrator."))
    redirect_uri: str | None = field(
        default=None, metadata=_doc("The address that a login of the application returns to.")
    )
    rest_limit: float | None = field(
        default=100.0,
        metadata=_doc(
            "REST requests a second after `rest_burst`; a portal allows 2, the default stops "
            "runaway loops only, None = no limit."
        ),
    )
    rest_burst: float = field(
        default=2000,
        metadata=_doc("REST requests allowed at once before `rest_limit`; a portal allows 50."),
    )
    operating_limit: float | None = field(
        default=480.0,
        metadata=_doc("Seconds a REST method may work in 10 minutes; None = no limit."),
    )
    signature_key: bytes | str | None = field(
        default=None,
        repr=False,
        metadata=_doc(
            "The key that signs channel ids and tokens; the same key gives the same ids. A secret; "
            "None = another one with each start."
        ),
    )
    public_list: bool = field(
        default=False,
        metadata=_doc(
            "Whether applications may call `pull.channel.public.list`, which portals refuse them."
        ),
    )
    offline_extended: bool = field(
        default=True,
        metadata=_doc(
            "Whether the portal's plan lets applications mark offline events with a process id, "
            "and have queues of their own by `auth_connector`."
        ),
    )
    event_rules: str = field(
        default="guide",
        metadata=_doc(
            "`guide`: as documented; `portal`: as portals' code does, an event bound again is "
            "ERROR_CORE, and the application's own changes make no offline events."
        ),
    )
    doorbell: str = field(
        default="prompt",
        metadata=_doc(
            "How the application's channel announces offline events: `prompt`, `late`, `merged` "
            "or `missing`; may change while it runs."
        ),
    )
    doorbell_delay: float = field(
        default=1.0, metadata=_doc("Seconds that a `late` or `merged` doorbell waits.")
    )
    tls: bool = field(
        default=False,
        metadata=_doc(
            "Whether to serve https and wss, with an own certificate (see `ca_path`); needs the "
            "extra `tls`."
        ),
    )
    history_limit: int = field(
        default=200_000,
        metadata=_doc("Messages stored for resuming, and at most 256 Mi characters of them."),
    )
    backlog_limit: int = field(
        default=64 * 1024 * 1024,
        metadata=_doc("Characters that may wait for a slow subscriber before it is cut off."),
    )
    now: Callable[[], float] = field(
        default=time.time, metadata=_doc("The portal's clock, in seconds since 1970.")
    )

    def __post_init__(self) -> None:
        self._check_types()
        self._check_choices()
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"port={self.port!r}: take 1 to 65535, or 0 for any free port.")
        if not self.drift >= 0:
            raise SettingsError(f"drift={self.drift!r}: True, or a number of events.")
        if not self.buffer >= 0:
            raise SettingsError(f"buffer={self.buffer!r}: seconds, 0 or more.")
        if self.signature_key is not None and not _key_bytes(self.signature_key):
            raise SettingsError("signature_key: text or bytes, at least one.")
        optional = [name for name in _POSITIVE_OR_NONE if getattr(self, name) is not None]
        for name in (*_POSITIVE, *optional):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name}={getattr(self, name)!r}: it must be more than 0.")

    def _check_types(self) -> None:
        """Raise SettingsError for a value that cannot be compared, or would fail later."""
        for name in _NUMBERS:
            value = getattr(self, name)
            is_missing = value is None and name in _POSITIVE_OR_NONE
            if not is_missing and not _is_number(value):
                raise SettingsError(f"{name}={quoted(value)}: give a number.")
        for name in _TEXTS:
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name != "status_profile"):
                raise SettingsError(f"{name}={quoted(value)}: give a text.")
        names = [self.scope] if isinstance(self.scope, str) else self.scope
        if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
            raise SettingsError(f"scope={quoted(self.scope)}: give names, as a text or a list.")

    def _check_choices(self) -> None:
        if self.server_version not in _VERSIONS:
            versions = ", ".join(map(str, _VERSIONS))
            raise SettingsError(
                f"server_version={self.server_version!r}: the sandbox speaks {versions}."
            )
        choices = {
            "edition": EDITIONS,
            "mode": MODES,
            "status_profile": (None, *PROFILES),
            "event_rules": PROFILES,
            "doorbell": DOORBELLS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                names = ", ".join(filter(None, allowed))
                raise SettingsError(f"{name}={quoted(getattr(self, name))}: take one of {names}.")

    @property
    def drift_after(self) -> int | None:
        """The number of demo events before they change; None where they never do."""
        if isinstance(self.drift, bool):
            return _DRIFT_AFTER if self.drift else None
        return self.drift

    @property
    def profile(self) -> str:
        """The status profile in force: `guide` or `portal`."""
        return self.status_profile or ("guide" if self.edition == "seed" else "portal")

    def new_signature_key(self) -> bytes:
        """Return the given key of signatures, or a random one."""
        given = self.signature_key
        return secrets.token_bytes(32) if given is None else _key_bytes(given)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scope as single names."""
        names = self.scope.split(",") if isinstance(self.scope, str) else self.scope
        return tuple(name.strip() for name in names if name.strip())

    @property
    def channel_kinds(self) -> tuple[str, ...]:
        """The types of channel the application has."""
        return ("shared", "private") if self.private else ("shared",)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and abs(value) < _LARGE


def _key_bytes(key: object) -> bytes:
    """Return the key as bytes; none for a value of another type."""
    if isinstance(key, str):
        return key.encode(errors="ignore")
    return key if isinstance(key, bytes) else b""


def options_text() -> str:
    """Return the documentation of all options as a list."""
    lines = (f"- `{option.name}`: {option.metadata['doc']}" for option in fields(Settings))
    return "\n".join(fill(line, 92, subsequent_indent="  ") for line in lines)
