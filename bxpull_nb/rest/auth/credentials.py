"""Authorizations of a call: an OAuth token, an inbound webhook, or none."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask
from bxpull_nb.models.inputs import bare
from bxpull_nb.protocol.portal_address import WEBHOOK_PATH, portal_url, split_portal

if TYPE_CHECKING:
    import httpx

__all__ = ["AccessToken", "Anonymous", "Auth", "Webhook", "bearer", "stripped"]


_BEARER = re.compile(r"(?:authorization:\s*)?bearer\s+", re.IGNORECASE)
_SECRET = re.compile(r"[\w.~+/:@!$*-]+=*", re.ASCII)
"""A token or a secret as it is issued; no quotation marks, no commas, no `NAME=`."""


class Auth(Protocol):
    """The part of an authorization that a REST call uses."""

    portal: str
    """The portal's address, `https://host`; it changes when the portal has moved."""

    def method_url(self, method: str) -> str:
        """Return the address of that REST method (with a webhook it holds the secret)."""
        ...

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the authorization."""
        ...

    def mask_secrets(self, text: str) -> str:
        """Return `text` with the secrets of this authorization masked."""
        ...

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Make sure that there is a token to call with."""
        ...

    async def renew(
        self,
        http: "httpx.AsyncClient",
        refused: Mapping[str, str],
        *,
        again: bool = False,
    ) -> bool:
        """Whether the token is another one now than in the `refused` headers.

        `again` is True when this call was refused and renewed before.
        """
        ...


class _Fixed:
    """An authorization that a person gave, and that only a person can renew."""

    portal: str

    def method_url(self, method: str) -> str:
        """Return `https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Do nothing: it was given."""

    async def renew(
        self,
        http: "httpx.AsyncClient",  # noqa: ARG002 - the protocol's
        refused: Mapping[str, str],  # noqa: ARG002
        *,
        again: bool = False,  # noqa: ARG002
    ) -> bool:
        """Return False: there is no other."""
        return False


class Anonymous(_Fixed):
    """No authorization, to see whether a portal answers at all."""

    def __init__(self, portal: str) -> None:
        self.portal = portal

    def headers(self) -> dict[str, str]:
        """Return no header."""
        return {}

    def mask_secrets(self, text: str) -> str:
        """Return `text`: there is no secret."""
        return text


class AccessToken(_Fixed):
    """An application's OAuth access token for one portal, good for an hour."""

    def __init__(self, portal: str, token: str) -> None:
        self.portal = portal_url(portal)
        self._token = stripped(token, "token")

    def headers(self) -> dict[str, str]:
        """Return a bearer header."""
        return bearer(self._token)

    def mask_secrets(self, text: str) -> str:
        """Return `text` with the token masked."""
        return text.replace(self._token, mask(self._token))

    def __repr__(self) -> str:
        return f"AccessToken({self.portal!r}, {mask(self._token)!r})"


class Webhook(_Fixed):
    """An inbound webhook: the user and the secret are part of the address."""

    def __init__(self, url: str) -> None:
        self.portal, rest = split_portal(url)
        found = WEBHOOK_PATH.match(rest)
        if found is None:
            raise SettingsError(
                "that is not a webhook's address. Copy it whole from the portal's "
                "Developer resources; it looks like https://acme.bitrix24.com/rest/1/secret/"
            )
        self._user, self._secret = found.groups()

    def method_url(self, method: str) -> str:
        """Return `https://host/rest/USER/SECRET/METHOD`."""
        return f"{self.portal}/rest/{self._user}/{self._secret}/{method}"

    def headers(self) -> dict[str, str]:
        """Return no header: the address holds the secret."""
        return {}

    def mask_secrets(self, text: str) -> str:
        """Return `text` with the secret masked."""
        return text.replace(self._secret, mask(self._secret))

    def __repr__(self) -> str:
        return f"Webhook({self.portal!r}, user {self._user}, {mask(self._secret)!r})"


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


def stripped(secret: str, name: str) -> str:
    """Return the secret without blanks and marks around it; raises SettingsError for no secret.

    The word `Bearer` before it is the header's, and is left out too.
    """
    text = bare(secret) if isinstance(secret, str) else ""
    text = bare(_BEARER.sub("", text))
    if not text or re.search(r"\s", text):
        raise SettingsError(f"the {name} is empty or holds spaces. Copy it again, whole.")
    if not _SECRET.fullmatch(text):
        raise SettingsError(f"the {name} holds characters no token has. Copy it again.")
    return text
