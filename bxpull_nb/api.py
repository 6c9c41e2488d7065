"""The helper functions, for scripts and cells alike: connect, fetch a config, listen, replay."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import SettingsError
from bxpull_nb.listener import CaptureTarget, ListenerStats
from bxpull_nb.models import CHANNEL_TYPES, PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken, OAuthApp, TokenPair, TokenStore, Webhook
from bxpull_nb.storage.dataset import read_events
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["connect", "fetch_config", "listen", "replay"]

_HOW = (
    "Give connect(url, token=...) an application's OAuth access token, or connect(webhook=...) "
    "an inbound webhook's address, or set BXPULL_URL with BXPULL_TOKEN, or BXPULL_WEBHOOK; an "
    "application that renews its token by itself needs url, client_id and client_secret. "
    "connect() alone starts a sandbox."
)


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    webhook: str | None = None,
    refresh_token: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    token_url: str | None = None,
    store: TokenStore | None = None,
    on_refresh: Callable[[TokenPair], object] | None = None,
) -> Portal:
    """The portal to explore; nothing is sent to it yet.

    With arguments it is that portal. Without, the one in the environment (BXPULL_WEBHOOK, or
    BXPULL_URL with BXPULL_TOKEN or BXPULL_CLIENT_ID and BXPULL_CLIENT_SECRET); without those
    either, an embedded sandbox with demo traffic, which needs no account and no network.

    A token lasts an hour. With `client_id` and `client_secret` it is renewed by itself, from
    `refresh_token` (with or without a `token`) or from what `bxpull login` stored. Each new pair
    goes to `store` (default: the system's keyring, or a file only you can read), then to
    `on_refresh`. Raises SettingsError for half of the arguments.
    """
    given = _Login(url, token, webhook, refresh_token, client_id, client_secret)
    if given == _NOTHING:
        given = _from_environment()
    if given == _NOTHING:
        return _sandbox_portal()
    if given.is_application:
        return Portal(_application(given, token_url, store, on_refresh))
    if token_url is not None or store is not None or on_refresh is not None:
        raise SettingsError(f"token_url, store and on_refresh are for an application. {_HOW}")
    return Portal(_fixed(given))


def fetch_config(portal: Portal, *, cache: bool = True, reopen: bool = True) -> PullConfig:
    """How to connect to the portal's push server: `pull.application.config.get`, typed.

    `cache` and `reopen` are the method's CACHE and REOPEN (Y/N). Raises WrongAuthType,
    PushServerNotConfigured, TokenRefused, PortalUnreachable, UnexpectedAnswer or MissingField,
    each saying what to do.
    """
    return portal.fetch_config(cache=cache, reopen=reopen)


def listen(
    portal: Portal,
    channels: Sequence[str] | str = CHANNEL_TYPES,
    transport: str = "auto",
    *,
    backfill: bool = False,
    journal: str | Path | Journal | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
) -> Feed:
    """A feed that captures the portal's events from now on, in the background.

    `channels` is "shared", "private" or both; `transport` is "auto", "websocket" or "polling".
    `backfill` begins with what the push server still stores (at most a day). The same call
    again gives the same feed, so a cell may be re-run. With `journal`, a folder, every event is on
    disk before it counts, `read_events(folder)` gives them back, and the next process that uses
    the folder goes on where this one stopped. `max_rows` and `max_bytes` bound what is kept in
    memory. Raises what keeps it from connecting.
    """
    return portal.feed(channels, transport).start(
        backfill=backfill, journal=journal, max_rows=max_rows, max_bytes=max_bytes
    )


def replay(source: "str | Path | pd.DataFrame", speed: float = 1.0) -> Feed:
    """A feed that plays recorded events again, with the gaps they had, divided by `speed`.

    `source` is a file, a journal's folder or a dataset, as for `read_events`, or a frame of events.
    The feed has the face of a live one: `wait`, `expect`, `mark`, and `explore(feed)` shows it;
    when all is played, it has stopped, and its `df` equals the recording. `speed` 10 is ten times
    as fast, `math.inf` at once. Raises FileFormatError or OSError for a file that cannot be read,
    SettingsError for a frame of Dask and for a speed that is not above zero.
    """
    from bxpull_nb.capture.replay import Replay
    from bxpull_nb.models.dataframes import needs_pandas

    needs_pandas(source, "replay()")
    events = read_events(source) if isinstance(source, str | Path) else source
    name = Path(source).name if isinstance(source, str | Path) else "replay"

    def play(target: CaptureTarget, *, stats: ListenerStats, **_live: Any) -> Replay:
        return Replay(events, target, speed=speed, stats=stats)

    return Feed(play, LoopThread(), name=name).start()


def _sandbox_portal() -> Portal:
    from bxpull_nb.sandbox import Sandbox

    sandbox = Sandbox(demo=True).start()
    return Portal(AccessToken(sandbox.url, sandbox.token), sandbox=sandbox, limit=None)


class _Login(NamedTuple):
    """What says which portal, and as whom."""

    url: str | None = None
    token: str | None = None
    webhook: str | None = None
    refresh_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @property
    def is_application(self) -> bool:
        return any(value is not None for value in self[3:])


_NOTHING = _Login()


def _from_environment() -> _Login:
    """What the BXPULL variables say; a webhook goes before the others."""
    found = {name: os.environ.get(f"BXPULL_{name.upper()}") or None for name in _Login._fields}
    return _Login(webhook=found["webhook"]) if found["webhook"] else _Login(**found)


def _application(
    given: _Login,
    token_url: str | None,
    store: TokenStore | None,
    on_refresh: Callable[[TokenPair], object] | None,
) -> OAuthApp:
    if given.webhook is not None:
        raise SettingsError(f"either a webhook or an application, not both. {_HOW}")
    if given.url is None or given.client_id is None or given.client_secret is None:
        needed = ("url", "client_id", "client_secret")
        lacking = next(name for name in needed if getattr(given, name) is None)
        raise SettingsError(f"the {lacking} is missing. {_HOW}")
    return OAuthApp(
        given.url,
        given.client_id,
        given.client_secret,
        token=given.token,
        refresh_token=given.refresh_token,
        token_url=token_url,
        store=store,
        on_refresh=on_refresh,
    )


def _fixed(given: _Login) -> AccessToken | Webhook:
    """A token for an hour, or a webhook: by its name or in place of the url."""
    url, token, webhook = given[:3]
    if url is not None and token is None and webhook is None and _is_webhook(url):
        url, webhook = None, url
    if webhook is not None and (url is not None or token is not None):
        raise SettingsError(f"either a webhook or a url with a token, not both. {_HOW}")
    if webhook is not None:
        return Webhook(webhook)
    if url is None or token is None:
        lacking = "url" if url is None else "token"
        raise SettingsError(f"the {lacking} is missing. {_HOW}")
    return AccessToken(url, token)


def _is_webhook(url: str) -> bool:
    return re.search(r"/rest/+\d+/+\w", url) is not None
