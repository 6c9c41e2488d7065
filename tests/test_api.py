"""The helper functions a cell calls."""

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb import portal as portal_module
from bxpull_nb.errors import SettingsError
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import MemoryStore, TokenPair
from bxpull_nb.sandbox import Sandbox

VARIABLES = ("BXPULL_URL", "BXPULL_TOKEN", "BXPULL_WEBHOOK")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_whole_way_on_the_embedded_sandbox() -> None:
    """connect() alone brings a portal with demo traffic on both channels."""
    with bx.connect() as portal:
        assert portal.name == "sandbox"
        config = bx.fetch_config(portal, cache=False, reopen=False)
        assert [record["type"] for record in config.to_records()] == ["shared", "private"]
        feed = bx.listen(portal)
        frame = feed.wait(30, timeout=20)
        assert feed is bx.listen(portal)
        assert set(frame["channel"]) <= {"shared", "private"}
        assert frame["module_id"].nunique() > 1
    sandbox = portal.sandbox
    assert sandbox is not None
    assert "stopped" in repr(sandbox)


def test_a_url_with_a_token(sandbox: Sandbox) -> None:
    """The usual way for an application."""
    with bx.connect(sandbox.url, token=sandbox.token) as portal:
        assert bx.fetch_config(portal).server.version == 3
        assert portal.url == sandbox.url


def test_a_webhook_by_name_or_in_place_of_the_url() -> None:
    """Its address is unmistakable."""
    with Sandbox(edition="seed") as sandbox:
        for portal in (bx.connect(webhook=sandbox.webhook), bx.connect(sandbox.webhook)):
            with portal:
                assert set(bx.fetch_config(portal).channels) == {"shared", "private"}


def test_the_environment_is_asked_before_a_sandbox_is_started(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token with its portal, or a webhook."""
    monkeypatch.setenv("BXPULL_URL", sandbox.url)
    monkeypatch.setenv("BXPULL_TOKEN", sandbox.token)
    with bx.connect() as portal:
        assert (portal.url, portal.sandbox) == (sandbox.url, None)
    monkeypatch.setenv("BXPULL_WEBHOOK", "https://acme.bitrix24.com/rest/1/secretsecret/")
    with bx.connect() as portal:
        assert portal.url == "https://acme.bitrix24.com"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "https://a.example"}, "the token is missing"),
        ({"token": "x" * 20}, "the url is missing"),
        ({"webhook": "https://a.example/rest/1/s/", "token": "x"}, "not both"),
        ({"webhook": "https://a.example/"}, "not a webhook's address"),
        ({"url": "nonsense://", "token": "x" * 20}, "not a portal's address"),
    ],
)
def test_half_of_the_arguments_is_an_error(arguments: dict[str, Any], message: str) -> None:
    """It names the missing one and shows a good call."""
    with pytest.raises(SettingsError, match=message):
        bx.connect(**arguments)


def test_half_of_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten token must not end in a sandbox without a word."""
    monkeypatch.setenv("BXPULL_URL", "https://acme.bitrix24.com")
    with pytest.raises(SettingsError, match=r"the token is missing.*BXPULL_TOKEN"):
        bx.connect()


def test_nested_runs_are_allowed_only_when_asked_for() -> None:
    """In a process of its own, for the patch is for good."""
    script = (
        "import asyncio, bxpull_nb as bx\n"
        "async def inner(): return 7\n"
        "async def outer(): return asyncio.run(inner())\n"
        "try: asyncio.run(outer())\n"
        "except RuntimeError as exc: print('refused')\n"
        "bx.allow_nested_run()\n"
        "print(asyncio.run(outer()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split() == ["refused", "7"]


def test_the_same_credentials_are_the_same_portal(sandbox: Sandbox) -> None:
    """However the address is written, until it is closed; another token is another portal."""
    with bx.connect(sandbox.url, token=sandbox.token) as portal:
        feed = bx.listen(portal)
        again = bx.connect(f"{sandbox.url}/", token=sandbox.token)
        assert again is portal
        assert bx.listen(again) is feed
        other = bx.connect(sandbox.url, token="x" * 32)
        by_webhook = bx.connect(webhook=sandbox.webhook)
        assert len({id(portal), id(other), id(by_webhook)}) == 3
        assert bx.connect(sandbox.webhook) is by_webhook
        other.close()
        by_webhook.close()
    fresh = bx.connect(sandbox.url, token=sandbox.token)
    assert fresh is not portal
    fresh.close()


def test_the_same_application_is_the_same_portal(sandbox: Sandbox) -> None:
    """With the same store and callback; those of another call would never be called."""
    known: dict[str, Any] = {"client_id": sandbox.client_id}
    known["client_secret"] = sandbox.client_secret
    store, pairs = MemoryStore(), list[TokenPair]()
    heard = pairs.append

    def connected(**more: Any) -> Portal:
        return bx.connect(sandbox.url, refresh_token=sandbox.refresh_token, **known, **more)

    with connected(store=store) as portal:
        assert connected(store=store) is portal
        with connected(store=store, on_refresh=heard) as other:
            assert other is not portal
            assert connected(store=store, on_refresh=heard) is other


def test_a_portal_that_is_let_go_is_not_kept(sandbox: Sandbox) -> None:
    """The register holds it weakly, and no secret is in what it shows."""
    portal = bx.connect(sandbox.url, token=sandbox.token)
    gone = weakref.ref(portal)
    by_webhook = bx.connect(webhook=sandbox.webhook)
    keys = repr(list(portal_module._open.keys()))
    assert sandbox.token not in keys
    assert sandbox.webhook.rstrip("/").rpartition("/")[2] not in keys
    by_webhook.close()
    del portal
    gc.collect()
    assert gone() is None
