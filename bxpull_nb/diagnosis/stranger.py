"""Nobody in particular: calls without authorization, to see whether a portal answers at all."""

from collections.abc import Mapping

import httpx

__all__ = ["Anonymous"]


class Anonymous:
    """An authorization that has none to show."""

    def __init__(self, portal: str) -> None:
        self.portal = portal

    def method_url(self, method: str) -> str:
        """`https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    def headers(self) -> dict[str, str]:
        """None."""
        return {}

    def mask_secrets(self, text: str) -> str:
        """`text`: there is no secret."""
        return text

    async def ready(self, http: httpx.AsyncClient) -> None:
        """Nothing to do."""

    async def renew(
        self,
        http: httpx.AsyncClient,  # noqa: ARG002 - the protocol's
        refused: Mapping[str, str],  # noqa: ARG002
        *,
        again: bool = False,  # noqa: ARG002
    ) -> bool:
        """False: there is nothing to renew."""
        return False
