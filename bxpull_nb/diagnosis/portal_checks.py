"""The checks that need only the portal; each takes the context and returns its result."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from bxpull_nb.diagnosis.advice import is_unauthenticated, missing_scope
from bxpull_nb.diagnosis.context import CheckResult, Context
from bxpull_nb.errors import ApiError, BxPullError, PortalDeleted, WrongAuthType
from bxpull_nb.http import http_client
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.endpoint import is_loopback
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import Anonymous, Webhook

__all__ = [
    "channels_live",
    "clocks_agree",
    "config_comes",
    "portal_answers",
    "push_server_is_on",
    "scope_is_enough",
    "token_is_accepted",
]

_PULL, _PERSONAL = "pull", "pull_channel"  # scopes
_CLOCKS = 2.0  # seconds the clocks may differ
_SHORT_LIFE = timedelta(minutes=10)


async def portal_answers(context: Context) -> CheckResult:
    """Check whether the portal answers a call without authorization, even by an error."""
    url, used = context.portal.url, list[str]()

    async def note(response: httpx.Response) -> None:
        used[:] = [_encryption(response)]

    http = http_client(url)
    http.event_hooks["response"].append(note)
    rest = RestClient(Anonymous(url), limit=None, http=http)
    try:
        await context.within(rest.call("server.time"))
    except PortalDeleted:
        raise
    except ApiError:
        pass  # an error code shows that the REST interface answers
    except TimeoutError:
        if not used:  # otherwise it answered that it is busy
            raise
    finally:
        await rest.aclose()
    context.answers = True
    moved = "" if rest.auth.portal == url else f", moved to {rest.auth.portal}"
    return CheckResult(f"{url}{moved}, {used[0]}", _plain_http(url))


async def token_is_accepted(context: Context) -> CheckResult:
    """Check the authorization, and which user it belongs to (`profile`)."""
    context.need_portal()
    try:
        profile = await context.within(context.portal.rest.call("profile"))
    except BxPullError as error:
        context.accepted = not is_unauthenticated(error)
        raise
    found: Mapping[str, Any] = profile if isinstance(profile, Mapping) else {}
    user = str(found.get("ID", ""))
    context.user_id = int(user) if user.isdecimal() else None
    name = f"{found.get('NAME') or ''} {found.get('LAST_NAME') or ''}".strip()
    rank = "an administrator" if found.get("ADMIN") else "no administrator"
    by = "a webhook" if isinstance(context.auth, Webhook) else "an OAuth token"
    return CheckResult(
        ", ".join(filter(None, [f"user {user or 'unknown'}", name, rank, f"by {by}"]))
    )


async def scope_is_enough(context: Context) -> CheckResult:
    """Check the granted scopes (`scope`): an application's channels need `pull`."""
    context.need_token()
    granted = await context.within(context.portal.rest.call("scope"))
    scopes = [str(scope) for scope in granted] if isinstance(granted, list) else []
    context.scopes = tuple(scopes)
    granted_text = f"granted: {', '.join(scopes) or 'nothing'}"
    if _PULL not in scopes:
        text = f"'{_PULL}' is missing; {granted_text}"
        return CheckResult(text, missing_scope(_PULL, context.auth), ok=False)
    if isinstance(context.auth, Webhook) and _PERSONAL not in scopes:
        text = f"'{_PERSONAL}' is missing; {granted_text}"
        return CheckResult(text, missing_scope(_PERSONAL, context.auth))
    return CheckResult(granted_text)


async def config_comes(context: Context) -> CheckResult:
    """Check the connection config, and whose channels it names."""
    context.need_token()
    try:
        config = context.config = await context.within(context.portal.rest.fetch_config())
    except WrongAuthType as refused:
        if not isinstance(context.auth, Webhook):
            raise
        return CheckResult(
            f"{refused.method}: {refused.code}, and no channels of the webhook's user either",
            f"Use an application's OAuth token, or tick '{_PERSONAL}' in the webhook's settings.",
            ok=False,
        )
    kinds = " and ".join(config.channels) or ("a token (jwt)" if config.jwt else "no channel")
    if config.personal_feed:
        return CheckResult(f"the personal feed of the webhook's user (pull.config.get): {kinds}")
    return CheckResult(f"an application's channels: {kinds}")


async def push_server_is_on(context: Context) -> CheckResult:
    """Check whether the config has the push server switched on."""
    server = context.need_config().server
    if not server.server_enabled:
        return CheckResult(
            "the portal has its push server switched off (server_enabled is false)",
            "An administrator switches it on, in the settings of the Push & Pull module.",
            ok=False,
        )
    websocket = "WebSocket and " if server.websocket_enabled else "no WebSocket, "
    mode = f", {server.mode} mode" if server.mode else ""
    return CheckResult(
        f"version {server.version}, {_dialect(server.version)} frames; {websocket}polling{mode}"
    )


async def clocks_agree(context: Context) -> CheckResult:
    """Check how far the portal's clock differs from this machine's."""
    offset = context.need_config().clock_offset.total_seconds()
    if abs(offset) <= _CLOCKS:
        return CheckResult(f"the portal's clock differs from this machine's by {abs(offset):.1f} s")
    where = "ahead of" if offset > 0 else "behind"
    return CheckResult(
        f"the portal's clock is {abs(offset):,.1f} s {where} this machine's",
        "Set this machine's clock by the network (NTP): the lag of events is measured with it; "
        "listening itself goes by the portal's clock.",
    )


async def channels_live(context: Context) -> CheckResult:
    """Check how long each channel, or the jwt, still lives."""
    lives = _lives(context.need_config())
    text = ", ".join(f"{name} for {_duration(left)}" for name, left in lives.items())
    if not lives:
        return CheckResult("the portal does not report when the channels end")
    if min(lives.values()) <= timedelta():
        return CheckResult(
            f"a channel has ended already: {text}",
            "Try again in a minute; if it stays so, the portal's clock or its pull module is "
            "wrong, which is for the administrator.",
            ok=False,
        )
    if min(lives.values()) < _SHORT_LIFE:
        return CheckResult(
            text, "Nothing to do: a feed takes the successor automatically when it is due."
        )
    return CheckResult(text, _one_channel(context.need_config()))


def _one_channel(config: PullConfig) -> str:
    """Return the next step where a feed of both channels, the default, would not start."""
    if set(config.channels) != {"shared"} or config.personal_feed:
        return ""
    return (
        "Listen with channels='shared': the portal gave no private channel, which needs a token "
        "of a user, not of the application alone."
    )


def _lives(config: PullConfig) -> dict[str, timedelta]:
    now = config.now()
    lives = {kind: channel.end - now for kind, channel in config.channels.items()}
    if config.jwt and config.exp:
        lives["jwt"] = timedelta(seconds=config.exp - now.timestamp())
    return lives


def _duration(left: timedelta) -> str:
    minutes, seconds = divmod(max(0, int(left.total_seconds())), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _dialect(version: int) -> str:
    return "JSON-RPC" if version >= 5 else "protobuf" if version == 4 else "text"


def _encryption(response: httpx.Response) -> str:
    tls = response.extensions["network_stream"].get_extra_info("ssl_object")
    return f"{tls.version()}, its certificate is trusted" if tls else "no TLS"


def _plain_http(url: str) -> str:
    if urlsplit(url).scheme == "https" or is_loopback(url):
        return ""
    return "Write the address with https://: without, everybody on the way can read the token."
