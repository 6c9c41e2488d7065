"""The state of one run of the doctor, and the result of one check."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bxpull_nb.masking import mask, mask_url
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import Auth

__all__ = ["CheckResult", "Context", "NotTried"]

T = TypeVar("T")


class NotTried(Exception):  # noqa: N818 - it is no error: nothing was done
    """A check has nothing to work with; the message gives the reason."""

    def __init__(self, reason: str, next_step: str = "") -> None:
        super().__init__(reason)
        self.next_step = next_step


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check, as its finding will show it."""

    text: str
    next_step: str = ""
    ok: bool = True
    echoes: tuple[float, ...] = ()


@dataclass(kw_only=True)
class Context:
    """The portal, the settings of the doctor, and the results of the earlier checks."""

    portal: Portal
    echoes: int
    """Test events for each transport."""
    seconds: float
    """Time for one answer of the portal, and for one transport."""
    nonce: Callable[[], str]
    clock: Callable[[], float]
    """Seconds that never go backwards."""
    answers: bool = False
    accepted: bool = True
    user_id: int | None = None
    scopes: tuple[str, ...] = ()
    """The granted scopes; none where the portal did not answer."""
    config: PullConfig | None = None

    @property
    def auth(self) -> Auth:
        """The authorization of the calls."""
        return self.portal.rest.auth

    @property
    def secure(self) -> bool:
        """Whether the push server's https and wss addresses come first, as for a feed."""
        return self.portal.url.startswith("https:")

    async def within(self, work: Awaitable[T]) -> T:
        """Return the result of one call; raises TimeoutError after `seconds`."""
        async with asyncio.timeout(self.seconds):
            return await work

    def need_portal(self) -> None:
        """Raise NotTried when no portal answered."""
        if not self.answers:
            raise NotTried("no portal answers")

    def need_token(self) -> None:
        """Raise NotTried when no portal answered, or it refused the authorization."""
        self.need_portal()
        if not self.accepted:
            raise NotTried("the portal does not accept the token or the webhook")

    def need_config(self) -> PullConfig:
        """Return the connection config; raises NotTried without one."""
        self.need_token()
        if self.config is None:
            raise NotTried("there is no connection config")
        return self.config

    def mask_secrets(self, text: str) -> str:
        """Return the text with every known secret masked."""
        config, secrets = self.config, list[str | None]()
        if config is not None:
            secrets += [config.jwt, config.client_id]
            secrets += [name for c in config.channels.values() for name in (c.id, c.public_id)]
        for secret in filter(None, secrets):
            text = text.replace(secret, mask(secret))
        return mask_url(self.auth.mask_secrets(text))
