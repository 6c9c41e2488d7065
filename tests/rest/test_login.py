"""The login in the browser, played by a thread."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from bxpull_nb import errors
from bxpull_nb.rest.auth import MemoryStore
from bxpull_nb.rest.login import login
from tests.support.answering import Request, serving

CLIENT = ("local.1234567890abcdef", "client-secret-1234567890")
SECRETS = (CLIENT[1], "the-code-of-this-login", "access-token-0001", "refresh-token-0001")


class TokenServer:
    """Gives a pair for the one code, and notes what it was asked."""

    def __init__(self) -> None:
        self.grants: list[dict[str, str]] = []
        self.answer: tuple[int, Any] = (
            200,
            {
                "access_token": "access-token-0001",
                "refresh_token": "refresh-token-0001",
                "user_id": 1,
                "scope": "app,pull",
                "member_id": "m1",
            },
        )
        self.url = ""

    def send(self, request: Request) -> None:
        """Note what was asked, and answer."""
        self.grants.append({k: v[0] for k, v in parse_qs(request.body.decode()).items()})
        status, body = self.answer
        request.send_response(status)
        request.end_headers()
        request.wfile.write(json.dumps(body).encode())


@pytest.fixture
def portal() -> Iterator[TokenServer]:
    """A portal whose token server it is itself."""
    tokens = TokenServer()
    with serving(tokens.send) as tokens.url:
        yield tokens


def visit(address: str) -> tuple[int, str]:
    """Status and page, as a browser sees them."""
    try:
        with urllib.request.urlopen(address, timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


class Browser:
    """Follows the portal's redirect with this answer; keeps every page it saw."""

    def __init__(self, *, before: Callable[[str], object] | None = None, **answer: str) -> None:
        self.answer = answer
        self.before = before
        self.asked: dict[str, str] = {}
        self.pages: list[tuple[int, str]] = []
        self.seen = threading.Event()

    def __call__(self, address: str) -> None:
        """Open the address."""
        self.asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        back = self.asked["redirect_uri"]
        if self.before:
            self.before(back)
        query = {"state": self.asked["state"], "domain": "127.0.0.1"} | self.answer
        self.pages.append(visit(f"{back}?{urlencode(query)}"))
        self.seen.set()


def good(**how: Any) -> Browser:
    """A browser whose user agrees."""
    return Browser(code="the-code-of-this-login", **how)


def test_the_whole_way_to_stored_tokens(portal: TokenServer) -> None:
    """Authorize address, redirect, code, tokens, store."""
    addresses: list[str] = []
    store, browser = MemoryStore(), good()
    pair = login(portal.url, *CLIENT, open_browser=browser, tell=addresses.append, store=store)
    assert (pair.access_token, pair.user_id, pair.scope) == ("access-token-0001", 1, "app,pull")
    assert store.load(portal.url, CLIENT[0]) == pair
    assert addresses[0].startswith(
        f"{portal.url}/oauth/authorize/?client_id=local.1234567890abcdef&"
    )
    assert len(browser.asked["state"]) >= 40
    assert portal.grants == [
        {
            "grant_type": "authorization_code",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "code": "the-code-of-this-login",
            "redirect_uri": browser.asked["redirect_uri"],
        }
    ]


def test_the_page_may_be_closed_and_holds_no_secret(portal: TokenServer) -> None:
    """It stays in the browser's history."""
    browser = good()
    login(portal.url, *CLIENT, open_browser=browser, store=MemoryStore())
    assert browser.seen.wait(5)
    [(status, page)] = browser.pages
    assert (status, "may close this window" in page) == (200, True)
    assert not [secret for secret in SECRETS if secret in page]


def test_two_logins_have_different_states(portal: TokenServer) -> None:
    """Nobody can guess one."""
    browsers = [good(), good()]
    for browser in browsers:
        login(portal.url, *CLIENT, open_browser=browser, store=MemoryStore())
    assert browsers[0].asked["state"] != browsers[1].asked["state"]


@pytest.mark.parametrize("state", ["", "another", "ünïcode"])
def test_a_wrong_state_is_refused(portal: TokenServer, state: str) -> None:
    """The code of another login is not even tried."""
    browser, store = good(), MemoryStore()
    browser.answer["state"] = state
    with pytest.raises(errors.WrongState, match="Start the login again"):
        login(portal.url, *CLIENT, open_browser=browser, store=store)
    assert portal.grants == []
    assert store.load(portal.url, CLIENT[0]) is None


def test_a_denied_login_is_an_error_with_the_portals_words(portal: TokenServer) -> None:
    """And the page repeats them, harmless."""
    browser = Browser(error="access_denied", error_description="<b>no</b>")
    with pytest.raises(errors.LoginDenied, match=r"access_denied \(<b>no</b>\)") as caught:
        login(portal.url, *CLIENT, open_browser=browser, store=MemoryStore())
    assert caught.value.code == "access_denied"
    assert browser.seen.wait(5)
    assert browser.pages[0][0] == 400
    assert "&lt;b&gt;no" in browser.pages[0][1]


def test_no_browser_comes_back(portal: TokenServer) -> None:
    """The error names the address that must be registered."""
    with pytest.raises(errors.LoginTimeout, match=r"within 0\.05 s.*http://127\.0\.0\.1:\d+/") as e:
        login(portal.url, *CLIENT, open_browser=None, timeout=0.05, store=MemoryStore())
    assert isinstance(e.value, TimeoutError)


def test_other_visits_do_not_disturb(portal: TokenServer) -> None:
    """A favicon, two silent connections made in advance, lines that are no request, a POST."""
    silent: list[socket.socket] = []

    def before(back: str) -> None:
        parts = urlsplit(back)
        silent.extend(socket.create_connection((parts.hostname, parts.port)) for _ in range(2))
        silent[1].sendall(b"GET / HTTP/1.1\r\nHost: a")
        for request in (
            b"\r\n",
            b"nonsense\n",
            b"x" * 100_000,
            b"POST /?code=x&state=y HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection((parts.hostname, parts.port)) as visitor:
                visitor.sendall(request)
        assert visit(f"{back}favicon.ico")[0] == 404

    browser = good(before=before)
    pair = login(portal.url, *CLIENT, open_browser=browser, store=MemoryStore())
    assert pair.user_id == 1
    for connection in silent:
        assert connection.recv(1) == b""
        connection.close()


def test_a_page_is_not_kept_and_sends_no_referrer(portal: TokenServer) -> None:
    """Its address holds the code."""
    headers: list[Message] = []

    def before(back: str) -> None:
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{back}favicon.ico", timeout=5)
        with refused.value as page:
            headers.append(page.headers)

    login(portal.url, *CLIENT, open_browser=good(before=before), store=MemoryStore())
    assert headers[0]["Referrer-Policy"] == "no-referrer"
    assert headers[0]["Cache-Control"] == "no-store"
    assert headers[0]["Server"] is None


def test_a_code_that_is_not_accepted_is_an_error(portal: TokenServer) -> None:
    """It lives 30 seconds; the error does not hold it, nor anything else secret."""
    portal.answer = (400, {"error": "invalid_grant", "error_description": SECRETS[1]})
    with pytest.raises(errors.GrantRefused, match="no new tokens for the login's code") as caught:
        login(portal.url, *CLIENT, open_browser=good(), store=MemoryStore())
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


def test_a_registered_port_is_used(portal: TokenServer) -> None:
    """The portal sends the browser to no other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    browser = good()
    login(portal.url, *CLIENT, port=port, open_browser=browser, store=MemoryStore())
    assert browser.asked["redirect_uri"] == f"http://127.0.0.1:{port}/"


def test_a_taken_port_is_an_error_before_the_browser_opens(portal: TokenServer) -> None:
    """With the way out."""
    opened: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(errors.SettingsError, match=f"port {port} .* Choose another port"):
            login(portal.url, *CLIENT, port=port, open_browser=opened.append)
    assert opened == []


def test_a_browser_that_does_not_open_is_no_end(
    portal: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The user has the address, and can open it by hand."""
    by_hand = good()

    def broken(address: str) -> None:
        raise OSError("no display")

    def notify(address: str) -> None:
        threading.Thread(target=by_hand, args=(address,), daemon=True).start()

    pair = login(portal.url, *CLIENT, open_browser=broken, tell=notify, store=MemoryStore())
    assert pair.user_id == 1
    assert "no browser opened (OSError)" in caplog.text


def test_nothing_secret_is_logged(portal: TokenServer, caplog: pytest.LogCaptureFixture) -> None:
    """Not by the HTTP library either, at its most talkative."""
    caplog.set_level("DEBUG")
    login(portal.url, *CLIENT, open_browser=good(), store=MemoryStore())
    assert "oauth/token" in caplog.text
    assert not [secret for secret in SECRETS if secret in caplog.text]
