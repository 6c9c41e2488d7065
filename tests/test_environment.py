"""Proxies and certificates that the environment names, for REST, OAuth and both transports."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

import bxpull_nb as bx
from bxpull_nb import environment
from bxpull_nb.environment import proxy_for, trusted_for
from bxpull_nb.errors import (
    BxPullError,
    ConnectionFailed,
    NetworkSettingsError,
    PortalUnreachable,
)
from bxpull_nb.http import http_client, no_answer
from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.listener.transport import WebSocketTransport
from bxpull_nb.listener.transport_errors import poll_error
from bxpull_nb.models import PublicChannel
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken, MemoryStore, OAuthApp, request_tokens
from bxpull_nb.rest.login import login
from bxpull_nb.rest.publish import publish
from bxpull_nb.sandbox import Sandbox
from tests.support.configs import config, seed_answer
from tests.support.proxies import closed_port, http_proxy, socks_proxy

PORTAL = "https://acme.example"
TOKEN = "0123456789abcdef0123456789abcdef"
GRANT = {"grant_type": "refresh_token", "client_secret": "a-secret-0123456789"}
VARIABLES = [f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO", "WS", "WSS")]
TLS = ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in TLS:
        monkeypatch.delenv(name, raising=False)
    environment._trusted.cache_clear()


async def rest_call(portal: str) -> None:
    """Call a method of the portal."""
    rest = Portal(AccessToken(portal, TOKEN)).rest
    try:
        await rest.call("profile")
    finally:
        await rest.aclose()


async def oauth_call(portal: str) -> None:
    """Ask the portal's host for tokens."""
    async with http_client(portal) as http:
        await request_tokens(http, f"{portal}/oauth/token/", GRANT)


async def websocket(portal: str) -> None:
    """Open a WebSocket at the portal's host."""
    await _first(WebSocketTransport(), portal.replace("http", "ws", 1) + "/sub/?CHANNEL_ID=1")


async def polling(portal: str) -> None:
    """Poll the portal's host."""
    await _first(LongPollingTransport(), f"{portal}/sub/?CHANNEL_ID=1")


async def _first(transport: Any, url: str) -> None:
    async with aclosing(transport.frames(lambda: url)) as frames:
        async for _ in frames:
            return


WAYS: list[Callable[[str], Awaitable[None]]] = [rest_call, oauth_call, websocket, polling]


def error_of(way: Callable[[str], Awaitable[None]], portal: str = PORTAL) -> BxPullError:
    """Return the error of that way to the portal."""
    with pytest.raises(BxPullError) as caught:
        asyncio.run(asyncio.wait_for(way(portal), 20))
    return caught.value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080", "socks5://"),
        ("all_proxy", "socks4://u:pa55w0rd@127.0.0.1:1080", "socks5://"),
        ("HTTPS_PROXY", "socks4a://127.0.0.1:1080/", "socks5://"),
        ("HTTPS_PROXY", "http://127.0.0.1:80a", "'http://"),
        ("HTTPS_PROXY", "http://u:pa55w0rd@127.0.0.1:80a", "HTTPS_PROXY"),
        ("HTTPS_PROXY", "http://u:pa55#w0rd@127.0.0.1:80", "HTTPS_PROXY"),
        ("https_proxy", "ftp://127.0.0.1:21", "'ftp://127.0.0.1:21'"),
        ("ALL_PROXY", "http://", "http://127.0.0.1:8080"),
        ("ALL_PROXY", "http://[::1", "http://127.0.0.1:8080"),
        ("ALL_PROXY", "http://127.0.0.1:0", "http://127.0.0.1:8080"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_error(
    way: Callable[[str], Awaitable[None]],
    variable: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It names the variable and the remedy, without the proxy's password."""
    monkeypatch.setenv(variable, value)
    error = error_of(way)
    assert isinstance(error, NetworkSettingsError)
    assert error.variable == variable
    words = words if words != "'http://" else "a text of length"
    assert variable in str(error)
    assert words in str(error)
    assert "pa55" not in f"{error}{error.__context__}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("missing", ["socksio", "python_socks"])
def test_socks_without_its_extra_names_it(
    way: Callable[[str], Awaitable[None]], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(
        "bxpull_nb.environment.find_spec", lambda name: None if name == missing else find_spec(name)
    )
    monkeypatch.setenv("ALL_PROXY", "socks5://u:pa55w0rd@127.0.0.1:1080")
    error = error_of(way)
    assert "pip install 'bxpull-nb[socks]'" in str(error)
    assert "ALL_PROXY" in str(error)
    assert "pa55" not in str(error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_dead_proxy_is_named_and_not_the_portal(
    way: Callable[[str], Awaitable[None]], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its variable, and without its password."""
    proxy = f"127.0.0.1:{closed_port()}"
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://u:pa55w0rd@{proxy}")
    error = error_of(way)
    assert isinstance(error, PortalUnreachable | ConnectionFailed)
    assert f"the proxy {scheme}://{proxy} that HTTPS_PROXY names did not lead there" in str(error)
    assert "NO_PROXY" in str(error)
    assert "pa55" not in f"{error}{error.__cause__}{error.__context__}"


# httpcore leaves the socket of a refused tunnel to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
def test_a_proxy_that_refuses_is_named(
    way: Callable[[str], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its answer."""
    with http_proxy("127.0.0.1:9", "407 Proxy Authentication Required") as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        error = error_of(way)
    assert f"the proxy http://127.0.0.1:{port} that HTTPS_PROXY names" in str(error)
    assert "407" in str(error)


def test_a_dead_proxy_of_a_publish_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing goes to the push server directly."""
    receiver = PublicChannel(user_id=7, public_id="00ff", signature="ff00")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(ConnectionFailed, match="that HTTPS_PROXY names"):
        asyncio.run(publish(config(seed_answer()), [receiver], "{}"))


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [http_proxy, socks_proxy])
def test_everything_goes_through_a_proxy(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """REST, WebSocket and polling, over TLS, by HTTP and by SOCKS."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    monkeypatch.setattr(environment, "is_loopback", lambda _url: False)
    scheme = "http" if proxy is http_proxy else "socks5"
    with Sandbox(tls=True) as box, proxy(box.url.rpartition("/")[2]) as (port, asked):
        monkeypatch.setenv("SSL_CERT_FILE", str(box.ca_path))
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}")
        with Portal(AccessToken(box.url, box.token)) as portal:
            assert portal.call("profile")["ID"]
            for transport in ("websocket", "polling"):
                feed = portal.feed("shared", transport).start()
                portal.send_event("hello", {"by": transport})
                feed.expect("hello", within=10)
                feed.stop()
    assert len(asked) >= 3


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("localhost,[::1]", PORTAL, False),
        ("fe80::/10,::1", PORTAL, False),
        ("[", PORTAL, False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", True),
        ("[fd00::1]:8443", "https://[fd00::1]", False),
        ("fd00::/8", "https://[fd00::1]", True),
        ("192.168.0.7", "http://192.168.0.7:81", True),
        ("192.168.0.7:80", "http://192.168.0.7:81", False),
        ("example", PORTAL, True),
        (".example", PORTAL, True),
        ("*.acme.example", "wss://rt.acme.example/sub/", True),
        ("cme.example", PORTAL, False),
        ("ACME.example:443", PORTAL, True),
        ("acme.example:80", PORTAL, False),
        ("https://acme.example", PORTAL, True),
        ("a.example b.example", "https://b.example", True),
        ("портал.рф", "https://xn--80awhdgm.xn--p1ai", True),
        ("*", PORTAL, True),
        ("", PORTAL, False),
    ],
)
def test_no_proxy_lists_hosts_networks_and_ports(
    no_proxy: str, url: str, is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that cannot be read lists nothing, and raises nothing."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for(url) is None) is is_direct
    asyncio.run(http_client(url).aclose())


def test_a_proxy_in_its_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme may be missing, marks and a path are left out, and the nearest name wins."""
    monkeypatch.setenv("ALL_PROXY", "socks://unused")
    monkeypatch.setenv("HTTPS_PROXY", '"proxy.example:3128/"')
    found = proxy_for("wss://acme.example")
    assert found is not None
    assert (found.url, found.variable) == ("http://proxy.example:3128", "HTTPS_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "SOCKS5h://user@proxy.example")
    found = proxy_for(PORTAL)
    assert found is not None
    assert found.url == "socks5h://user:@proxy.example:1080"
    assert repr(found) == "Proxy('socks5h://proxy.example:1080', 'HTTPS_PROXY')"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://localhost", "ws://[::1]/sub/"])
def test_this_machine_needs_no_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a broken variable does not matter to a sandbox."""
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    monkeypatch.setenv("NO_PROXY", "localhost,[::1]")
    assert proxy_for(url) is None


def broken(variable: str, kind: str, folder: Path) -> str:
    """Return a value of the variable that cannot be used."""
    (folder / "no.pem").write_text("no certificate")
    (folder / "empty").mkdir(exist_ok=True)
    return {"missing": f"{folder}/missing/x", "folder": f"{folder}/empty"}.get(
        kind, f"{folder}/no.pem"
    )


BROKEN = [
    *(("SSL_CERT_FILE", kind) for kind in ("missing", "folder", "no certificate")),
    *(("SSL_CERT_DIR", kind) for kind in ("missing", "folder", "no folder")),
    *(("SSLKEYLOGFILE", kind) for kind in ("missing", "folder")),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("variable", "kind"), BROKEN)
def test_certificates_that_cannot_be_read_are_one_error(
    way: Callable[[str], Awaitable[None]],
    variable: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It names the variable, the path and the remedy."""
    value = broken(variable, kind, tmp_path)
    monkeypatch.setenv(variable, value)
    error = error_of(way)
    assert isinstance(error, NetworkSettingsError)
    assert error.variable == variable
    assert value in str(error)
    assert f"unset {variable}" in str(error)


@pytest.mark.parametrize(("variable", "kind"), BROKEN)
def test_a_sandbox_without_tls_needs_no_certificates(
    variable: str,
    kind: str,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Nothing is encrypted, so nothing is read."""
    monkeypatch.setenv(variable, broken(variable, kind, tmp_path))
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    monkeypatch.setenv("NO_PROXY", "localhost,[::1]")
    assert trusted_for(sandbox.url) is None
    with Portal(AccessToken(sandbox.url, sandbox.token)) as portal:
        for transport in ("websocket", "polling"):
            feed = bx.listen(portal, transport=transport)
            portal.send_event("hello", {"by": transport})
            feed.expect("hello", within=10)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions as of a user")
def test_a_key_file_that_is_not_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is named too."""
    keys = tmp_path / "keys"
    keys.touch(0o400)
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with pytest.raises(NetworkSettingsError, match="SSLKEYLOGFILE"):
        trusted_for(PORTAL)


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_that_is_not_trusted_leads_to_its_variable(
    way: Callable[[str], Awaitable[None]],
) -> None:
    """In each error, not only in the doctor's."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    with Sandbox(tls=True) as box:
        error = error_of(way, box.url)
    assert "SSL_CERT_FILE" in str(error)
    assert "certificate is not trusted" in str(error)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "value",
    [
        *("http:/127.0.0.1:3128", "http//127.0.0.1:3128", "socks5:/127.0.0.1:1", "https:127.0.0.1"),
        *(f"http://{'a' * 64}.example:1", "http://a..example:1", "http://..:1", "http://%31"),
    ],
)
def test_a_misspelt_proxy_is_one_error(
    way: Callable[[str], Awaitable[None]], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for a host called http, and no library sees it."""
    monkeypatch.setenv("https_proxy", value)
    error = error_of(way)
    assert isinstance(error, NetworkSettingsError)
    assert error.variable == "https_proxy"


@pytest.mark.parametrize("value", ['""', "''", " ", "\ufeff"])
def test_a_variable_without_a_value_names_no_proxy(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some env files keep the marks around nothing."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert proxy_for(PORTAL) is None
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    assert str(proxy_for(PORTAL)) == "Proxy('http://proxy.example:3128', 'ALL_PROXY')"


def test_a_proxy_s_host_may_be_cyrillic(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a portal's may."""
    monkeypatch.setenv("HTTPS_PROXY", "http://прокси.рф:3128")
    assert str(proxy_for(PORTAL)).startswith("Proxy('http://xn--h1adldfi.xn--p1ai:3128'")


@pytest.mark.parametrize("way", WAYS)
def test_a_proxy_that_speaks_no_tls_is_named(
    way: Callable[[str], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most proxies of https://HOST speak http; the portal is not at fault."""
    with http_proxy("127.0.0.1:9") as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        error = error_of(way)
    assert f"the proxy https://127.0.0.1:{port} that HTTPS_PROXY names" in str(error)
    assert "that it speaks https, not http" in str(error)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
def test_a_path_that_is_too_long_is_one_error(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python raises an OSError where it asks what the path is."""
    monkeypatch.setenv(variable, "x" * 5000)
    with pytest.raises(NetworkSettingsError, match="File name too long") as caught:
        trusted_for(PORTAL)
    assert len(str(caught.value)) < 500


def test_one_folder_of_certificates_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """OpenSSL reads a list of them."""
    (tmp_path / "00000000.0").touch()
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([f"{tmp_path}/missing", str(tmp_path)]))
    assert trusted_for(PORTAL) is not None
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([f"{tmp_path}/missing", f"{tmp_path}/no"]))
    with pytest.raises(NetworkSettingsError, match="SSL_CERT_DIR"):
        trusted_for(PORTAL)


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ("Hostname mismatch, certificate is not valid for 'a.example'", "check the address"),
        ("IP address mismatch, certificate is not valid for '1.2.3.4'", "check the address"),
        ("certificate has expired", "has to renew it"),
        ("certificate is not yet valid", "this machine's clock"),
        ("self-signed certificate in certificate chain", "SSL_CERT_FILE"),
        ("unable to get local issuer certificate", "SSL_CERT_FILE"),
    ],
)
def test_a_refused_certificate_has_its_own_next_step(words: str, step: str) -> None:
    """An authority's file helps only where the authority is not known."""
    error = httpx.ConnectError(f"[SSL: CERTIFICATE_VERIFY_FAILED] verify failed: {words} (_ssl.c)")
    assert step in no_answer("acme.example", error)
    assert ("SSL_CERT_FILE" in no_answer("acme.example", error)) is (step == "SSL_CERT_FILE")
    assert step in str(poll_error(error))


def test_the_doctor_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is about the environment, not about a login."""
    monkeypatch.setenv("HTTPS_PROXY", "socks://127.0.0.1:1080")
    with Portal(AccessToken(PORTAL, TOKEN)) as portal:
        finding = bx.doctor(portal).findings[0]
    assert "HTTPS_PROXY" in finding.said
    assert finding.next_step.startswith("Correct the environment's variable")


def test_the_doctor_names_a_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leads to it."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    with Portal(AccessToken(PORTAL, TOKEN)) as portal:
        finding = bx.doctor(portal).findings[0]
    assert "that HTTPS_PROXY names" in finding.said
    assert finding.next_step.startswith("Check that the proxy runs")


def test_a_login_finds_a_broken_proxy_before_the_browser_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A login's code lives for thirty seconds only."""
    monkeypatch.setenv("HTTPS_PROXY", "socks4://127.0.0.1:1080")
    opened: list[str] = []
    with pytest.raises(NetworkSettingsError, match="HTTPS_PROXY"):
        login(PORTAL, "local.1", "x" * 20, open_browser=opened.append, timeout=1)
    assert opened == []


def test_an_application_reaches_its_token_server_by_its_own_rule(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal is on this machine; its token server is not, and needs the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    auth = OAuthApp(
        sandbox.url,
        sandbox.client_id,
        sandbox.client_secret,
        refresh_token=sandbox.refresh_token,
        token_url="https://oauth.example/token/",
        store=MemoryStore(),
    )
    with Portal(auth) as portal, pytest.raises(PortalUnreachable, match="HTTPS_PROXY"):
        portal.call("profile")
