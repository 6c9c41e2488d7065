"""Authenticated calls, and answers of every kind."""

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bxpull_nb import errors
from bxpull_nb.auth import AccessToken, Webhook
from bxpull_nb.bridge import LoopThread
from bxpull_nb.rest import RestClient
from bxpull_nb.sandbox import Sandbox
from tests.conftest import Answer
from tests.test_models import seed_answer

TOKEN = "0123456789abcdef0123456789abcdef"


def fetch(client: RestClient, **how: bool) -> Any:
    """The config, by a loop of its own that ends afterwards."""

    async def once() -> Any:
        try:
            return await client.fetch_config(**how)
        finally:
            await client.aclose()

    bridge = LoopThread()
    try:
        return bridge.run(once())
    finally:
        bridge.stop()


def client(url: str) -> RestClient:
    """A client of the portal at that address."""
    return RestClient(AccessToken(url, TOKEN))


@pytest.mark.parametrize("edition", ["current", "seed"])
def test_a_token_gets_the_config_in_both_editions(edition: str) -> None:
    """With both channels, typed, and nearly twelve hours of life."""
    with Sandbox(edition=edition) as sandbox:
        config = fetch(RestClient(AccessToken(sandbox.url, sandbox.token)))
    assert set(config.channels) == {"shared", "private"}
    left = config.channel("shared").end - config.portal_time
    assert timedelta(hours=11, minutes=59) < left <= timedelta(seconds=43205)
    assert config.server.websocket.startswith("ws://127.0.0.1:")
    assert (config.server.mode is not None) == (edition == "current")


def test_a_webhook_gets_the_config_of_the_seed_edition() -> None:
    """As the method's page says."""
    with Sandbox(edition="seed") as sandbox:
        config = fetch(RestClient(Webhook(sandbox.webhook)))
    assert set(config.channels) == {"shared", "private"}


def test_a_webhook_is_refused_by_today_s_portals() -> None:
    """WRONG_AUTH_TYPE, with the portal's words and the way out."""
    with Sandbox() as sandbox, pytest.raises(errors.WrongAuthType) as caught:
        fetch(RestClient(Webhook(sandbox.webhook)))
    assert caught.value.code == "WRONG_AUTH_TYPE"
    assert caught.value.status == 403
    assert "connect(url, token=...)" in str(caught.value)
    assert sandbox is not None


@pytest.mark.parametrize(("edition", "status"), [("seed", 200), ("current", 500)])
def test_a_portal_without_push_server_says_so(edition: str, status: int) -> None:
    """SERVER_ERROR, also inside an HTTP 200."""
    with (
        Sandbox(edition=edition, configured=False) as sandbox,
        pytest.raises(errors.PushServerNotConfigured, match="Push & Pull") as caught,
    ):
        fetch(RestClient(AccessToken(sandbox.url, sandbox.token)))
    assert (caught.value.code, caught.value.status) == ("SERVER_ERROR", status)
    assert caught.value.description == "Push & Pull server is not configured"


def test_a_wrong_token_is_refused() -> None:
    """Without the token in the message."""
    with Sandbox() as sandbox, pytest.raises(errors.TokenRefused, match="fresh token") as caught:
        fetch(client(sandbox.url))
    assert TOKEN not in str(caught.value)


def test_an_unreachable_host_is_said_with_its_address() -> None:
    """Nobody listens on a port that was just closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(errors.PortalUnreachable, match=f"http://127.0.0.1:{port} did not answer"):
        fetch(client(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"body": "<html>Sign in</html>"}, "it is an HTML page, not JSON"),
        (
            {"status": 502, "body": "bad gateway", "kind": "text/plain"},
            "it is text/plain, not JSON",
        ),
        ({"body": "[]", "kind": "application/json"}, "its JSON is not an object"),
        ({"body": "{}", "kind": "application/json"}, "neither 'result' nor 'error'"),
        ({"body": '{"result": true}', "kind": "application/json"}, "the result is bool"),
    ],
)
def test_what_is_no_rest_answer_is_said(answering: Answer, answer: Any, said: str) -> None:
    """A login page, a proxy's error, another program's JSON."""
    with pytest.raises(errors.UnexpectedAnswer, match=said):
        fetch(client(answering(**answer)))


def test_a_missing_field_is_an_error_of_its_own(answering: Answer) -> None:
    """The rest of the answer may be fine."""
    body = json.dumps({"result": {"channels": {}}})
    with pytest.raises(errors.MissingField, match="'server' is missing"):
        fetch(client(answering(body=body, kind="application/json")))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("expired_token", 401, errors.TokenRefused),
        ("insufficient_scope", 403, errors.AccessRefused),
        ("ACCESS_DENIED", 200, errors.AccessRefused),
        ("QUERY_LIMIT_EXCEEDED", 503, errors.ApiError),
    ],
)
def test_errors_are_told_apart_by_code_not_by_status(
    answering: Answer, code: str, status: int, kind: type[errors.ApiError]
) -> None:
    """The same code comes with different statuses from different portals."""
    body = json.dumps({"error": code, "error_description": "because"})
    with pytest.raises(errors.ApiError) as caught:
        fetch(client(answering(status=status, body=body, kind="application/json")))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.description) == (code, "because")
    assert f"the portal answered {code} (because)." in str(caught.value)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"time": {"finish": 1767225605.5}}, {}),
        ({}, {"Date": "Thu, 01 Jan 2026 00:00:05 GMT"}),
    ],
)
def test_the_portal_s_clock_is_taken_from_the_answer(
    answering: Answer, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """From `time`, or else from the Date header, so that a wrong clock here does no harm."""
    url = answering(
        body=json.dumps({"result": seed_answer()} | body), kind="application/json", **headers
    )
    here = datetime(2026, 1, 1, tzinfo=UTC)
    config = fetch(RestClient(AccessToken(url, TOKEN), clock=lambda: here))
    if body:
        assert config.clock_offset == timedelta(seconds=5.5)
    assert config.portal_time - here == config.clock_offset


def test_cache_and_reopen_travel_as_y_and_n(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the exact letter N switches them off."""
    asked: list[Any] = []

    async def record(self: RestClient, method: str, params: Any) -> tuple[Any, None]:
        asked.append((method, params))
        return seed_answer(), None

    monkeypatch.setattr(RestClient, "_answer", record)
    for cache, reopen in ((True, False), (False, True)):
        fetch(client("http://127.0.0.1"), cache=cache, reopen=reopen)
    assert asked == [
        ("pull.application.config.get", {"CACHE": "Y", "REOPEN": "N"}),
        ("pull.application.config.get", {"CACHE": "N", "REOPEN": "Y"}),
    ]
