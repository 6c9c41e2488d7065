"""Requests to the token server: a token pair for a refresh token or a login's code.

Secrets travel in the body, never in the address: addresses end up in logs.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from bxpull_nb.errors import (
    ApiError,
    GrantRefused,
    MissingField,
    PortalUnreachable,
    SettingsError,
    UnexpectedAnswer,
)
from bxpull_nb.http import UnreadableAnswer, no_answer, post, scrubbed
from bxpull_nb.masking import mask_text, quoted, reason_of
from bxpull_nb.models.fields import whole_number
from bxpull_nb.protocol.endpoint import is_loopback
from bxpull_nb.protocol.portal_address import split_portal
from bxpull_nb.rest.auth.token_pair import TokenPair
from bxpull_nb.rest.json_body import BodyProblem, read_object

__all__ = ["request_tokens", "token_server"]

_METHOD = "oauth/token"
_ANSWER_BYTES = 1024 * 1024
_TOKEN_URL = "https://oauth.bitrix.info/oauth/token/"  # noqa: S105 - an address
_LOG_IN = "Log in again with `bxpull login`, or give connect() a new refresh token."
_ADVICE = {
    "INVALID_GRANT": _LOG_IN,
    "EXPIRED_TOKEN": _LOG_IN,
    "INVALID_CLIENT": "Check the client_id and the client_secret on the application's page.",
    "WRONG_CLIENT": "Check the client_id and the client_secret on the application's page.",
    "INVALID_SCOPE": "Give the application the scope 'pull' on its page, then log in again.",
    "PAYMENT_REQUIRED": "The application's subscription has ended; ask the portal's administrator.",
}
_PASSING = {
    "INTERNAL_SERVER_ERROR",
    "ERROR_UNEXPECTED_ANSWER",
    "QUERY_LIMIT_EXCEEDED",
    "SERVER_ERROR",
    "TEMPORARILY_UNAVAILABLE",
}


def token_server(portal: str, token_url: str | None = None) -> str:
    """Return the address of the portal's token server.

    It is `token_url` when given; a sandbox's own address for a portal on this machine, and
    else Bitrix24's token server. Raises SettingsError for an address that is not secure.
    """
    if token_url is None:
        return f"{portal}/oauth/token/" if is_loopback(portal) else _TOKEN_URL
    try:
        server, path = split_portal(token_url)
    except SettingsError:
        server = path = ""
    if not server.startswith("https:") and not is_loopback(server):
        raise SettingsError(
            f"token_url={quoted(token_url, is_address=True)}: give an https address; the "
            f"application's secret goes there."
        )
    return f"{server}{path}"


async def request_tokens(
    http: httpx.AsyncClient, token_url: str, grant: Mapping[str, str]
) -> TokenPair:
    """Return the token pair for that grant: `grant_type`, `client_id`, `client_secret` and more.

    Raises GrantRefused when the token server refuses the grant, ApiError for its own failures,
    PortalUnreachable, UnexpectedAnswer or MissingField.
    """
    server = f"{urlsplit(token_url).scheme}://{urlsplit(token_url).netloc}"
    try:
        response = await post(http, token_url, data=grant, max_bytes=_ANSWER_BYTES)
    except UnreadableAnswer as exc:
        raise UnexpectedAnswer(
            f"{_METHOD}: {server} sent an answer that is not read: {reason_of(exc)}. Check "
            "token_url, and that no proxy stands in between.",
            method=_METHOD,
        ) from None
    except httpx.HTTPError as exc:
        text = f"{_METHOD}: {no_answer(f'the token server {server}', exc)}"
        # What the exception keeps of the request must not hold the application's secret.
        raise PortalUnreachable(_without_grant(text, grant), method=_METHOD) from scrubbed(
            exc, httpx.Request("POST", token_url)
        )
    return _token_pair(_answer(response, server), response.status_code, grant)


def _answer(response: httpx.Response, server: str) -> dict[str, Any]:
    try:
        return read_object(response)
    except BodyProblem as problem:
        raise UnexpectedAnswer(
            f"{_METHOD}: {server} answered (HTTP {response.status_code}), but not with the JSON "
            f"of a token server: {problem}. Check token_url, and that no proxy stands in between.",
            method=_METHOD,
            status=response.status_code,
        ) from None


def _token_pair(body: dict[str, Any], status: int, grant: Mapping[str, str]) -> TokenPair:
    if "error" in body:
        raise _refusal(body, status, grant)
    refresh_token = body.get("refresh_token") or grant.get("refresh_token")
    for field, value in (
        ("access_token", body.get("access_token")),
        ("refresh_token", refresh_token),
    ):
        if not isinstance(value, str) or not value:
            raise MissingField(
                f"{_METHOD}: the token server's answer lacks '{field}'. {_LOG_IN}",
                method=_METHOD,
                field=field,
                status=status,
            )
    return TokenPair(
        access_token=body["access_token"],
        refresh_token=str(refresh_token),
        user_id=whole_number(body.get("user_id")),
        scope=str(body.get("scope") or ""),
        member_id=str(body.get("member_id") or ""),
    )


def _without_grant(text: str, grant: Mapping[str, str]) -> str:
    """Return `text` without the secrets that were sent."""
    for name in ("client_secret", "refresh_token", "code"):
        text = text.replace(grant.get(name) or "\0", "…")
    return mask_text(text)


def _refusal(body: dict[str, Any], status: int, grant: Mapping[str, str]) -> ApiError:
    code = str(body["error"])
    passing = code.upper() in _PASSING or (status >= 500 and code.upper() not in _ADVICE)
    code = _without_grant(code, grant)
    text = _without_grant(str(body.get("error_description") or "no description"), grant)
    aim = "the login's code" if "code" in grant else "the refresh token"
    advice = "Try again later." if passing else _ADVICE.get(code.upper(), _LOG_IN)
    kind = ApiError if passing else GrantRefused
    return kind(
        f"{_METHOD}: no new tokens for {aim}: the token server answered {code} ({text}). {advice}",
        method=_METHOD,
        code=code,
        description=text,
        status=status,
    )
