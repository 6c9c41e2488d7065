"""Authenticated calls to the portal, and its answers taken apart.

The body of an answer is looked at before its status, because a portal may send an error with
HTTP 200; errors are told apart by their code, because the status differs from portal to portal.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from bxpull_nb.auth import Auth
from bxpull_nb.endpoint import is_loopback
from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    EventRefused,
    PortalUnreachable,
    PushServerNotConfigured,
    SettingsError,
    TokenRefused,
    UnexpectedAnswer,
    WrongAuthType,
)
from bxpull_nb.models import PullConfig

__all__ = ["RestClient"]

_TIMEOUT = 15.0
_RENEW = "Get a fresh token (they live one hour), or check the webhook, and connect again."
_SCOPE = "Give the application or the webhook the scope it lacks ('pull'), then connect again."
_ADVICE: dict[str, tuple[type[ApiError], str]] = {
    "EXPIRED_TOKEN": (TokenRefused, _RENEW),
    "INVALID_TOKEN": (TokenRefused, _RENEW),
    "NO_AUTH_FOUND": (TokenRefused, _RENEW),
    "AUTHORIZATION_ERROR": (TokenRefused, _RENEW),
    "APPLICATION_NOT_FOUND": (TokenRefused, "Install the application on this portal first."),
    "INSUFFICIENT_SCOPE": (AccessRefused, _SCOPE),
    "INVALID_CREDENTIALS": (AccessRefused, _SCOPE),
    "USER_ACCESS_ERROR": (AccessRefused, "Use the token of a user who has the application."),
    "ACCESS_DENIED": (AccessRefused, "Use the token of an administrator."),
    "WRONG_LICENSE": (AccessRefused, "The portal's plan has no REST; ask its administrator."),
    "WRONG_AUTH_TYPE": (
        WrongAuthType,
        "Today's portals give an application's channels only to its OAuth token, not to a "
        "webhook: connect(url, token=...).",
    ),
    "SERVER_ERROR": (
        PushServerNotConfigured,
        "An administrator switches it on in the settings of the Push & Pull module.",
    ),
    "COMMAND_ERROR": (EventRefused, "A command is made of A-Z a-z 0-9 _ : | . -"),
    "PARAMS_ERROR": (EventRefused, "PARAMS must be a JSON object, a dict in Python."),
    "MODULE_ID_ERROR": (EventRefused, "A module id is made of a-z 0-9 . _"),
    "USER_ID_ACCESS_ERROR": (EventRefused, "Only an administrator may name other users."),
}


class RestClient:
    """Calls REST methods of one portal; every failure is an error of our tree.

    `clock` gives this machine's time (UTC), `http` is the client to send with
    (default: one of its own).
    """

    def __init__(
        self,
        auth: Auth,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.auth = auth
        self._clock = clock
        self._http = http

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The `result` of the method.

        Raises PortalUnreachable, UnexpectedAnswer, or the ApiError that fits the portal's code.
        """
        return (await self._answer(method, params or {}))[0]

    async def fetch_config(self, *, cache: bool = True, reopen: bool = True) -> PullConfig:
        """The connection config of `pull.application.config.get`, typed.

        `cache` and `reopen` are the method's CACHE and REOPEN. Raises MissingField too.
        """
        params = {"CACHE": "Y" if cache else "N", "REOPEN": "Y" if reopen else "N"}
        method = "pull.application.config.get"
        result, portal_time = await self._answer(method, params)
        if not isinstance(result, Mapping):
            raise UnexpectedAnswer(
                f"{method}: the result is {type(result).__name__}, not an object. Is this "
                f"address a Bitrix24 portal?",
                method=method,
            )
        now = self._clock()
        return PullConfig.from_answer(
            result,
            portal_time=portal_time or now,
            clock_offset=portal_time - now if portal_time else timedelta(),
        )

    async def send_event(
        self,
        command: str,
        params: Mapping[str, Any] | None = None,
        *,
        module_id: str = "application",
        user_id: int | None = None,
    ) -> None:
        """Publish an event on the application's channels (`pull.application.event.add`).

        Without `user_id` it goes to the shared channel. Raises EventRefused.
        """
        fields: dict[str, Any] = {"COMMAND": command, "MODULE_ID": module_id}
        if params:
            fields["PARAMS"] = dict(params)
        if user_id is not None:
            fields["USER_ID"] = str(user_id)  # the portal takes a non-admin's own id as text only
        await self.call("pull.application.event.add", fields)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _answer(self, method: str, params: Mapping[str, Any]) -> tuple[Any, datetime | None]:
        response = await self._post(method, params)
        body = _json_object(method, response)
        if "error" in body:
            raise _api_error(method, response.status_code, body)
        if "result" not in body:
            raise _not_rest(method, response, "its JSON has neither 'result' nor 'error'")
        return body["result"], _portal_time(body, response)

    async def _post(self, method: str, params: Mapping[str, Any]) -> httpx.Response:
        if self._http is None:
            self._http = httpx.AsyncClient(
                timeout=_TIMEOUT, trust_env=not is_loopback(self.auth.portal)
            )
        try:
            content = msgspec.json.encode(params)
        except (TypeError, ValueError) as exc:
            raise SettingsError(f"{method}: the parameters cannot be sent as JSON: {exc}") from exc
        try:
            return await self._http.post(
                self.auth.method_url(method),
                content=content,
                headers={"Content-Type": "application/json", **self.auth.headers()},
            )
        except httpx.HTTPError as exc:
            raise PortalUnreachable(
                f"{method}: {self.auth.portal} did not answer ({_reason(exc)}). Check the "
                f"address and the network, then try again.",
                method=method,
            ) from exc


def _json_object(method: str, response: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        raise _not_rest(method, response, f"it is {_kind(response)}, not JSON") from None
    if not isinstance(body, dict):
        raise _not_rest(method, response, "its JSON is not an object")
    return body


def _not_rest(method: str, response: httpx.Response, what: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"{method}: an answer came (HTTP {response.status_code}), but {what}. Is "
        f"{response.url.scheme}://{response.url.netloc.decode()} a Bitrix24 portal, and no "
        f"login page or proxy in between?",
        method=method,
        status=response.status_code,
    )


def _kind(response: httpx.Response) -> str:
    declared = response.headers.get("content-type", "").partition(";")[0]
    return "an HTML page" if "html" in declared else declared or "empty"


def _api_error(method: str, status: int, body: dict[str, Any]) -> ApiError:
    code = str(body["error"])
    text = str(body.get("error_description") or "no description")
    kind, advice = _ADVICE.get(code.upper(), (ApiError, "Look the code up in the method's page."))
    return kind(
        f"{method}: the portal answered {code} ({text}). {advice}",
        method=method,
        code=code,
        description=text,
        status=status,
    )


def _portal_time(body: dict[str, Any], response: httpx.Response) -> datetime | None:
    """The portal's clock: `time.finish` to the microsecond, else the Date header."""
    times = body.get("time")
    finish = times.get("finish") if isinstance(times, dict) else None
    if isinstance(finish, int | float):
        return datetime.fromtimestamp(finish, UTC)
    try:
        return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _reason(exc: httpx.HTTPError) -> str:
    if isinstance(exc, httpx.TimeoutException):
        return f"no answer within {_TIMEOUT:.0f} s"
    return str(exc) or type(exc).__name__
