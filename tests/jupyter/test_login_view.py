"""The login that the panel offers, without a browser: a function follows the link."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.request import urlopen

import pytest

import bxpull_nb as bx
from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import MemoryStore
from bxpull_nb.sandbox import Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("comms")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for one test."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def store() -> MemoryStore:
    """A token store without tokens."""
    return MemoryStore()


@pytest.fixture
def panel(sandbox: Sandbox, store: MemoryStore) -> Iterator[Explorer]:
    """The panel of an application without tokens, after a press on Start."""
    portal = bx.connect(
        sandbox.url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        store=store,
    )
    panel = Explorer(portal, repaint=0.01)
    panel.start_button.click()
    eventually(lambda: "Log in" in offered(panel))
    yield panel
    panel.close()
    portal.close()


def offered(panel: Explorer) -> list[str]:
    """Return the names of the buttons in sight; none when the trouble is hidden."""
    trouble = panel.trouble
    if trouble.layout.display == "none":
        return []
    buttons = [*trouble.children[1].children, trouble.login.cancel_button]
    return [one.description for one in buttons if one.layout.display != "none"]


def link(panel: Explorer) -> str:
    """Return the address of the link, once it is shown."""
    login = panel.trouble.login
    eventually(lambda: "href" in login.text.value)
    found = re.search("href='(.*?)'", login.text.value)
    assert found is not None
    return unescape(found[1])


def test_one_click_and_one_link_start_the_feed(
    panel: Explorer, store: MemoryStore, sandbox: Sandbox
) -> None:
    """The tokens are stored, the feed runs, and nothing of the login is left."""
    assert "bxpull login" in panel.error.value
    panel.trouble.login.login_button.click()
    address = link(panel)
    assert address.startswith(f"{sandbox.url}/oauth/authorize/?client_id={sandbox.client_id}&")
    assert offered(panel) == ["Doctor", "Close", "Cancel the login"]
    with urlopen(address, timeout=5) as page:  # the sandbox agrees without a click
        assert b"You may close this window" in page.read()
    eventually(lambda: panel.feed.state == "connected")
    assert store.load(sandbox.url, sandbox.client_id) is not None
    eventually(lambda: offered(panel) == [])
    assert panel.trouble.login.text.value == ""


def test_a_login_can_be_cancelled_and_begun_again(panel: Explorer) -> None:
    """The panel works meanwhile; another address is shown the second time."""
    login = panel.trouble.login
    login.login_button.click()
    first = link(panel)
    panel.paint()
    login.cancel_button.click()
    eventually(lambda: offered(panel) == ["Log in", "Doctor", "Close"])
    assert (login.text.value, panel.feed.state) == ("", "failed")
    login.login_button.click()
    assert link(panel) != first
    panel.trouble.close_button.click()
    eventually(lambda: login.text.value == "")
    assert offered(panel) == []


def test_a_denied_login_shows_why_and_is_offered_again(panel: Explorer) -> None:
    """The browser came back with an error."""
    panel.trouble.login.login_button.click()
    address = link(panel)
    query = dict(re.findall(r"(\w+)=([^&]*)", address))
    back = f"http{query['redirect_uri'].removeprefix('http')}".replace("%3A", ":")
    url = f"{back.replace('%2F', '/')}?error=access_denied&state={query['state']}"
    with pytest.raises(OSError, match="400"):
        urlopen(url, timeout=5)
    eventually(lambda: "did not let the application in: access_denied" in panel.error.value)
    eventually(lambda: offered(panel) == ["Log in", "Doctor", "Close"])


def test_a_refused_consent_offers_the_login(sandbox: Sandbox) -> None:
    """The stored tokens were good, and the user took the consent back."""
    from bxpull_nb.rest.login import login

    store = MemoryStore()
    application = sandbox.client_id, sandbox.client_secret
    login(sandbox.url, *application, open_browser=lambda url: urlopen(url).close(), store=store)
    sandbox.revoke()
    portal = bx.connect(
        sandbox.url, client_id=application[0], client_secret=application[1], store=store
    )
    panel = Explorer(portal, repaint=0.01)
    panel.start_button.click()
    eventually(lambda: "Log in" in offered(panel))
    panel.trouble.login.login_button.click()
    urlopen(link(panel), timeout=5).close()
    eventually(lambda: panel.feed.state == "connected")
    panel.close()
    portal.close()


def test_a_token_alone_cannot_log_in(sandbox: Sandbox) -> None:
    """A line names what to set."""
    portal = Portal(bx.connect(sandbox.url, token="another-token-0123456789").rest.auth)
    panel = Explorer(portal, repaint=0.01)
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "failed")
    eventually(lambda: "client_secret=" in panel.trouble.login.text.value)
    assert offered(panel) == ["Doctor", "Close"]
    panel.close()
    portal.close()


def test_the_port_is_that_of_the_handler_path() -> None:
    """A portal accepts the one it knows; on this machine any free one does."""
    for url, port in (("https://acme.bitrix24.com", 8123), ("http://127.0.0.1:9", 0)):
        portal = bx.connect(
            url, client_id="local.1", client_secret="a-secret-01", store=MemoryStore()
        )
        panel = Explorer(portal, repaint=60)
        assert panel.trouble.login.port.value == port
        panel.close()
        portal.close()
