"""Authenticated calls, and answers of every kind."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bxpull_nb import errors
from bxpull_nb.bridge import LoopThread
from bxpull_nb.rest import LeakyBucket, RestClient, retry_delay
from bxpull_nb.rest.auth import AccessToken, Webhook
from bxpull_nb.sandbox import Sandbox
from tests.support.answering import Answer
from tests.support.configs import current_answer, seed_answer
from tests.support.scripted_portal import PORTAL, ScriptedPortal

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
    """As in the method's documentation."""
    with Sandbox(edition="seed") as sandbox:
        config = fetch(RestClient(Webhook(sandbox.webhook)))
    assert set(config.channels) == {"shared", "private"}


def test_a_webhook_is_refused_by_today_s_portals() -> None:
    """WRONG_AUTH_TYPE, with the portal's words and the way out, where it has no other scope."""
    with Sandbox(scope="pull") as sandbox, pytest.raises(errors.WrongAuthType) as caught:
        fetch(RestClient(Webhook(sandbox.webhook)))
    assert caught.value.code == "WRONG_AUTH_TYPE"
    assert caught.value.status == 403
    assert "connect(url, token=...)" in str(caught.value)
    assert sandbox is not None


def test_a_webhook_with_the_scope_gets_the_personal_feed_of_today_s_portals(
    sandbox: Sandbox,
) -> None:
    """Marked as such."""
    config = fetch(RestClient(Webhook(sandbox.webhook)))
    assert config.personal_feed
    assert "the webhook user's own" in repr(config)
    assert "the webhook user&#x27;s own" in config._repr_html_()
    assert "shared" in config.channels


@pytest.mark.parametrize(("edition", "status"), [("seed", 200), ("current", 500)])
def test_a_portal_without_push_server_is_an_error(edition: str, status: int) -> None:
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


def test_the_error_names_an_unreachable_host() -> None:
    """Nobody listens on a port that was just closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(errors.PortalUnreachable, match=f"http://127.0.0.1:{port} did not answer"):
        fetch(client(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("answer", "message"),
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
def test_a_foreign_answer_is_an_error(answering: Answer, answer: Any, message: str) -> None:
    """A login page, a proxy's error, another program's JSON."""
    with pytest.raises(errors.UnexpectedAnswer, match=message):
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
        ("OVERLOAD_LIMIT", 401, errors.LimitReached),
        ("PORTAL_DELETED", 500, errors.PortalDeleted),
        ("portal_deleted", 403, errors.PortalDeleted),
        ("ERROR_METHOD_NOT_FOUND", 404, errors.ApiError),
        ("NEVER_HEARD_OF", 500, errors.ApiError),
    ],
)
def test_errors_are_distinguished_by_code_not_by_status(
    code: str, status: int, kind: type[errors.ApiError]
) -> None:
    """The same code comes with different statuses from different portals."""
    body = {"error": code, "error_description": "because"}
    with pytest.raises(errors.ApiError) as caught:
        asked(ScriptedPortal((status, body)))
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


WEBHOOK = "https://acme.bitrix24.com/rest/7/webhook-secret-0000/"
SECRET = "webhook-secret-0000"


def asked(
    portal: ScriptedPortal,
    work: Callable[[RestClient], Any] = lambda client: client.call("profile"),
    *,
    auth: Any = None,
    **how: Any,
) -> tuple[Any, list[float]]:
    """What the work with a client gives, and how long it waited in between."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))

    async def main() -> Any:
        async with portal.http() as http:
            chosen = auth or AccessToken(PORTAL, portal.access)
            settings = {"sleep": sleep, "jitter": lambda: 0.5} | how
            return await work(RestClient(chosen, http=http, **settings))

    return asyncio.run(main()), waits


def error(code: str, status: int = 503, **times: float) -> tuple[int, Any]:
    """An error answer."""
    return status, {"error": code, "time": times}


@pytest.mark.parametrize(
    ("code", "delays"),
    [
        ("QUERY_LIMIT_EXCEEDED", [1.0, 2.0, 4.0, 8.0, 16.0]),
        ("query_limit_exceeded", [1.0, 2.0, 4.0, 8.0, 16.0]),
        ("INTERNAL_SERVER_ERROR", [1.0, 4.0]),
        ("ERROR_UNEXPECTED_ANSWER", [1.0, 4.0]),
    ],
)
def test_a_busy_portal_is_asked_again_after_growing_delays(
    code: str, delays: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Plus up to a fifth; in the end the portal's own error is raised."""
    spread = [round(delay * 1.1, 3) for delay in delays]
    portal = ScriptedPortal(*[error(code)] * len(delays))
    assert asked(portal) == (True, spread)
    assert f"profile: the portal answered {code}; asking again in 1 s" in caplog.text
    portal = ScriptedPortal(*[error(code)] * 10)
    with pytest.raises(errors.ApiError, match=code):
        asked(portal)
    assert len(portal.calls) == len(delays) + 1


def test_delays_are_a_plain_function() -> None:
    """With a jitter of up to 20 %, and an end."""
    assert retry_delay("QUERY_LIMIT_EXCEEDED", 1, lambda: 0.0) == 1.0
    assert retry_delay("QUERY_LIMIT_EXCEEDED", 5, lambda: 1.0) == pytest.approx(19.2)
    assert retry_delay("QUERY_LIMIT_EXCEEDED", 6) is None
    assert retry_delay("OVERLOAD_LIMIT", 1) is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("OVERLOAD_LIMIT", 503),
        ("overload_limit", 401),
        ("PORTAL_DELETED", 500),
        ("NO_AUTH_FOUND", 401),
        ("ACCESS_DENIED", 403),
        ("INVALID_REQUEST", 400),
        ("expired_token", 401),
        ("NEVER_HEARD_OF", 500),
    ],
)
def test_what_a_repeat_cannot_mend_is_asked_once(code: str, status: int) -> None:
    """Above all OVERLOAD_LIMIT; and an expired token that cannot be renewed."""
    portal = ScriptedPortal(*[error(code, status)] * 3)
    with pytest.raises(errors.ApiError) as caught:
        asked(portal)
    assert (caught.value.code, len(portal.calls)) == (code, 1)


def test_a_used_up_method_waits_for_its_counter(caplog: pytest.LogCaptureFixture) -> None:
    """By the portal's clock, and with a line in the log."""
    busy = error("OPERATION_TIME_LIMIT", 429, finish=1000.0, operating_reset_at=1300)
    assert asked(ScriptedPortal(busy)) == (True, [301.0])
    assert "OPERATION_TIME_LIMIT; asking again in 301 s" in caplog.text


@pytest.mark.parametrize(
    "times",
    [{}, {"finish": 1000.0}, {"finish": 1000.0, "operating_reset_at": 2000}],
)
def test_an_unknown_or_long_wait_is_an_error(times: dict[str, float]) -> None:
    """Ten minutes is the longest a counter can last."""
    portal = ScriptedPortal(error("OPERATION_TIME_LIMIT", 429, **times))
    with pytest.raises(errors.LimitReached, match="wait"):
        asked(portal)
    assert len(portal.calls) == 1


def test_a_counter_that_never_resets_is_an_error() -> None:
    """After two waits."""
    busy = error("OPERATION_TIME_LIMIT", 429, finish=1000.0, operating_reset_at=1001)
    portal = ScriptedPortal(*[busy] * 5)
    with pytest.raises(errors.LimitReached):
        asked(portal)
    assert len(portal.calls) == 3


def test_bulk_calls_stay_below_the_portals_limit() -> None:
    """Fifty at once, then two a second."""
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def bulk(client: RestClient) -> list[float]:
        times = []
        for _ in range(54):
            await client.call("profile")
            times.append(now[0])
        return times

    times, _ = asked(ScriptedPortal(), bulk, sleep=sleep, monotonic=lambda: now[0])
    assert times[:50] == [0.0] * 50
    assert times[50:] == pytest.approx([0.5, 1.0, 1.5, 2.0])


def test_the_bucket_leaks_and_keeps_places_for_who_waits() -> None:
    """Callers that come together get one place after the other."""
    now = [0.0]
    bucket = LeakyBucket(2, 3, lambda: now[0])
    assert [bucket.take() for _ in range(6)] == [0, 0, 0, 0.5, 1.0, 1.5]
    now[0] = 100.0
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    with pytest.raises(errors.SettingsError, match=r"like \(2, 50\)"):
        LeakyBucket(0, 50, lambda: 0.0)


def test_without_a_limit_no_call_waits() -> None:
    """Portals of one's own may have none."""

    async def bulk(client: RestClient) -> None:
        for _ in range(60):
            await client.call("profile")

    assert asked(ScriptedPortal(), bulk, limit=None)[1] == []


def moved(location: str, status: int = 302) -> httpx.Response:
    """The answer of a portal that was renamed."""
    return httpx.Response(status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_renamed_portal_is_followed_once_and_remembered(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The same method by POST, with the token; the next call goes there at once."""
    portal = ScriptedPortal(moved("https://new.bitrix24.eu/rest/profile", status))

    async def twice(client: RestClient) -> str:
        await client.call("profile", {"a": 1})
        await client.call("app.info")
        return client.auth.portal

    assert asked(portal, twice)[0] == "https://new.bitrix24.eu"
    assert [(call.method, str(call.url)) for call in portal.calls] == [
        ("POST", "https://acme.bitrix24.com/rest/profile"),
        ("POST", "https://new.bitrix24.eu/rest/profile"),
        ("POST", "https://new.bitrix24.eu/rest/app.info"),
    ]
    assert portal.bodies()[:2] == [{"a": 1}, {"a": 1}]
    assert portal.calls[1].headers["Authorization"] == f"Bearer {portal.access}"
    assert "the portal has moved: write https://new.bitrix24.eu from now on" in caplog.text


def test_two_moves_in_one_call_are_one_too_many() -> None:
    """No loop of redirects."""
    portal = ScriptedPortal(
        moved("https://b.example/rest/profile"), moved("https://c.example/rest/profile")
    )
    with pytest.raises(errors.UnexpectedAnswer, match="HTTP 302"):
        asked(portal)
    assert len(portal.calls) == 2


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://acme.bitrix24.com/rest/profile", "where the token could be read"),
        ("https://acme.bitrix24.com:8443/rest/profile", "another port"),
        ("https://new.example:22/rest/profile", "another port"),
        ("https://new.example/auth/", "another page"),
        ("https://acme.bitrix24.com/rest/profile/", "without naming another portal"),
        ("/rest/profile", "without naming another portal"),
        ("ftp://new.example/rest/profile", "without naming another portal"),
    ],
)
def test_a_doubtful_move_is_refused(location: str, message: str) -> None:
    """The token does not go along."""
    portal = ScriptedPortal(moved(location))
    with pytest.raises(errors.UnexpectedAnswer, match=message):
        asked(portal)
    assert len(portal.calls) == 1


@pytest.mark.parametrize("location", ["https://new.example:x/rest/profile", "https://[/rest/x"])
def test_a_redirect_to_nonsense_is_an_error(location: str) -> None:
    """Of our tree."""
    portal = ScriptedPortal(moved(location))
    with pytest.raises(errors.RestError):
        asked(portal)
    assert len(portal.calls) == 1


def test_a_moved_webhook_keeps_its_secret_to_itself() -> None:
    """In the error of a refused move too."""
    for location in (f"https://b.example/x/{SECRET}/", f"http://b.example/rest/7/{SECRET}/profile"):
        with pytest.raises(errors.UnexpectedAnswer) as caught:
            asked(ScriptedPortal(moved(location)), auth=Webhook(WEBHOOK))
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"PARAMS": {"text": "a\ud800"}}, r"params\['PARAMS'\]\['text'\] holds half of a char"),
        ({"a": [1, {"b": "\udfff"}]}, r"params\['a'\]\[1\]\['b'\] holds half"),
        ({"a": {"\ud800": 1}}, r"params\['a'\] has a name with half"),
        ({"rate": float("nan")}, r"params\['rate'\] is nan"),
        ({"a": (float("-inf"),)}, r"params\['a'\]\[0\] is -inf"),
        ({"a": object()}, "cannot be sent as JSON"),
    ],
)
def test_params_beyond_json_are_refused_with_their_place(
    params: dict[str, Any], message: str
) -> None:
    """The portal would silently read no parameters at all."""
    portal = ScriptedPortal()
    with pytest.raises(errors.SettingsError, match=message):
        asked(portal, lambda client: client.call("profile", params))
    assert portal.calls == []


def test_parameters_that_hold_themselves_are_refused() -> None:
    """No endless walk."""
    params: dict[str, Any] = {}
    params["me"] = params
    with pytest.raises(errors.SettingsError, match="hold themselves"):
        asked(ScriptedPortal(), lambda client: client.call("profile", params))


@pytest.mark.parametrize("method", ["", "a/b", "profile?auth=x", "ünknown", "a b", None])
def test_a_method_is_a_name_and_no_address(method: Any) -> None:
    """What would change the address is refused."""
    with pytest.raises(errors.SettingsError, match="no REST method's name"):
        asked(ScriptedPortal(), lambda client: client.call(method))


REFUSED = (403, {"error": "WRONG_AUTH_TYPE", "error_description": "applications only"})


def test_a_webhook_without_application_gets_its_users_feed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Marked in the config, and logged once in one sentence."""
    answer = {"result": seed_answer() | {"serverTime": "2026-01-01T00:00:00+00:00"}}
    portal = ScriptedPortal(REFUSED, answer, REFUSED, answer)

    async def twice(client: RestClient) -> list[Any]:
        return [await client.fetch_config(cache=False), await client.fetch_config()]

    configs, _ = asked(portal, twice, auth=Webhook(WEBHOOK))
    assert [config.personal_feed for config in configs] == [True, True]
    assert [call.url.path for call in portal.calls[:2]] == [
        f"/rest/7/{SECRET}/pull.application.config.get",
        f"/rest/7/{SECRET}/pull.config.get",
    ]
    assert portal.bodies()[1] == {"CACHE": "N", "REOPEN": "Y"}
    assert caplog.text.count("this is the personal feed of the webhook's user") == 1


def test_the_first_error_is_raised_when_the_own_feed_is_refused_too() -> None:
    """It names the next step; the second would only confuse."""
    portal = ScriptedPortal(REFUSED, (403, {"error": "insufficient_scope"}))
    with pytest.raises(errors.WrongAuthType, match="applications only"):
        asked(portal, lambda client: client.fetch_config(), auth=Webhook(WEBHOOK))


def test_an_application_never_gets_a_personal_feed() -> None:
    """pull.config.get refuses OAuth."""
    portal = ScriptedPortal(REFUSED)
    with pytest.raises(errors.WrongAuthType):
        asked(portal, lambda client: client.fetch_config())
    assert len(portal.calls) == 1


CONFIG = {"result": current_answer()}
"""Its publicChannels have user 7."""


def test_public_channels_are_those_of_the_config() -> None:
    """No other method is called for them, and a config at hand is used."""
    portal = ScriptedPortal(CONFIG)

    async def both(client: RestClient) -> list[Any]:
        config = await client.fetch_config()
        return [await client.public_channels([7, 7], config), await client.public_channels([])]

    (found, none), _ = asked(ScriptedPortal(CONFIG, CONFIG), both)
    assert (found.keys(), found[7].signature[:4], none) == ({7}, "057a", {})
    found, _ = asked(portal, lambda client: client.public_channels([7]))
    assert found.keys() == {7}
    assert len(portal.calls) == 1


def test_users_outside_the_config_are_asked_for() -> None:
    """Typed; a user without a channel is left out."""
    channel = {"user_id": 8, "public_id": "f" * 32, "signature": "a" * 40}
    portal = ScriptedPortal(CONFIG, {"result": {"8": channel, "9": False}})
    found, _ = asked(portal, lambda client: client.public_channels([9, 7, 8]))
    assert (found.keys(), found[8].signature) == ({7, 8}, "a" * 40)
    assert portal.bodies()[1] == {"USERS": [9, 8], "APPLICATION": "Y"}


def test_a_webhook_asks_for_channels_of_its_own_feed() -> None:
    """Those of an application would be another feed's, and are refused to it."""
    portal = ScriptedPortal(REFUSED, CONFIG, {"result": []})
    asked(portal, lambda client: client.public_channels([8]), auth=Webhook(WEBHOOK))
    assert portal.bodies()[2] == {"USERS": [8], "APPLICATION": "N"}


@pytest.mark.parametrize("code", ["ERROR_METHOD_NOT_FOUND", "insufficient_scope"])
def test_a_portal_without_a_list_leaves_users_out(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are returned, and a warning names who is missing; other errors are raised."""
    portal = ScriptedPortal(CONFIG, error(code, 404))
    found, _ = asked(portal, lambda client: client.public_channels([7, 8, 9]))
    assert found.keys() == {7}
    assert "user 8, 9 is not in the config's publicChannels" in caplog.text
    with pytest.raises(errors.LimitReached):
        asked(
            ScriptedPortal(CONFIG, error("OVERLOAD_LIMIT")),
            lambda client: client.public_channels([8]),
        )


def test_no_log_line_holds_a_secret(answering: Answer, caplog: pytest.LogCaptureFixture) -> None:
    """Of a webhook, on the wire, with every library at its most talkative."""
    caplog.set_level(logging.DEBUG)
    url = answering(body=json.dumps({"result": 1}), kind="application/json")
    location = f"{url}/rest/7/{SECRET}/profile"
    old = answering(status=302, Location=location)

    async def main() -> Any:
        client = RestClient(Webhook(f"{old}/rest/7/{SECRET}/"))
        try:
            return await client.call("profile")
        finally:
            await client.aclose()

    assert asyncio.run(main()) == 1
    assert "Location" in caplog.text
    assert f"POST {url}/rest/7/webh…000/profile" in caplog.text
    assert SECRET not in caplog.text


def test_no_exception_of_the_chain_holds_a_secret() -> None:
    """Nor the request an exception of the HTTP library carries."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(errors.PortalUnreachable) as caught:
        fetch(RestClient(Webhook(f"http://127.0.0.1:{port}/rest/7/{SECRET}/")))
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.ConnectError)
    assert cause.request.url.path == "/rest/pull.application.config.get"
    assert SECRET not in f"{caught.value!r}{cause!r}{cause.request!r}"


def test_a_secret_the_portal_repeats_is_masked() -> None:
    """In the message, the description and the code."""
    refusal = {"error": f"BAD_{SECRET}", "error_description": f"no such webhook: {SECRET}"}
    with pytest.raises(errors.ApiError) as caught:
        asked(ScriptedPortal((401, refusal)), auth=Webhook(WEBHOOK))
    shown = f"{caught.value}{caught.value.description}{caught.value.code}"
    assert SECRET not in shown
    assert "webh…000" in shown
