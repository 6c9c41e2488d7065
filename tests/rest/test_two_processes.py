"""Processes of one application that renew its tokens at once."""

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb import errors
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import FileStore, KeyringStore, MemoryStore, OAuthApp, TokenPair
from bxpull_nb.sandbox import Sandbox
from tests.support.answering import Request, serving
from tests.support.command import environment
from tests.support.scripted_portal import CLIENT, PORTAL, ScriptedPortal

PROCESS = """
import asyncio, json, sys
from pathlib import Path
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import FileStore, KeyringStore, OAuthApp

url, client_id, secret, token_url, kind, folder = sys.argv[1:]

class Backend:
    def get_password(self, service, name):
        path = Path(folder, name)
        return path.read_text() if path.exists() else None

    def set_password(self, service, name, text):
        Path(folder, name).write_text(text)

class Own:
    def __init__(self):
        store = FileStore(folder)
        self.load, self.save, self.forget = store.load, store.save, store.forget

store = {"file": lambda: FileStore(folder), "keyring": lambda: KeyringStore(Backend()), "own": Own}
auth = OAuthApp(url, client_id, secret, token_url=token_url, store=store[kind]())

async def main():
    client = RestClient(auth)
    await auth.ready(client._client())
    print("ready", flush=True)
    sys.stdin.readline()
    await client.call("profile")
    await client.aclose()

asyncio.run(main())
"""


@contextmanager
def slow_grants(box: Sandbox, seconds: float) -> Iterator[tuple[str, list[int]]]:
    """Serve the sandbox's token server; what it grants arrives late, what it refuses at once."""
    statuses: list[int] = []

    def send(request: Request) -> None:
        asked = urllib.request.Request(f"{box.url}/oauth/token/", request.body)
        try:
            with urllib.request.urlopen(asked) as answer:
                status, content = answer.status, answer.read()
            time.sleep(seconds)
        except urllib.error.HTTPError as exc:
            status, content = exc.code, exc.read()
        statuses.append(status)
        request.send_response_only(status)
        request.end_headers()
        request.wfile.write(content)

    with serving(send) as url:
        yield f"{url}/oauth/token/", statuses


def started(
    box: Sandbox, token_url: str, kind: str, folder: Path, before: str = ""
) -> "subprocess.Popen[str]":
    """Start a process of the application, with a system that `before` makes.

    It has its tokens when it writes `ready`.
    """
    app = [box.url, box.client_id, box.client_secret, token_url]
    return subprocess.Popen(
        [sys.executable, "-c", before + PROCESS, *app, kind, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), "XDG_CONFIG_HOME": str(folder)},
        text=True,
    )


def renewed_at_once(
    box: Sandbox, processes: list["subprocess.Popen[str]"]
) -> list[tuple[str, str]]:
    """Let the token expire and all processes go on; return what each printed, and its errors."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    box.expire_token()
    let_go(processes)
    return [process.communicate(timeout=60) for process in processes]


@pytest.mark.parametrize("kind", ["file", "keyring", "own"])
def test_two_processes_renew_at_once(kind: str, tmp_path: Path) -> None:
    """Both go on, though the grant of one is slower than a refusal of the other."""
    with Sandbox() as box, slow_grants(box, 1.0) as (token_url, statuses):
        pair = TokenPair(access_token=box.token, refresh_token=box.refresh_token)
        FileStore(tmp_path).save(box.url, box.client_id, pair)
        if kind == "keyring":
            [file] = tmp_path.glob("*.json")
            file.rename(file.with_suffix(""))
        processes = [started(box, token_url, kind, tmp_path) for _ in range(3)]
        ends = renewed_at_once(box, processes)
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    assert statuses.count(200) == 1
    assert kind == "own" or statuses == [200]


ALL_LOCKED = "import fcntl; fcntl.flock = lambda *_: None\n"
NO_LOCKS = """import fcntl
def refuse(*_):
    raise OSError(37, "No locks available")
fcntl.flock = refuse
"""


@pytest.mark.parametrize("before", [ALL_LOCKED, NO_LOCKS])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_processes_renew_at_once_on_a_file_system_without_true_locks(
    before: str, mode: int, tmp_path: Path
) -> None:
    """As of a network: it gives all machines the lock, or none; a file may be protected too."""
    with Sandbox() as box, slow_grants(box, 0.8) as (token_url, statuses):
        store = FileStore(tmp_path)
        pair = TokenPair(access_token=box.token, refresh_token=box.refresh_token)
        store.save(box.url, box.client_id, pair)
        store.path(box.url, box.client_id).chmod(mode)
        processes = [started(box, token_url, "file", tmp_path, before) for _ in range(2)]
        ends = renewed_at_once(box, processes)
    assert [process.returncode for process in processes] == [0, 0], ends
    assert statuses.count(200) == 1


def let_go(processes: list["subprocess.Popen[str]"]) -> None:
    """Let all of them go on at the same moment."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def call(portal: ScriptedPortal, store: Any) -> Any:
    """Make a call of an application with that store."""

    async def once() -> Any:
        auth = OAuthApp(
            PORTAL,
            *CLIENT,
            token="access-token-0000",
            refresh_token="refresh-token-0000",
            store=store,
        )
        async with portal.http() as http:
            return await RestClient(auth, http=http).call("profile")

    return asyncio.run(once())


def test_a_stuck_process_is_not_waited_for_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens are renewed all the same, after a limit."""
    monkeypatch.setattr("bxpull_nb.rest.auth.store_lock._LONGEST", 0.2)
    portal, store = ScriptedPortal(), FileStore(tmp_path)
    portal.expire()
    release = FileStore(tmp_path).try_lock(PORTAL, CLIENT[0])
    assert release is not None
    assert call(portal, store) is True
    release()


def test_the_lock_is_free_after_a_refusal(tmp_path: Path) -> None:
    """Another process need not wait."""
    portal, store = ScriptedPortal(), FileStore(tmp_path)
    portal.expire()
    portal.grant_answer = (400, {"error": "invalid_grant"})
    with pytest.raises(errors.GrantRefused):
        call(portal, store)
    release = FileStore(tmp_path).try_lock(PORTAL, CLIENT[0])
    assert release is not None
    release()


def test_a_folder_that_takes_no_lock_takes_no_renewal_away(tmp_path: Path) -> None:
    """The tokens are good, though they cannot be stored."""
    portal = ScriptedPortal()
    portal.expire()
    (tmp_path / "tokens").write_text("in the way")
    assert call(portal, FileStore(tmp_path / "tokens")) is True


def test_each_store_gives_its_lock_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each portal and application; the file is its owner's only."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for store in (FileStore(tmp_path / "t"), KeyringStore(object()), MemoryStore()):
        release = store.try_lock(PORTAL, "a")
        assert release is not None
        assert store.try_lock(PORTAL, "a") is None
        other = store.try_lock(PORTAL, "b")
        assert other is not None
        other()
        release()
        again = store.try_lock(PORTAL, "a")
        assert again is not None
        again()
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*.lock")} == {0}
