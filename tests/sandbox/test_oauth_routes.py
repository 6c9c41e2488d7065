"""OAuth of the sandbox: login, tokens, their rotation, expiry and rights."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.rest.application import Application, GrantRefusal
from bxpull_nb.sandbox.rest.error import RestRefusal
from tests.support.visitor import Visitor, visiting

REDIRECT = "http://127.0.0.1:8765/callback"


def authorize(visitor: Visitor, **query: str) -> httpx.Response:
    """Return the answer to a browser that begins a login."""
    asked = {"client_id": visitor.sandbox.client_id, "state": "s 1&", **query}
    return visitor.http.get("/oauth/authorize/", params=asked)


def came_back_with(answer: httpx.Response) -> dict[str, str]:
    """Return the query that the browser brings to the application."""
    assert answer.status_code == 302, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def token(visitor: Visitor, **fields: str) -> httpx.Response:
    """Return the token server's answer to a POST."""
    client = {
        "client_id": visitor.sandbox.client_id,
        "client_secret": visitor.sandbox.client_secret,
    }
    return visitor.http.post("/oauth/token/", data={**client, **fields})


def refresh(visitor: Visitor, refresh_token: str) -> httpx.Response:
    """Return the answer to a refresh."""
    return token(visitor, grant_type="refresh_token", refresh_token=refresh_token)


def profile(visitor: Visitor, access_token: str) -> tuple[int, str]:
    """Return status and error code of a call with the token."""
    answer = visitor.http.get("/rest/profile", params={"auth": access_token})
    return answer.status_code, answer.json().get("error", "")


def test_a_login_brings_a_code_and_the_code_brings_tokens(visitor: Visitor) -> None:
    """The answers have every field of a portal's, and the token works."""
    back = authorize(visitor, redirect_uri=REDIRECT)
    assert back.headers["Location"].startswith(f"{REDIRECT}?code=")
    brought = came_back_with(back)
    code, host = brought.pop("code"), visitor.sandbox.url.removeprefix("http://")
    member = brought.pop("member_id")
    scope = "pull,pull_channel,crm,user,task,im"
    assert brought == {"state": "s 1&", "domain": host, "scope": scope, "server_domain": host}
    got = token(visitor, grant_type="authorization_code", code=code).json()
    assert profile(visitor, got.pop("access_token")) == (200, "")
    assert len(got.pop("refresh_token")) == 70
    assert got.pop("expires") > 1_700_000_000
    assert got == {
        "expires_in": 3600,
        "client_endpoint": f"{visitor.sandbox.url}/rest/",
        "server_endpoint": f"{visitor.sandbox.url}/rest/",
        "domain": host,
        "member_id": member,
        "scope": scope,
        "status": "L",
        "user_id": 1,
    }


def test_a_login_comes_back_to_the_applications_own_address() -> None:
    """The address may be anywhere; a query in it is kept."""
    with visiting(redirect_uri="https://app.example/in?a=1") as visitor:
        back = authorize(visitor).headers["Location"]
    assert back.startswith("https://app.example/in?a=1&code=")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"redirect_uri": "https://app.example/in"},
        {"redirect_uri": "//127.0.0.1/in"},
        {"redirect_uri": "http://[::1"},
        {"client_id": "local.other", "redirect_uri": REDIRECT},
    ],
)
def test_a_login_that_cannot_come_back_ends_on_a_page(
    visitor: Visitor, query: dict[str, str]
) -> None:
    """A browser is redirected to this machine only, and not by another application."""
    answer = authorize(visitor, **query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_login_may_be_denied(visitor: Visitor) -> None:
    """So many logins are denied; then a code comes again."""
    visitor.sandbox.deny_login()
    brought = came_back_with(authorize(visitor, redirect_uri=REDIRECT))
    assert (brought["error"], brought["state"], "code" in brought) == (
        "access_denied",
        "s 1&",
        False,
    )
    assert "code" in came_back_with(authorize(visitor, redirect_uri=REDIRECT))


def test_a_code_is_good_once_and_for_thirty_seconds() -> None:
    """The portal's clock decides."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0]) as visitor:
        codes = [came_back_with(authorize(visitor, redirect_uri=REDIRECT))["code"] for _ in "ab"]
        clock[0] += 29.9
        grants = [token(visitor, grant_type="authorization_code", code=codes[0]) for _ in "ab"]
        clock[0] += 0.1
        grants.append(token(visitor, grant_type="authorization_code", code=codes[1]))
    assert [(g.status_code, g.json().get("error")) for g in grants] == [
        (200, None),
        (400, "invalid_grant"),
        (400, "invalid_grant"),
    ]


def test_a_refresh_token_rotates(visitor: Visitor) -> None:
    """The new one works, the old one does not; the old access token stays valid."""
    old, old_refresh = visitor.sandbox.token, visitor.sandbox.refresh_token
    got = refresh(visitor, old_refresh).json()
    assert (visitor.sandbox.token, visitor.sandbox.refresh_token) == (
        got["access_token"],
        got["refresh_token"],
    )
    assert got["access_token"] != old
    assert profile(visitor, old) == (200, "")
    again = refresh(visitor, old_refresh)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(visitor, got["refresh_token"]).status_code == 200


def test_a_refresh_token_lives_180_days() -> None:
    """It is refused after 180 days, long after its access token."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], token_ttl=60) as visitor:
        first = visitor.sandbox.refresh_token
        clock[0] += 180 * 86400
        assert refresh(visitor, first).json()["error"] == "invalid_grant"


def test_the_answer_has_the_end_of_the_token() -> None:
    """The end is given in seconds from now and as a moment."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], token_ttl=120) as visitor:
        got = refresh(visitor, visitor.sandbox.refresh_token).json()
        assert (got["expires_in"], got["expires"]) == (120, 1_800_000_120)
        clock[0] += 120
        assert profile(visitor, got["access_token"]) == (401, "expired_token")


def test_expire_token_ends_every_access_token_until_a_refresh(visitor: Visitor) -> None:
    """All of them end; those of a refresh are valid."""
    first, refresh_token = visitor.sandbox.token, visitor.sandbox.refresh_token
    visitor.sandbox.expire_token()
    assert profile(visitor, first) == (401, "expired_token")
    assert refresh(visitor, refresh_token).status_code == 200
    assert profile(visitor, first) == (401, "expired_token")
    assert profile(visitor, visitor.sandbox.token) == (200, "")


def test_revoke_ends_everything_until_a_login(visitor: Visitor) -> None:
    """Tokens and codes issued before end; the webhook is not affected."""
    code = came_back_with(authorize(visitor, redirect_uri=REDIRECT))["code"]
    visitor.sandbox.revoke()
    assert profile(visitor, visitor.sandbox.token) == (401, "invalid_token")
    assert refresh(visitor, visitor.sandbox.refresh_token).json()["error"] == "invalid_grant"
    assert token(visitor, grant_type="authorization_code", code=code).status_code == 400
    assert visitor.http.get(f"{visitor.sandbox.webhook}profile").status_code == 200
    code = came_back_with(authorize(visitor, redirect_uri=REDIRECT))["code"]
    assert token(visitor, grant_type="authorization_code", code=code).status_code == 200
    assert profile(visitor, visitor.sandbox.token) == (200, "")


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": "wrong"}, 400, "invalid_client"),
        ({"client_secret": ""}, 400, "invalid_client"),
        ({"client_id": "local.wrong"}, 200, "wrong_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_grant_is_refused(
    visitor: Visitor, fields: dict[str, str], status: int, error: str
) -> None:
    """The codes are the token server's; the refresh token stays valid."""
    good = {"grant_type": "refresh_token", "refresh_token": visitor.sandbox.refresh_token}
    answer = token(visitor, **{**good, **fields})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert token(visitor, **good).status_code == 200


@pytest.mark.parametrize("how", ["query", "form", "json"])
def test_the_grant_may_be_written_in_every_way(visitor: Visitor, how: str) -> None:
    """Query (as one SDK sends), form and JSON work; the last slash is optional."""
    sandbox = visitor.sandbox
    fields = {
        "grant_type": "refresh_token",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "refresh_token": sandbox.refresh_token,
    }
    options: dict[str, Any] = {"query": {"params": fields}, "form": {"data": fields}}.get(
        how, {"json": fields}
    )
    verb = "GET" if how == "query" else "POST"
    answer = visitor.http.request(verb, "/oauth/token", **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("profile_name", "status"), [("guide", 403), ("portal", 401)])
def test_a_missing_scope_is_refused(profile_name: str, status: int) -> None:
    """Application and webhook get an error; methods of granted scopes work."""
    with visiting(scope=["crm"], status_profile=profile_name) as visitor:
        for url in ("/rest/", visitor.sandbox.webhook):
            answer = visitor.http.get(
                f"{url}pull.application.config.get", params={"auth": visitor.sandbox.token}
            )
            assert (answer.status_code, answer.json()["error"]) == (status, "insufficient_scope")
        assert visitor.call("crm.deal.get", {"ID": 1}).json()["result"]["TITLE"] == "Deal 1"
        assert visitor.call("scope").json()["result"] == ["crm"]


def test_the_application_knows_itself(visitor: Visitor) -> None:
    """`app.info` has the portal's fields, and those of the token server's method."""
    info = visitor.call("app.info/").json()["result"]
    assert (info["CODE"], info["client_id"]) == (visitor.sandbox.client_id,) * 2
    assert (info["STATUS"], info["INSTALLED"], info["user_id"]) == ("L", True, 1)
    assert (
        info["scope"].split(",")
        == info["SCOPE"]
        == ["pull", "pull_channel", "crm", "user", "task", "im"]
    )
    assert info["install"]["client_endpoint"] == f"{visitor.sandbox.url}/rest/"
    webhook = visitor.http.get(f"{visitor.sandbox.webhook}app.info").json()["result"]
    assert "CODE" not in webhook


def test_tokens_are_not_kept_for_ever() -> None:
    """A thousand newer tokens make the oldest unknown."""
    application = Application(lambda: 0.0, None, ["pull"])
    first = application.tokens.access
    for _ in range(1000):
        application.refresh(application.tokens.refresh)
    with pytest.raises(RestRefusal, match="invalid_token"):
        application.check_access(first)


def test_tokens_do_not_show_themselves() -> None:
    """Reprs and refusals hide them."""
    application = Application(lambda: 0.0, None, ["pull"])
    assert application.tokens.access not in repr(application.tokens)
    with pytest.raises(GrantRefusal) as refused:
        application.redeem_code("secret-code")
    assert "secret-code" not in str(refused.value)


@pytest.mark.parametrize(
    "options", [{"token_ttl": 0}, {"status_profile": "old"}, {"rest_burst": -1}]
)
def test_settings_of_rest_are_checked(options: dict[str, Any]) -> None:
    """The error names the option, before the sandbox starts."""
    (name,) = options
    with pytest.raises(SettingsError, match=name), visiting(**options):
        pass
