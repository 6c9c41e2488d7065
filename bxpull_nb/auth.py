"""How a call proves who it is: an OAuth token, or an inbound webhook."""

import re
from typing import Protocol

from bxpull_nb.endpoint import portal_url
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask

__all__ = ["AccessToken", "Auth", "Webhook"]


class Auth(Protocol):
    """What a REST call needs to know of an authorization."""

    portal: str
    """The portal's address, `https://host`."""

    def method_url(self, method: str) -> str:
        """The address of that REST method (with a webhook it holds the secret)."""
        ...

    def headers(self) -> dict[str, str]:
        """The headers that carry the authorization."""
        ...


class AccessToken:
    """An application's OAuth access token for one portal."""

    def __init__(self, portal: str, token: str) -> None:
        self.portal = portal_url(portal)
        self._token = _stripped(token, "token")

    def method_url(self, method: str) -> str:
        """`https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    def headers(self) -> dict[str, str]:
        """A bearer header."""
        return {"Authorization": f"Bearer {self._token}"}

    def __repr__(self) -> str:
        return f"AccessToken({self.portal!r}, {mask(self._token)!r})"


class Webhook:
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

    def __repr__(self) -> str:
        return f"Webhook({self.portal!r}, user {self._user}, {mask(self._secret)!r})"


def _stripped(secret: str, name: str) -> str:
    stripped = secret.strip()
    if not stripped or any(character.isspace() for character in stripped):
        raise SettingsError(f"the {name} is empty or holds spaces. Copy it again, whole.")
    if not stripped.isascii():
        raise SettingsError(f"the {name} holds characters no token has. Copy it again.")
    return stripped
