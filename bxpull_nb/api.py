"""Helper functions for scripts and cells: connect, fetch a config, listen, replay."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models import CHANNEL_TYPES, EVENT_COLUMNS, PullConfig
from bxpull_nb.models.inputs import bare_or_none
from bxpull_nb.portal import Portal, checked_portal, known_or_new
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.protocol.portal_address import is_webhook
from bxpull_nb.rest.auth import AccessToken, OAuthApp, TokenPair, TokenStore, Webhook
from bxpull_nb.storage.dataset import read_events
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "PortalSettings",
    "connect",
    "fetch_config",
    "from_environment",
    "listen",
    "replay",
    "sandbox_portal",
]

_HOW = (
    "Give connect(url, token=...) an application's OAuth access token, or connect(webhook=...) "
    "an inbound webhook's address, or set BXPULL_URL with BXPULL_TOKEN, or BXPULL_WEBHOOK; an "
    "application that renews its token automatically needs url, client_id and client_secret. "
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
    """Return the portal to explore; nothing is sent to it yet.

    The same address and credentials give the same portal until it is closed, so a cell that is
    run again, or another notebook cell, makes no second listener.

    With arguments it is that portal. Without, the one in the environment (BXPULL_WEBHOOK, or
    BXPULL_URL with BXPULL_TOKEN or BXPULL_CLIENT_ID and BXPULL_CLIENT_SECRET); without those
    either, an embedded sandbox with demo traffic, which needs no account and no network.

    A token lasts an hour. With `client_id` and `client_secret` it is renewed automatically, from
    `refresh_token` (with or without a `token`) or from the tokens that `bxpull login` stored. Each
    new pair goes to `store` (default: the system's keyring, or a file only you can read), then to
    `on_refresh`. Raises SettingsError for half of the arguments.

    >>> portal = bx.connect()
    """
    given = PortalSettings(url, token, webhook, refresh_token, client_id, client_secret)
    _check_texts({**given._asdict(), "token_url": token_url})
    if given == _NOTHING:
        given = from_environment()
        if given.webhook:  # goes before the others
            given = PortalSettings(webhook=given.webhook)
    if given == _NOTHING:
        return known_or_new((), sandbox_portal)
    others = (token_url, store, on_refresh)
    auth: OAuthApp | AccessToken | Webhook
    if given.is_application:
        if is_webhook(given.url):
            raise SettingsError(f"the url is a webhook's, which needs no application. {_HOW}")
        auth = _application(given, *others)
    elif others != (None, None, None):
        raise SettingsError(f"token_url, store and on_refresh are for an application. {_HOW}")
    else:
        auth = _fixed(given)
    webhook = given.url if is_webhook(given.url) else given.webhook
    # The portal holds the store and the callback, so their ids are theirs while it lives.
    key = (auth.portal, given._replace(url=None, webhook=webhook), *map(id, others))
    return known_or_new(key, lambda: Portal(auth))


def fetch_config(portal: Portal, *, cache: bool = True, reopen: bool = True) -> PullConfig:
    """Return how to connect to the push server: `pull.application.config.get`, typed.

    `cache` and `reopen` are the method's CACHE and REOPEN (Y/N). Raises WrongAuthType,
    PushServerNotConfigured, TokenRefused, PortalUnreachable, UnexpectedAnswer or MissingField;
    each message names the next step.

    >>> bx.fetch_config(portal).to_frame()
    """
    return checked_portal(portal).fetch_config(cache=cache, reopen=reopen)


def listen(
    portal: Portal,
    channels: Sequence[str] | str = CHANNEL_TYPES,
    transport: str = "auto",
    *,
    events: Sequence[str] | str | None = None,
    chat: bool = False,
    enrich: bool = False,
    auth_connector: str | None = None,
    unbind: bool = False,
    backfill: bool = False,
    journal: str | Path | Journal | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    privacy: Pseudonyms | None = None,
) -> Feed:
    """Return a feed that captures the portal's events from now on, in the background.

    `channels` is "shared", "private" or both; `transport` is "auto", "websocket" or "polling".
    `backfill` begins with the events that the push server still stores (at most a day). The same
    call again gives the same feed, so a cell may be re-run. With `journal`, a folder, every event
    is on disk before it counts, `read_events(folder)` reads them, and the next process that uses
    the folder goes on where this one stopped. `max_rows` and `max_bytes` bound the events kept in
    memory. With `privacy=bx.Pseudonyms(key)` names, e-mails, phones and birthdays are replaced
    before anything is stored, logged or shown (docs/privacy.md). Raises the error that prevents a
    connection.

    Deals and tasks do not come by channels. `events` are names of the portal's events, or a scope
    for all of its events: they are bound as offline events, which needs an application and the
    token of an administrator, and their queue is read when the portal announces them. The queue
    keeps the last state: several changes of one object between two readings are one row. What
    waits in it from before is captured too. `enrich` adds the object itself as `params.object`;
    `auth_connector` names a queue of one's own; `unbind` ends the bindings when the feed stops.
    `chat` takes the user's chat events, for which there is one reader only; with `backfill` those
    of the last day. The column `source` names the way by which a row came. A source that cannot
    run is in `feed.logbook` and `feed.report()`, and the others go on.

    >>> feed = listen(portal, events="crm", enrich=True, journal="capture")
    """
    return checked_portal(portal).listen(
        channels,
        transport,
        events=events,
        chat=chat,
        enrich=enrich,
        auth_connector=auth_connector,
        unbind=unbind,
        backfill=backfill,
        journal=journal,
        max_rows=max_rows,
        max_bytes=max_bytes,
        privacy=privacy,
    )


def replay(source: "str | Path | pd.DataFrame", speed: float = 1.0) -> Feed:
    """Return a feed that plays recorded events, with their gaps divided by `speed`.

    `source` is a file, a journal's folder or a dataset, as for `read_events`, or a DataFrame of
    events. The feed has the same API as a live one: `wait`, `expect`, `mark`, and `explore(feed)`
    shows it; it stops at the end, and its `df` equals the recording. A handler or a stream gets
    every event, also when it is added after they were played; `start()` after a stop continues
    where it stopped, and has nothing more to play after the end. `feed.replay.seek` goes forward
    or back. `speed` 10 is ten times as fast, `math.inf` at once. Raises FileFormatError or OSError
    for a file that cannot be read, SettingsError for a DataFrame of Dask, or without the columns of
    events, and for a speed that is not above zero.

    >>> feed = bx.replay("yesterday.parquet", speed=10)
    """
    from bxpull_nb.capture.replay import Playback
    from bxpull_nb.models.dataframes import event_columns

    recorded = read_events(source) if isinstance(source, str | Path) else source
    columns = [name for name in EVENT_COLUMNS if name != "lag"]  # it follows from the times
    events = event_columns(recorded, columns, "replay()")
    name, recording = "replay", f"DataFrame {id(source)}"
    if isinstance(source, str | Path):
        name, recording = Path(source).name, str(Path(source).absolute())

    playback = Playback(events, speed)
    return Feed(playback, LoopThread(), name=name, recorded=True, recording=recording).start()


class PortalSettings(NamedTuple):
    """The portal, and how a call to it proves who it is."""

    url: str | None = None
    token: str | None = None
    webhook: str | None = None
    refresh_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @property
    def is_application(self) -> bool:
        """Whether they are those of an application that renews its token."""
        return any(value is not None for value in self[3:])

    def to_environment(self) -> dict[str, str]:
        """Return the BXPULL_* variables for another process; a missing value is empty."""
        return {_variable(name): value or "" for name, value in self._asdict().items()}

    def __repr__(self) -> str:
        given = (name for name, value in self._asdict().items() if value is not None)
        return f"PortalSettings({', '.join(given)})"  # never the values: they are secrets


_NOTHING = PortalSettings()


def from_environment() -> PortalSettings:
    """Return the settings in the BXPULL_* variables; an empty variable is a missing one.

    Quotation marks around a value, which some env files keep, are left out.
    """
    names = PortalSettings._fields
    return PortalSettings(**{name: bare_or_none(os.environ.get(_variable(name))) for name in names})


def sandbox_portal(rate: float = 25.0) -> Portal:
    """Return an embedded sandbox as a portal, with `rate` demo events a second."""
    from bxpull_nb.sandbox import Sandbox

    sandbox = Sandbox(demo=True, rate=rate).start()
    return Portal(AccessToken(sandbox.url, sandbox.token), sandbox=sandbox, limit=None)


def _check_texts(given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise SettingsError(f"the {name} is {quoted(value)}, and has to be a text. {_HOW}")


def _variable(name: str) -> str:
    return f"BXPULL_{name.upper()}"


def _application(
    given: PortalSettings,
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


def _fixed(given: PortalSettings) -> AccessToken | Webhook:
    """Return the token, or the webhook, which may take the place of the url."""
    url, token, webhook = given[:3]
    if is_webhook(url) and webhook is None:
        url, webhook = None, url
    if webhook is not None and (url is not None or token is not None):
        raise SettingsError(f"either a webhook or a url with a token, not both. {_HOW}")
    if webhook is not None:
        return Webhook(webhook)
    if url is None or token is None:
        lacking = "url" if url is None else "token"
        raise SettingsError(f"the {lacking} is missing. {_HOW}")
    return AccessToken(url, token)
