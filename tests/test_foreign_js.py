"""The official JavaScript SDK against the sandbox, in Node and unmodified.

Its dependencies are installed once, by npm, into the user's cache folder.
"""

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb.sandbox import Sandbox
from tests.support.node import JS as HERE
from tests.support.node import cannot_run, node_modules
from tests.support.waiting import eventually

pytestmark = pytest.mark.foreign

PATIENCE = 20.0  # seconds
VERSIONS = [3, 4, 5]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's program, next to the packages it imports."""
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            cannot_run(f"{needed} is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < 20:
        cannot_run(f"node {version.stdout.strip()} is older than 20")
    folder = tmp_path_factory.mktemp("js")
    for name in ("client.mjs", "xhr.mjs"):
        shutil.copy(HERE / name, folder / name)
    (folder / "node_modules").symlink_to(node_modules(), target_is_directory=True)
    return folder / "client.mjs"


class Client:
    """The SDK in a process of its own: what it is asked, and what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._count = 0
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._kept: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, do: str, **fields: Any) -> Any:
        """The result of an action; an error fails the test."""
        answer = self.answer(do, **fields)
        assert "error" not in answer, answer
        return answer["result"]

    def answer(self, do: str, **fields: Any) -> dict[str, Any]:
        """The result or the error of an action."""
        number = self.tell(do, **fields)
        return self._next(lambda line: line.get("id") == number)

    def tell(self, do: str, **fields: Any) -> int:
        """The number of an action that no call waits for."""
        assert self._process.stdin is not None
        self._count += 1
        self._process.stdin.write(json.dumps({"id": self._count, "do": do, **fields}) + "\n")
        self._process.stdin.flush()
        return self._count

    def event(self) -> dict[str, Any]:
        """The next event of the module `application`."""
        event: dict[str, Any] = self._next(lambda line: "event" in line)["event"]
        return event

    def status(self, wanted: str) -> None:
        """Return when the SDK says that it is `online`, say."""
        self._next(lambda line: line.get("status") == wanted)

    def refreshed(self) -> None:
        """Return when the SDK has refreshed its token."""
        self._next(lambda line: "refreshed" in line)

    def _next(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            for line in self._kept:
                if fits(line):
                    self._kept.remove(line)
                    return line
            try:
                self._kept.append(self._said.get(timeout=max(deadline - time.monotonic(), 0)))
            except queue.Empty:
                pytest.fail(f"the SDK did not say what was waited for, but {self._kept}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))


@contextmanager
def running(program: Path, sandbox: Sandbox) -> Iterator[Client]:
    """The SDK as the sandbox's application."""
    command = ["node", str(program), json.dumps(given_by(sandbox))]
    environment = dict(os.environ)
    if sandbox.url.startswith("https"):
        environment["NODE_EXTRA_CA_CERTS"] = str(sandbox.ca_path)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            yield Client(process)
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            complaints = process.stderr.read()
    assert process.returncode == 0, complaints


def given_by(sandbox: Sandbox) -> dict[str, Any]:
    """All that the SDK must know of the sandbox."""
    return {
        "url": sandbox.url,
        "secret": {"clientId": sandbox.client_id, "clientSecret": sandbox.client_secret},
        "auth": {
            "applicationToken": "",
            "userId": 1,
            "memberId": "sandbox",
            "accessToken": sandbox.token,
            "refreshToken": sandbox.refresh_token,
            "expires": int(time.time()) + 3600,
            "expiresIn": 3600,
            "scope": "pull",
            "domain": sandbox.url.partition("//")[2],
            "clientEndpoint": f"{sandbox.url}/rest",
            "serverEndpoint": f"{sandbox.url}/rest/",
            "status": "L",
        },
    }


def listening(client: Client, sandbox: Sandbox) -> None:
    """Have it listen; the push server knows it when this returns.

    The SDK itself calls polling online only when the first poll is 5 s old.
    """
    client.tell("listen")
    eventually(lambda: len(sandbox._running.push.connections) == 1, PATIENCE)


def test_rest_calls_batches_and_lists_work(program: Path) -> None:
    """A call, a batch of both forms, a long list, and a token that it refreshes."""
    with Sandbox() as sandbox, running(program, sandbox) as client:
        deal = client.ask("call", method="crm.deal.get", params={"ID": 5})
        assert deal["TITLE"] == "Deal 5"
        named = {"a": ["crm.deal.get", {"ID": 7}], "b": {"method": "profile", "params": {}}}
        got = client.ask("batch", calls=named)
        assert (got["a"]["TITLE"], got["b"]["ID"]) == ("Deal 7", "1")
        got = client.ask("batch", calls=[["crm.deal.get", {"ID": n}] for n in range(1, 51)])
        assert [deal["ID"] for deal in got] == [str(number) for number in range(1, 51)]
        listed = client.ask("list", method="crm.deal.list", params={"filter": {"<=ID": 110}})
        assert [deal["ID"] for deal in listed] == [str(number) for number in range(1, 111)]
        assert client.ask("admin") is True
        sandbox.expire_token()
        assert client.ask("call", method="profile", params={})["NAME"] == "Ada"
        client.refreshed()


def test_offline_events_are_taken_and_cleared(program: Path) -> None:
    """It binds, reads the marked records by batch, clears them, and gets chat events."""
    with Sandbox() as sandbox, running(program, sandbox) as client:

        def ask(method: str, **params: Any) -> Any:
            return client.ask("call", method=method, params=params)

        assert "ONCRMDEALUPDATE" in ask("events", SCOPE="crm")
        assert ask("event.bind", event="ONCRMDEALUPDATE", event_type="offline") is True
        for number in range(1, 61):
            sandbox.change_deal(number, TITLE=f"new {number}")
        listed = client.ask("list", method="event.offline.list", params={})
        assert [one["ID"] for one in listed] == [str(number) for number in range(1, 61)]
        taken = ask("event.offline.get", clear=0, order={"ID": "ASC"})
        numbers = [one["EVENT_DATA"]["FIELDS"]["ID"] for one in taken["events"]]
        deals = client.ask("batch", calls=[["crm.deal.get", {"ID": one}] for one in numbers])
        assert [deal["TITLE"] for deal in deals] == [f"new {number}" for number in range(1, 51)]
        assert ask("event.offline.clear", process_id=taken["process_id"]) is True
        assert len(sandbox.offline_queue()) == 10
        assert ask("feature.get", CODE="rest_offline_extended") == {"value": "Y"}
        assert ask("im.v2.Event.subscribe") is True
        sandbox.chat_message("Добрый день!")
        got = ask("im.v2.Event.get", limit=10)
        assert [one["data"]["message"]["text"] for one in got["events"]] == ["Добрый день!"]
        task = ask("tasks.task.add", fields={"TITLE": "Call back"})["task"]
        assert ask("tasks.task.get", taskId=task["id"])["task"]["title"] == "Call back"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "polling"])
def test_events_reach_its_pull_client(program: Path, version: int, websocket: bool) -> None:
    """On every version of the push server: both channels, and an event it added itself."""
    with (
        Sandbox(server_version=version, websocket=websocket) as sandbox,
        running(program, sandbox) as client,
    ):
        listening(client, sandbox)
        sandbox.publish("shared", {"text": "Привет 🌍", "n": 1})
        assert client.event()["params"] == {"text": "Привет 🌍", "n": 1}
        sandbox.publish("private", {"n": 2}, channel="private")
        assert client.event()["command"] == "private"
        added = {"COMMAND": "added", "PARAMS": {"n": 3}}
        assert client.ask("call", method="pull.application.event.add", params=added) is True
        assert client.event()["params"] == {"n": 3}


@pytest.mark.parametrize("version", [4, 5])
def test_its_pull_client_publishes(program: Path, version: int) -> None:
    """To its own user, whose public id it knows from the config; it comes back as a client's."""
    with Sandbox(server_version=version) as sandbox, running(program, sandbox) as client:
        listening(client, sandbox)
        client.status("online")
        sent = client.answer("send", users=[1], command="hello", params={"from": "js"})
        assert "error" not in sent, sent
        event = client.event()
        assert (event["type"], event["command"], event["params"]) == (
            "client",
            "hello",
            {"from": "js"},
        )


def test_json_rpc_answers_its_other_questions(program: Path) -> None:
    """Who was seen when, and which channels it listens to."""
    with Sandbox(server_version=5) as sandbox, running(program, sandbox) as client:
        listening(client, sandbox)
        client.status("online")
        config = client.ask("call", method="pull.application.config.get", params={})
        assert client.ask("channels") == [config["channels"]["shared"]["id"][:32]]
        assert client.ask("last_seen", users=[1]) == {}  # sic: the SDK forgets what it was told


@pytest.mark.parametrize(
    ("action", "version"),
    [("get_config", 3), ("get_config", 4), ("get_config", 5), ("reconnect", 3), ("reconnect", 4)],
)
def test_it_follows_a_channel_that_expires(program: Path, action: str, version: int) -> None:
    """To the successor; what is published after it arrives.

    Told to reconnect on version 5 it keeps its old token, and with it the old channel.
    """
    with Sandbox(server_version=version) as sandbox, running(program, sandbox) as client:
        listening(client, sandbox)
        client.status("online")
        sandbox.publish("before")
        assert client.event()["command"] == "before"
        sandbox.expire_channel("shared", action)
        client.status("online")
        sandbox.publish("after")
        assert client.event()["command"] == "after"


def test_it_works_over_tls_and_in_shared_mode(program: Path) -> None:
    """With the secure addresses, and the account of the push server in the cloud."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    with (
        Sandbox(tls=True, mode="shared", server_version=4) as sandbox,
        running(program, sandbox) as client,
    ):
        listening(client, sandbox)
        sandbox.publish("secret", {"n": 1})
        assert client.event()["params"] == {"n": 1}
        path = client.ask("path")
    assert path.startswith("wss://127.0.0.1:")
    assert "binaryMode=true" in path
    assert "clientId=" in path
