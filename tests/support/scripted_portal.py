"""A portal and its token server in one object, without a network: for tests of the client."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import httpx

PORTAL = "https://acme.bitrix24.com"
CLIENT = ("local.1234567890abcdef", "client-secret-1234567890")


class ScriptedPortal:
    """A portal that knows one access and one refresh token, and answers by a script.

    `script` holds the next answers, each a body, a (status, body) pair or a whole response;
    when it is empty, the result is True. `gate`, when set, holds the token server back.
    """

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.access, self.refresh = "access-token-0000", "refresh-token-0000"
        self.calls: list[httpx.Request] = []
        self.grants: list[dict[str, str]] = []
        self.grant_answer: tuple[int, Any] | None = None
        self.broken = False
        self.gate: asyncio.Event | None = None

    def http(self) -> httpx.AsyncClient:
        """Return a client whose requests all come here."""
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def expire(self) -> None:
        """Refuse the access token from now on."""
        self.access = "nobody-has-this-token"

    def bodies(self) -> list[Any]:
        """Return the JSON bodies of the calls."""
        return [json.loads(call.content) for call in self.calls]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token/":
            return await self._grant(request)
        self.calls.append(request)
        bearer = request.headers.get("Authorization")
        if bearer is not None and (self.broken or bearer != f"Bearer {self.access}"):
            return httpx.Response(401, json={"error": "expired_token"})
        return _response(self.script.pop(0) if self.script else {"result": True})

    async def _grant(self, request: httpx.Request) -> httpx.Response:
        grant = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.grants.append(grant)
        if self.gate is not None:
            await self.gate.wait()
        if self.grant_answer is not None:
            return _response(self.grant_answer)
        if grant["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant"})
        number = f"{len(self.grants):04}"
        self.access, self.refresh = f"access-token-{number}", f"refresh-token-{number}"
        return httpx.Response(
            200, json={"access_token": self.access, "refresh_token": self.refresh, "user_id": 7}
        )


def _response(answer: Any) -> httpx.Response:
    if isinstance(answer, httpx.Response):
        return answer
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    if isinstance(body, str):
        return httpx.Response(status, text=body, headers={"Content-Type": "text/html"})
    return httpx.Response(status, json=body)
