"""An OAuth application whose token renews itself, once for all that wait for it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.errors import GrantRefused, SettingsError, TokensNotStored
from bxpull_nb.masking import mask
from bxpull_nb.protocol.endpoint import portal_url
from bxpull_nb.rest.auth.credentials import bearer, stripped
from bxpull_nb.rest.auth.store import TokenStore, default_store
from bxpull_nb.rest.auth.token_endpoint import request_tokens, token_server
from bxpull_nb.rest.auth.token_pair import TokenPair, origin_of

if TYPE_CHECKING:
    import httpx

__all__ = ["OAuthApp"]

_log = logging.getLogger(__name__)
_SETTLE = 5.0  # seconds a refresh under way may take when everything ends


class OAuthApp:
    """An application on one portal, with tokens that are renewed when the portal says so.

    Without `refresh_token` the pair comes from the store, where `bxpull login` put it. A pair
    in the store that descends from the `refresh_token` given here is newer, and goes first.
    `store` keeps each new pair before it is used (default: the system's keyring, or a file only
    you can read), then `on_refresh` is called with it, on the portal's own thread. `token_url`
    is the token server. Raises SettingsError for arguments that cannot be used.
    """

    def __init__(
        self,
        portal: str,
        client_id: str,
        client_secret: str,
        *,
        token: str | None = None,
        refresh_token: str | None = None,
        token_url: str | None = None,
        store: TokenStore | None = None,
        on_refresh: Callable[[TokenPair], object] | None = None,
    ) -> None:
        self.portal = self._first_portal = portal_url(portal)
        self._client_id = stripped(client_id, "client_id")
        self._client_secret = stripped(client_secret, "client_secret")
        self._token_url = token_server(self.portal, token_url)
        self._given = _given_pair(token, refresh_token)
        self._store = store
        self._on_refresh = on_refresh
        self._pair: TokenPair | None = None
        self._issued = ""  # the access token the token server gave to this very object
        self._flight: asyncio.Task[None] | None = None

    def method_url(self, method: str) -> str:
        """`https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    def headers(self) -> dict[str, str]:
        """A bearer header; none before the first token is there."""
        return bearer(self._pair.access_token) if self._pair else {}

    def mask_secrets(self, text: str) -> str:
        """`text` with the tokens and the application's secret masked."""
        pairs = [pair for pair in (self._pair, self._given) if pair]
        secrets = [s for pair in pairs for s in (pair.access_token, pair.refresh_token)]
        for secret in filter(None, [self._client_secret, *secrets]):
            text = text.replace(secret, mask(secret))
        return text

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Have a token: the given one, the stored one, or a fresh one for the refresh token.

        Raises SettingsError when there is none, and what `renew` raises.
        """
        if self._pair is None:
            await self._once(self._open, http)

    async def renew(
        self,
        http: "httpx.AsyncClient",
        refused: Mapping[str, str],
        *,
        again: bool = False,
    ) -> bool:
        """Whether another token than the refused one is there; many callers cause one refresh.

        A token that came fresh for this call and is refused `again` is not renewed: False.
        Raises GrantRefused when the refresh token is not accepted, and what keeps the token
        server from answering.
        """
        if self.headers() != refused:
            return True
        if again and self._pair is not None and self._pair.access_token == self._issued:
            return False
        await self._once(self._refresh, http)
        return True

    async def wait_for_refresh(self) -> None:
        """Let a refresh that is under way end: its tokens come once, and must be stored."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait([self._flight], timeout=_SETTLE)

    def __repr__(self) -> str:
        token = mask(self._pair.access_token) if self._pair else "no token yet"
        return f"OAuthApp({self.portal!r}, {mask(self._client_id)!r}, {token!r})"

    async def _once(
        self,
        work: Callable[["httpx.AsyncClient"], Coroutine[Any, Any, None]],
        http: "httpx.AsyncClient",
    ) -> None:
        """Do the work, or wait for who is doing it; a caller's Ctrl-C does not break it off."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(work(http))
            self._flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._flight)

    async def _open(self, http: "httpx.AsyncClient") -> None:
        stored, given = await self._load(), self._given
        if given is None and stored is None:
            raise SettingsError(
                f"no tokens of this application are stored for {self._first_portal}. Log in with "
                f"`bxpull login`, or give connect() a refresh_token."
            )
        newer = given is None or (stored is not None and stored.origin == given.origin)
        self._pair = stored if newer else given
        if self._pair is not None and not self._pair.access_token:
            try:
                await self._refresh(http)
            except BaseException:
                self._pair = None
                raise

    async def _refresh(self, http: "httpx.AsyncClient") -> None:
        pair = self._pair
        if pair is None or await self._took_over(pair):
            return
        grant = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "refresh_token": pair.refresh_token,
        }
        try:
            fresh = await request_tokens(http, self._token_url, grant)
        except GrantRefused:
            if await self._took_over(pair):
                return
            raise
        await self._keep(msgspec.structs.replace(fresh, origin=pair.origin))

    async def _took_over(self, pair: TokenPair) -> bool:
        """Whether another program has renewed the same tokens, and we use its pair now."""
        stored = await self._load()
        if stored is None or stored.origin != pair.origin:
            return False
        if stored.refresh_token == pair.refresh_token:
            return False
        self._pair = stored
        return True

    async def _keep(self, pair: TokenPair) -> None:
        """Stored first: a program that ends now must not lose tokens that come only once."""
        try:
            await asyncio.to_thread(self._open_store().save, *self._key, pair)
        except TokensNotStored as exc:
            _log.warning("the new tokens last only as long as this program: %s", exc)
        self._pair = pair
        self._issued = pair.access_token
        if self._on_refresh is None:
            return
        try:
            self._on_refresh(pair)
        except Exception as exc:  # noqa: BLE001 - a caller's code; the tokens are good all the same
            _log.warning("on_refresh failed (%s); the tokens are in use", type(exc).__name__)

    async def _load(self) -> TokenPair | None:
        return await asyncio.to_thread(self._open_store().load, *self._key)

    def _open_store(self) -> TokenStore:
        if self._store is None:
            self._store = default_store()
        return self._store

    @property
    def _key(self) -> tuple[str, str]:
        return self._first_portal, self._client_id


def _given_pair(token: str | None, refresh_token: str | None) -> TokenPair | None:
    if refresh_token is None:
        if token is not None:
            raise SettingsError(
                "the refresh_token is missing: a token alone cannot be renewed. Give both, or "
                "only the token without client_id and client_secret."
            )
        return None
    refresh = stripped(refresh_token, "refresh_token")
    return TokenPair(
        access_token=stripped(token, "token") if token is not None else "",
        refresh_token=refresh,
        origin=origin_of(refresh),
    )
