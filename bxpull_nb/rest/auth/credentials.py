"""How a call proves who it is: an OAuth token, or an inbound webhook."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask
from bxpull_nb.protocol.endpoint import portal_url

if TYPE_CHECKING:
    import httpx

__all__ = ["AccessToken", "Auth", "Webhook", "bearer", "stripped"]


class Auth(Protocol):
    """What a REST call needs to know of an authorization."""

    portal: str
    """The portal's address, `https://host`; it changes when the portal has moved."""

    def method_url(self, method: str) -> str:
        """The address of that REST method (with a webhook it holds the secret)."""
        ...

    def headers(self) -> dict[str, str]:
        """The headers that carry the authorization."""
        ...

    def mask_secrets(self, text: str) -> str:
        """`text` with the secrets of this authorization masked."""
        ...

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Have a token to call with."""
        ...

    async def renew(
        self,
        http: "httpx.AsyncClient",
        refused: Mapping[str, str],
        *,
        again: bool = False,
    ) -> bool:
        """Whether there is another token now than in the `refused` headers.

        `again` says that this call was refused and renewed before.
        """
        ...


class _Given:
    """What a person gave, and only a person can renew."""

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Nothing to do: it was given."""

    async def renew(
        self,
        http: "httpx.AsyncClient",  # noqa: ARG002 - the protocol's
        refused: Mapping[str, str],  # noqa: ARG002
        *,
        again: bool = False,  # noqa: ARG002
    ) -> bool:
        """False: there is no other."""
        return False


class AccessToken(_Given):
    """An application's OAuth access token for one portal, good for an hour."""

    def __init__(self, portal: str, token: str) -> None:
        self.portal = portal_url(portal)
        self._token = stripped(token, "token")

    def method_url(self, method: str) -> str:
        """`https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    def headers(self) -> dict[str, str]:
        """A bearer header."""
        return bearer(self._token)

    def mask_secrets(self, text: str) -> str:
        """`text` with the token masked."""
        return text.replace(self._token, mask(self._token))

    def __repr__(self) -> str:
        return f"AccessToken({self.portal!r}, {mask(self._token)!r})"


class Webhook(_Given):
    """An inbound webhook: the user and the secret are part of the address."""

    def __init__(self, url: str) -> None:
        self.portal = portal_url(url)
        found = re.search(r"/rest/+(\d+)/+([^/?#\s]+)", url)
        if not found:
            raise SettingsError(
                "that is not a webhook's address. Copy it whole from the portal's "
                "Developer resources; it looks like https://acme.bitrix24.com/rest/1/secret/"
            )
        self._user, self._secret = found.groups()

    def method_url(self, method: str) -> str:
        """`https://host/rest/USER/SECRET/METHOD`."""
        return f"{self.portal}/rest/{self._user}/{self._secret}/{method}"

    def headers(self) -> dict[str, str]:
        """None: the address says it all."""
        return {}

    def mask_secrets(self, text: str) -> str:
        """`text` with the secret masked."""
        return text.replace(self._secret, mask(self._secret))

    def __repr__(self) -> str:
        return f"Webhook({self.portal!r}, user {self._user}, {mask(self._secret)!r})"


def bearer(token: str) -> dict[str, str]:
    """The header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


def stripped(secret: str, name: str) -> str:
    """The secret without blanks around it; raises SettingsError for what cannot be one."""
    bare = secret.strip()
    if not bare or any(character.isspace() for character in bare):
        raise SettingsError(f"the {name} is empty or holds spaces. Copy it again, whole.")
    if not (bare.isascii() and bare.isprintable()):
        raise SettingsError(f"the {name} holds characters no token has. Copy it again.")
    return bare
