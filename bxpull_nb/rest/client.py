"""The REST client: authenticated calls to one portal."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import random
from typing import Any

import httpx

from bxpull_nb.errors import (
    ApiError,
    PortalUnreachable,
    UnexpectedAnswer,
    WrongAuthType,
)
from bxpull_nb.http import (
    UnreadableAnswer,
    http_client,
    mask_http_logs,
    no_answer,
    post,
    scrubbed,
)
from bxpull_nb.masking import reason_of
from bxpull_nb.models import PublicChannel, PullConfig, public_channels
from bxpull_nb.models.flags import flag
from bxpull_nb.rest.auth import Auth, OAuthApp, Webhook
from bxpull_nb.rest.batch import BatchResult, Calls, batch_requests, read_batch
from bxpull_nb.rest.error_codes import Recovery, code_of
from bxpull_nb.rest.pages import Page, first_page, following_page
from bxpull_nb.rest.params import (
    as_json,
    checked_event_params,
    checked_method,
    checked_user,
    checked_users,
)
from bxpull_nb.rest.rate_limit import LeakyBucket
from bxpull_nb.rest.redirects import is_move, moved_portal
from bxpull_nb.rest.responses import RestAnswer, mapping, read_answer
from bxpull_nb.rest.retry import RetryBudget

__all__ = ["PORTAL_LIMIT", "RestClient"]

PORTAL_LIMIT = (2.0, 50.0)
"""Calls a second, and calls at once, that a portal takes from one address."""

_PERSONAL = (
    "pull.config.get answered in place of pull.application.config.get: this is the personal feed "
    "of the webhook's user (what the web interface gets), not an application's channels"
)
_NO_LIST = ("error_method_not_found", "insufficient_scope")
"""Codes of portals that do not let an application list public channels."""
_log = logging.getLogger(__name__)


class RestClient:
    """Calls REST methods of one portal; every failure is an error of our tree.

    An expired token is renewed where possible (OAuthApp), calls to a busy portal are repeated, and
    `limit` (calls a second, calls at once; None = no limit) keeps bulk calls below the portal's
    limit. `http` is the client to send with (default: one of its own). `clock` gives this
    machine's time (UTC), `monotonic` seconds that never go backwards, `sleep` waits, `jitter`
    gives 0 to 1.
    """

    def __init__(
        self,
        auth: Auth,
        *,
        limit: tuple[float, float] | None = PORTAL_LIMIT,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random,
    ) -> None:
        self.auth = auth
        self._bucket = None if limit is None else LeakyBucket.of(limit, monotonic)
        self._http = http
        if http is not None:
            mask_http_logs()
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._warned_personal = False
        self.on_wait: list[Callable[[ApiError, float], object]] = []
        """Called with the error and the seconds when a call waits before it is repeated."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the `result` of the method.

        Raises SettingsError for parameters that cannot be sent, PortalUnreachable,
        UnexpectedAnswer, or the ApiError that fits the portal's code.
        """
        return (await self._answer(method, params or {}))[0]

    async def call_page(self, method: str, params: Mapping[str, Any] | None = None) -> Page:
        """Return the `result` of the method with `next` and `total`; raises what `call` does."""
        answer = await self._whole_answer(method, params or {})
        return Page(method, answer.result, next=answer.next, total=answer.total)

    async def pages(
        self, method: str, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Page]:
        """Yield every page of a list, from `start` (0) on; raises what `call` does.

        Raises SettingsError for `start=-1`, and UnexpectedAnswer for a portal that does not move
        on. A list that changes meanwhile may bring a row twice, or not at all.
        """
        page_params: dict[str, Any] | None = first_page(method, params or {})
        while page_params is not None:
            page = await self.call_page(method, page_params)
            yield page
            page_params = following_page(page, page_params)

    async def batch(self, calls: Calls, *, halt: bool = False) -> BatchResult:
        """Return results and errors by name of `{"name": ("method", {params})}`.

        Fifty calls are one request. The parameters travel as a query, so the portal reads them as
        texts. `halt` ends at the first failure. `$result[name]` reaches only names of the same
        request. Raises the error of a request that got no answer.
        """
        requests = list(batch_requests(calls, halt=halt))
        batch = BatchResult()
        for methods, params in requests:
            if halt and batch.errors:
                batch.skipped += tuple(methods)
                continue
            result = await self.call("batch", params)
            read_batch(methods, result, self.auth.mask_secrets, batch)
        return batch

    async def fetch_config(self, *, cache: bool = True, reopen: bool = True) -> PullConfig:
        """Return the connection config of `pull.application.config.get`, typed.

        `cache` and `reopen` are the method's CACHE and REOPEN. A webhook that is refused there
        gets its user's own feed (`pull.config.get`, `personal_feed` is True). Raises
        MissingField too.
        """
        asked = {"CACHE": flag("cache", cache), "REOPEN": flag("reopen", reopen)}
        params = {name: "Y" if value else "N" for name, value in asked.items()}
        try:
            return await self._config("pull.application.config.get", params)
        except WrongAuthType as refused:
            if not isinstance(self.auth, Webhook):
                raise
            config = await self._personal_config(params)
            if config is None:
                raise refused from None
            return config

    async def public_channels(
        self, users: Iterable[int], config: PullConfig | None = None
    ) -> dict[int, PublicChannel]:
        """Return the public channels of these users, by user id, for those who have one.

        They are in the config (default: a fresh one) if the push server's version is 4 or higher.
        The portal is asked for users who are not (`pull.channel.public.list`); where it refuses
        that to this application, they are left out with a warning.
        """
        config = config or await self.fetch_config()
        wanted = dict.fromkeys(checked_users(users))
        known = {channel.user_id: channel for channel in config.public_channels.values()}
        found = {user: known[user] for user in wanted if user in known}
        missing = [user for user in wanted if user not in known]
        of_application = "N" if config.personal_feed else "Y"
        return found | (await self._listed_channels(missing, of_application) if missing else {})

    async def _listed_channels(
        self, users: list[int], of_application: str
    ) -> dict[int, PublicChannel]:
        params = {"USERS": users, "APPLICATION": of_application}
        try:
            result = await self.call("pull.channel.public.list", params)
        except ApiError as refused:
            if refused.code.lower() not in _NO_LIST:
                raise
            names = ", ".join(map(str, users))
            _log.warning(
                "user %s is not in the config's publicChannels, and the portal refuses to list "
                "public channels (%s)",
                names,
                refused.code,
            )
            return {}
        listed = public_channels(mapping(result)).values()
        return {channel.user_id: channel for channel in listed}

    async def send_event(
        self,
        command: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        module_id: str = "application",
        user_id: int | None = None,
    ) -> None:
        """Publish an event on the application's channels (`pull.application.event.add`).

        Without `user_id` it goes to the shared channel. Raises EventRefused.
        """
        fields: dict[str, Any] = {"COMMAND": command, "MODULE_ID": module_id}
        if content := checked_event_params(params):
            fields["PARAMS"] = content
        if user_id is not None:
            fields["USER_ID"] = str(
                checked_user(user_id)
            )  # a non-admin's own id is taken as text only
        await self.call("pull.application.event.add", fields)

    async def aclose(self) -> None:
        """Finish a running refresh of the token, then close the connections."""
        if isinstance(self.auth, OAuthApp):
            await self.auth.wait_for_refresh()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _config(self, method: str, params: Mapping[str, Any]) -> PullConfig:
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
            personal_feed=method == "pull.config.get",
            portal=self.auth.portal,
        )

    async def _personal_config(self, params: Mapping[str, Any]) -> PullConfig | None:
        try:
            config = await self._config("pull.config.get", params)
        except ApiError:
            return None
        if not self._warned_personal:
            self._warned_personal = True
            _log.warning(_PERSONAL)
        return config

    async def _answer(self, method: str, params: Mapping[str, Any]) -> tuple[Any, datetime | None]:
        answer = await self._whole_answer(method, params)
        return answer.result, answer.portal_time

    async def _whole_answer(self, method: str, params: Mapping[str, Any]) -> RestAnswer:
        content = as_json(checked_method(method), params)
        retry_budget = RetryBudget(self._jitter)
        while True:
            answer, used = await self._ask(method, content)
            if answer.error is None:
                return answer
            if not await self._recover(answer, answer.error, used, retry_budget):
                raise answer.error

    async def _recover(
        self,
        answer: RestAnswer,
        error: ApiError,
        used: Mapping[str, str],
        retry_budget: RetryBudget,
    ) -> bool:
        """Renew the token or wait; return whether to repeat the call."""
        if code_of(error.code).recovery is Recovery.RENEW:
            return retry_budget.may_renew() and await self.auth.renew(
                self._client(), used, again=retry_budget.renewed
            )
        wait = retry_budget.wait(error.code, answer)
        if wait is None:
            return False
        _log.warning(
            "%s: the portal answered %s; asking again in %.0f s", error.method, error.code, wait
        )
        for notify in tuple(self.on_wait):
            notify(error, wait)
        await self._sleep(wait)
        return True

    async def _ask(self, method: str, content: bytes) -> tuple[RestAnswer, Mapping[str, str]]:
        """Send the call once; return the answer, and the headers that were sent."""
        await self.auth.ready(self._client())
        wait = self._bucket.take() if self._bucket else 0.0
        if wait > 0:
            await self._sleep(wait)
        used = self.auth.headers()
        response = await self._post(method, content, used)
        if is_move(response):
            path = httpx.URL(self.auth.method_url(method)).path
            self.auth.portal = moved_portal(method, self.auth.portal, path, response)
            _log.warning("the portal has moved: write %s from now on", self.auth.portal)
            response = await self._post(method, content, used)
        return read_answer(method, response, self.auth.mask_secrets), used

    async def _post(
        self, method: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            return await post(
                self._client(),
                self.auth.method_url(method),
                content=content,
                headers={"Content-Type": "application/json", **headers},
            )
        except UnreadableAnswer as exc:
            raise UnexpectedAnswer(
                f"{method}: {self.auth.portal} sent an answer that is not read: "
                f"{reason_of(exc)}. Ask for "
                f"less in one call, and check that no proxy stands in between.",
                method=method,
            ) from None
        except httpx.HTTPError as exc:
            text = f"{method}: {no_answer(self.auth.portal, exc)}"
            # What the exception keeps of the request must not hold a webhook's secret.
            request = httpx.Request("POST", f"{self.auth.portal}/rest/{method}")
            raise PortalUnreachable(self.auth.mask_secrets(text), method=method) from scrubbed(
                exc, request
            )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = http_client(self.auth.portal)
        return self._http
