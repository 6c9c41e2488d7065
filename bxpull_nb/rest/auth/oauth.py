"""An OAuth application that renews its token, once for all waiting calls."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.errors import GrantRefused, SettingsError, TokensNotStored
from bxpull_nb.masking import mask
from bxpull_nb.protocol.portal_address import portal_url
from bxpull_nb.rest.auth.credentials import bearer, stripped
from bxpull_nb.rest.auth.store import TokenStore, default_store
from bxpull_nb.rest.auth.store_lock import renewing_alone
from bxpull_nb.rest.auth.token_endpoint import request_tokens, token_server
from bxpull_nb.rest.auth.token_pair import TokenPair, origin_of

if TYPE_CHECKING:
    import httpx

__all__ = ["OAuthApp"]

_log = logging.getLogger(__name__)
_LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between looks into a store without a lock
_LOOKS_LOCKED = _LOOKS[:3]  # some network file systems give one lock to several machines
_SETTLE = 5.0  # seconds that a running refresh may take when everything ends


class OAuthApp:
    """An application on one portal; its tokens are renewed when the portal refuses them.

    Without `refresh_token` the token pair comes from the store, where `bxpull login` put it. A
    stored pair that descends from the `refresh_token` given here is newer, and is preferred.
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
        self._given = _given_token_pair(token, refresh_token)
        self._store = store
        self._on_refresh = on_refresh
        self._token_pair: TokenPair | None = None
        self._issued = ""  # the access token that the token server gave to this object
        self._flight: asyncio.Task[None] | None = None

    def method_url(self, method: str) -> str:
        """Return `https://host/rest/METHOD`."""
        return f"{self.portal}/rest/{method}"

    def headers(self) -> dict[str, str]:
        """Return a bearer header; none before the first token."""
        return bearer(self._token_pair.access_token) if self._token_pair else {}

    def mask_secrets(self, text: str) -> str:
        """Return `text` with the tokens and the application's secret masked."""
        pairs = [pair for pair in (self._token_pair, self._given) if pair]
        secrets = [s for pair in pairs for s in (pair.access_token, pair.refresh_token)]
        for secret in filter(None, [self._client_secret, *secrets]):
            text = text.replace(secret, mask(secret))
        return text

    async def ready(self, http: "httpx.AsyncClient") -> None:
        """Take the given token, the stored one, or a fresh one for the refresh token.

        Raises SettingsError when there is none, and the errors of `renew`.
        """
        if self._token_pair is None:
            await self._once(self._open, http)

    async def renew(
        self,
        http: "httpx.AsyncClient",
        refused: Mapping[str, str],
        *,
        again: bool = False,
    ) -> bool:
        """Renew the refused token, once for many callers; return whether there is another now.

        A token that came fresh for this call and is refused `again` is not renewed: False.
        Raises GrantRefused when the refresh token is not accepted, and the errors of the request
        to the token server.
        """
        if self.headers() != refused:
            return True
        if again and self._token_pair is not None and self._token_pair.access_token == self._issued:
            return False
        await self._once(self._refresh, http)
        return True

    async def log_in(
        self, tell: Callable[[str], object], *, port: int = 0, timeout: float = 300
    ) -> None:
        """Log in with a browser, store the tokens, and use them from now on.

        `tell` gets the address to open. See `login_async` for the others and for what it raises.
        """
        from bxpull_nb.rest.login import login_async

        token_pair = await login_async(
            self._first_portal,
            self._client_id,
            self._client_secret,
            port=port,
            open_browser=None,
            tell=tell,
            timeout=timeout,
            store=await asyncio.to_thread(self._open_store),
            token_url=self._token_url,
        )
        self._use(token_pair)

    async def wait_for_refresh(self) -> None:
        """Wait for a running refresh: its tokens come only once, and must be stored."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait([self._flight], timeout=_SETTLE)

    def __repr__(self) -> str:
        token = mask(self._token_pair.access_token) if self._token_pair else "no token yet"
        return f"OAuthApp({self.portal!r}, {mask(self._client_id)!r}, {token!r})"

    async def _once(
        self,
        work: Callable[["httpx.AsyncClient"], Coroutine[Any, Any, None]],
        http: "httpx.AsyncClient",
    ) -> None:
        """Do the work, or wait for another caller's; a Ctrl-C does not cancel it."""
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
        self._token_pair = stored if newer else given
        if self._token_pair is not None and not self._token_pair.access_token:
            try:
                await self._refresh(http)
            except BaseException:
                self._token_pair = None
                raise

    async def _refresh(self, http: "httpx.AsyncClient") -> None:
        """Renew the pair, or take over the one of another process; both while no other renews."""
        token_pair = self._token_pair
        if token_pair is None:
            return
        async with renewing_alone(self._open_store(), *self._key) as is_alone:
            if await self._took_over(token_pair):
                return
            looks = _LOOKS_LOCKED if is_alone else _LOOKS
            fresh = await self._granted(http, token_pair, looks)
            if fresh is None:
                return
            await self._save(fresh)
        self._use(fresh)

    async def _granted(
        self, http: "httpx.AsyncClient", token_pair: TokenPair, looks: Sequence[float]
    ) -> TokenPair | None:
        """Return the next pair; None if the refused one was renewed by another process."""
        grant = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "refresh_token": token_pair.refresh_token,
        }
        try:
            fresh = await request_tokens(http, self._token_url, grant)
        except GrantRefused:
            for pause in looks:
                await asyncio.sleep(pause)
                if await self._took_over(token_pair):
                    return None
            raise
        return msgspec.structs.replace(fresh, origin=token_pair.origin)

    async def _took_over(self, token_pair: TokenPair) -> bool:
        """Use the pair of another program that renewed the same tokens; return whether it did."""
        stored = await self._load()
        if stored is None or stored.origin != token_pair.origin:
            return False
        if stored.refresh_token == token_pair.refresh_token:
            return False
        self._token_pair = stored
        return True

    async def _save(self, token_pair: TokenPair) -> None:
        """Store the tokens before they are used: a program's end must not lose them."""
        try:
            await asyncio.to_thread(self._open_store().save, *self._key, token_pair)
        except TokensNotStored as exc:
            _log.warning("the new tokens last only as long as this program: %s", exc)

    def _use(self, token_pair: TokenPair) -> None:
        self._token_pair = token_pair
        self._issued = token_pair.access_token
        if self._on_refresh is None:
            return
        try:
            self._on_refresh(token_pair)
        except Exception as exc:  # noqa: BLE001 - a caller's code; the tokens are still good
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


def _given_token_pair(token: str | None, refresh_token: str | None) -> TokenPair | None:
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
