"""The helper functions a cell calls. Each works from a plain script too."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bxpull_nb.auth import AccessToken, Webhook
from bxpull_nb.errors import SettingsError
from bxpull_nb.feed import Feed
from bxpull_nb.models import CHANNEL_TYPES, PullConfig
from bxpull_nb.portal import Portal

if TYPE_CHECKING:
    from bxpull_nb.widgets import Explorer

__all__ = ["allow_nested_run", "connect", "explore", "fetch_config", "listen"]

_HOW = (
    "Give connect(url, token=...) an application's OAuth access token, or connect(webhook=...) "
    "an inbound webhook's address, or set BXPULL_URL with BXPULL_TOKEN, or BXPULL_WEBHOOK. "
    "connect() alone starts a sandbox."
)


def connect(
    url: str | None = None, *, token: str | None = None, webhook: str | None = None
) -> Portal:
    """The portal to explore; nothing is sent to it yet.

    With arguments it is that portal. Without, the one in the environment (BXPULL_WEBHOOK, or
    BXPULL_URL and BXPULL_TOKEN); without those either, an embedded sandbox with demo traffic,
    which needs no account and no network. Raises SettingsError for half of the arguments.
    """
    if url is None and token is None and webhook is None:
        webhook = os.environ.get("BXPULL_WEBHOOK") or None
        if webhook is None:
            url = os.environ.get("BXPULL_URL") or None
            token = os.environ.get("BXPULL_TOKEN") or None
        if url is None and token is None and webhook is None:
            return _sandbox_portal()
    if url is not None and token is None and webhook is None and _is_webhook(url):
        url, webhook = None, url
    if webhook is not None and (url is not None or token is not None):
        raise SettingsError(f"either a webhook or a url with a token, not both. {_HOW}")
    if webhook is not None:
        return Portal(Webhook(webhook))
    if url is None or token is None:
        lacking = "url" if url is None else "token"
        raise SettingsError(f"the {lacking} is missing. {_HOW}")
    return Portal(AccessToken(url, token))


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
) -> Feed:
    """A feed that captures the portal's events from now on, in the background.

    `channels` is "shared", "private" or both; `transport` is "auto", "websocket" or "polling".
    `backfill` begins with what the push server still stores (at most a day). The same call
    again gives the same feed, so a cell may be re-run. Raises what keeps it from connecting.
    """
    return portal.feed(channels, transport).start(backfill=backfill)


def explore(portal: Portal) -> "Explorer":
    """The control panel for the portal: fetch, start, watch, stop, export.

    Called again, it shows the same feed: the one that was started last.
    """
    from bxpull_nb.widgets import Explorer

    return Explorer(portal)


def allow_nested_run() -> None:
    """Let `asyncio.run(...)` of your own code work inside a cell.

    Patches asyncio for the whole process (nest_asyncio2), so it is done only when asked for.
    The toolkit itself does not need it: its loop runs on a thread of its own.
    """
    import nest_asyncio2

    nest_asyncio2.apply()


def _sandbox_portal() -> Portal:
    from bxpull_nb.sandbox import Sandbox

    sandbox = Sandbox(demo=True).start()
    return Portal(AccessToken(sandbox.url, sandbox.token), sandbox=sandbox)


def _is_webhook(url: str) -> bool:
    return re.search(r"/rest/+\d+/+\w", url) is not None
