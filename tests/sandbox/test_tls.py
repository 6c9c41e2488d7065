"""The sandbox over https and wss, with its own certificate."""

import asyncio
import ssl
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox import Sandbox
from tests.support.visitor import events

pytest.importorskip("trustme", reason="the extra `tls` is not installed")


def received(url: str, trusting: ssl.SSLContext, then: Callable[[], object]) -> str | bytes:
    """Return the frame that follows `then`.

    The client runs in a loop: that of websockets with threads was once seen to hang with TLS.
    """

    async def play() -> str | bytes:
        async with connect(url, ssl=trusting, proxy=None) as websocket:
            then()
            return await asyncio.wait_for(websocket.recv(), 5)

    return asyncio.run(play())


def test_rest_and_push_are_served_with_tls() -> None:
    """A client that trusts `ca_path` is served; there are secure addresses only."""
    with Sandbox(tls=True) as sandbox:
        trusting = ssl.create_default_context(cafile=sandbox.ca_path)
        assert sandbox.url.startswith("https://127.0.0.1:")
        assert sandbox.webhook.startswith(sandbox.url)
        bearer = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(verify=trusting, trust_env=False, headers=bearer) as http:
            answer = http.get(f"{sandbox.url}/rest/pull.application.config.get")
            config = answer.json()["result"]
            server, channel = config["server"], config["channels"]["shared"]["id"]
            assert [server[name] for name in ("websocket", "long_polling", "publish")] == [""] * 3
            url = f"{server['websocket_secure']}?CHANNEL_ID={channel}"
            frame = received(url, trusting, lambda: sandbox.publish("c", {"n": 1}))
            (event,) = events(frame)
            polled = http.get(
                server["long_pooling_secure"], params={"CHANNEL_ID": channel, "mid": "0" * 26}
            )
    assert event.params == {"n": 1}
    assert [e.command for e in events(polled.text)] == ["c"]


def test_the_certificate_is_not_trusted_by_default() -> None:
    """The system's authorities and plain http do not work."""
    with Sandbox(tls=True) as sandbox:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(sandbox.url, trust_env=False)
        with pytest.raises(httpx.TransportError):
            httpx.get(sandbox.url.replace("https", "http"), trust_env=False)


def test_connections_with_tls_can_be_cut() -> None:
    """There is no close frame, as without TLS."""
    with Sandbox(tls=True, edition="seed") as sandbox:
        trusting = ssl.create_default_context(cafile=sandbox.ca_path)
        with httpx.Client(verify=trusting, trust_env=False) as http:
            config = http.get(f"{sandbox.webhook}pull.application.config.get").json()["result"]
        url = config["server"]["websocket_secure"]
        assert config["server"]["long_polling_secure"].startswith("https://127.0.0.1:")
        channel = config["channels"]["shared"]["id"]

        def drop() -> None:
            assert sandbox.drop_connections() == 1

        with pytest.raises(ConnectionClosedError, match="no close frame received"):
            received(f"{url}?CHANNEL_ID={channel}", trusting, drop)


def test_the_certificates_files_go_with_the_sandbox() -> None:
    """A new start has a new authority."""
    sandbox = Sandbox(tls=True)
    kept = []
    for _ in range(2):
        with sandbox:
            path = sandbox.ca_path
            kept.append(path.read_text())
        assert not path.parent.exists()
    assert kept[0] != kept[1]


def test_a_port_that_is_taken_leaves_no_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The keys of the failed start are deleted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(SettingsError, match=f"port {port}"):
            Sandbox(tls=True, port=port).start()
    assert list(tmp_path.iterdir()) == []


def test_without_tls_there_is_no_authority() -> None:
    """The error names the option."""
    with Sandbox() as sandbox, pytest.raises(SettingsError, match="tls=True"):
        _ = sandbox.ca_path


def test_without_trustme_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only TLS needs the package, so it is not among the dependencies."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(SettingsError, match=r"bxpull-nb\[tls\]"):
        Sandbox(tls=True).start()
    with Sandbox() as sandbox:
        assert httpx.get(f"{sandbox.webhook}profile", trust_env=False).status_code == 200
