"""The sandbox as a whole: options, starting, stopping, and clean-up."""

import inspect
import logging
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

import bxpull_nb.sandbox
from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.sandbox.demo_traffic import demo_events
from bxpull_nb.sandbox.settings import Settings
from tests.support.hostile_values import HOSTILE, SECRET
from tests.support.visitor import Visitor, events, visiting
from tests.support.waiting import eventually


def test_it_listens_on_the_loopback_address_only() -> None:
    """Both addresses are on 127.0.0.1."""
    with Sandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert sandbox.webhook.startswith(f"{sandbox.url}/rest/1/")
        assert sandbox.webhook.endswith("/")


def test_an_answer_does_not_wait_for_its_acknowledgement() -> None:
    """Without TCP_NODELAY every further answer of a connection takes 40 ms."""
    with visiting() as visitor:
        took = []
        for _ in range(10):
            begun = time.perf_counter()
            visitor.call("server.time")
            took.append(time.perf_counter() - begun)
    assert sorted(took)[5] < 0.03


def test_the_error_of_a_stopped_sandbox_shows_how_to_start_it() -> None:
    """The error is the same before the first start and after stopping."""
    sandbox = Sandbox()
    for _ in range(2):
        for use in (lambda: sandbox.publish("c"), lambda: sandbox.url, sandbox.drop_connections):
            with pytest.raises(SettingsError, match=r"sandbox\.start\(\)"):
                use()
        sandbox.start()
        sandbox.stop()


def test_stopping_twice_and_starting_again_work() -> None:
    """Starting a running one does nothing; a new start has new secrets."""
    sandbox = Sandbox()
    sandbox.stop()
    assert sandbox.start() is sandbox
    url, token, webhook = sandbox.url, sandbox.token, sandbox.webhook
    assert sandbox.start().url == url
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with sandbox:
        assert sandbox.token != token
        assert sandbox.webhook.rsplit("/", 2)[1] != webhook.rsplit("/", 2)[1]


def test_the_same_port_can_be_taken_again_at_once() -> None:
    """A listener can reconnect after a restart."""
    with visiting() as visitor, visitor.listen(visitor.channel()):
        port = int(visitor.sandbox.url.rpartition(":")[2])
    sandbox = Sandbox(port=port)
    for _ in range(2):
        with sandbox:
            assert sandbox.url.endswith(f":{port}")


def test_a_taken_port_is_an_error() -> None:
    """The error suggests to leave the port out."""
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(SettingsError, match=f"port {port}.*Leave port out"):
            Sandbox(port=port).start()


@pytest.mark.parametrize(
    "options",
    [
        {"edition": "old"},
        {"server_version": 2},
        {"port": 70000},
        {"rate": 0},
        {"rate": float("nan")},
        {"buffer": -1},
        {"poll_hold": 0},
        {"channel_ttl": 0},
        {"history_limit": 0},
        {"backlog_limit": 0},
        {"signature_key": ""},
        {"signature_key": b""},
        {"signature_key": 5},
    ],
)
def test_settings_that_cannot_be_used_are_refused_at_once(options: dict[str, Any]) -> None:
    """The error names the option."""
    (name,) = options
    with pytest.raises(SettingsError, match=name):
        Sandbox(**options)


OPTIONS = [option.name for option in fields(Settings) if option.name != "now"]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_hostile_setting_is_an_error_of_ours(name: str) -> None:
    """It is one at once, with the option's name and without the value where that is a secret."""
    shown = ""
    for value in [*HOSTILE.values(), "4.0", "1000", -1, -(10**400)]:
        try:
            Sandbox(**{name: value})
        except SettingsError as exc:
            shown += str(exc) if name in str(exc) else f"{exc} has no name: {SECRET}"
    assert SECRET not in shown


def test_every_option_is_a_keyword_with_documentation() -> None:
    """The signature is complete, the class docstring explains all of it."""
    parameters = inspect.signature(Sandbox).parameters
    assert len(parameters) == 33
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    documented = re.findall(r"^- `(\w+)`: .", inspect.getdoc(Sandbox) or "", re.MULTILINE)
    assert documented == list(parameters)
    with pytest.raises(TypeError, match="colour"):
        Sandbox(colour="red")  # type: ignore[call-arg]


def test_push_and_rest_do_not_import_each_other() -> None:
    """Modules that both need are at the top of the sandbox."""
    package = Path(bxpull_nb.sandbox.__file__).parent
    for wing, other in (("push", "rest"), ("rest", "push")):
        for path in (package / wing).glob("*.py"):
            assert f"bxpull_nb.sandbox.{other}" not in path.read_text("utf-8"), path


def test_params_that_are_no_json_are_refused() -> None:
    """An unknown channel is refused, too."""
    with Sandbox(private=False) as sandbox:
        with pytest.raises(SettingsError, match="params"):
            sandbox.publish("c", {"x": object()})
        with pytest.raises(SettingsError, match="private"):
            sandbox.publish("c", channel="private")
        with pytest.raises(SettingsError, match="channel"):
            sandbox.publish("c", channel=[])


def test_it_stops_quickly_with_any_connections() -> None:
    """It takes under a second with WebSockets, held polls and idle connections."""
    threads = set(threading.enumerate())
    with visiting() as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        with visitor.listen(channel) as one, visitor.listen(channel) as two:
            polls = [
                pool.submit(httpx.get, f"{visitor.sandbox.url}/sub/?CHANNEL_ID={channel}")
                for _ in range(3)
            ]
            eventually(lambda: "listeners 5" in repr(visitor.sandbox))
            portal, start = visitor.sandbox._portal, time.monotonic()
            visitor.sandbox.stop()
            assert time.monotonic() - start < 1
            assert portal is not None
            assert portal.broker.closed  # or a poll that comes in this moment would be held
            for websocket in (one, two):
                with pytest.raises(ConnectionClosedError) as closed:
                    websocket.recv(5)
                assert closed.value.rcvd is None
            for poll in polls:
                with pytest.raises(httpx.TransportError):
                    poll.result(5)
    assert {t for t in threading.enumerate() if t.name == "bxpull-sandbox"} <= threads


def test_no_thread_is_left() -> None:
    """Ten sandboxes leave as many threads as before."""
    before = threading.active_count()
    for _ in range(10):
        with visiting(demo=True) as visitor:
            visitor.channel()
    assert threading.active_count() <= before  # an earlier test may end one meanwhile


def test_nothing_is_printed_or_logged(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Accepted and refused requests and the end are silent."""
    caplog.set_level(logging.DEBUG)
    with visiting(poll_hold=0.01) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel) as websocket:
            visitor.sandbox.publish("c")
            websocket.recv(5)
            for bad in ("abc", channel + "0"):
                with pytest.raises(Exception, match="400"), visitor.listen(bad):
                    pass
            visitor.poll(channel)
            visitor.poll("abc")
            visitor.http.get("/nowhere")
            leave_in_the_middle(visitor.sandbox)
    assert capfd.readouterr() == ("", "")
    ours = [record for record in caplog.records if record.name.startswith(("uvicorn", "bxpull"))]
    assert [record.getMessage() for record in ours] == []


def leave_in_the_middle(sandbox: Sandbox) -> None:
    """Disconnect in the middle of a request, as when a process is killed."""
    host, port = urlsplit(sandbox.url).hostname, urlsplit(sandbox.url).port
    with socket.create_connection((host, port)) as line:
        line.sendall(b"POST /rest/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        line.shutdown(socket.SHUT_WR)
        line.settimeout(5)
        while line.recv(1000):  # until the server has closed it too
            pass


def test_an_interpreter_ends_quickly_and_silently_with_a_running_sandbox() -> None:
    """There are demo traffic, a WebSocket and a held poll, and no call of `stop`."""
    program = """
import threading, time
from tests.support.visitor import Visitor
from tests.support.waiting import eventually
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.sandbox.settings import Settings
visitor = Visitor(Sandbox(demo=True, rate=500).start())
shared, private = visitor.channel("shared"), visitor.channel("private")
websocket = visitor.listen_and_never_read(shared)

def poll():
    while True:
        other.poll(private)

other = Visitor(visitor.sandbox)
threading.Thread(target=poll, daemon=True).start()
eventually(lambda: visitor.is_online(private))
print(time.time(), flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    ended = time.time()
    assert (done.returncode, done.stderr) == (0, "")
    assert ended - float(done.stdout) < 1


def test_demo_traffic_flows_in_the_order_of_its_seed() -> None:
    """It begins with the first event, each on its channel."""
    with visiting(demo=True, rate=300, seed=5) as visitor:
        both = f"{visitor.channel('private')}/{visitor.channel('shared')}"
        with visitor.listen(both, mid="0" * 26) as websocket:
            got = events(websocket.recv(5))
            while len(got) < 50:
                got += events(websocket.recv(5))
    expected = list(islice(demo_events(5), len(got)))
    assert [(e.module_id, e.command, e.params) for e in got] == [event[:3] for event in expected]
    assert [int(event.mid[10:]) for event in got] == list(range(1, len(got) + 1))


def test_demo_traffic_of_an_application_without_private_channel_is_all_shared() -> None:
    """Private events go to the shared channel."""
    with (
        visiting(demo=True, rate=1000, private=False) as visitor,
        visitor.listen(visitor.channel(), mid="0" * 26) as websocket,
    ):
        got = events(websocket.recv(5))
        while len(got) < 100:
            got += events(websocket.recv(5))
    assert {event.module_id for event in got} >= {"main", "im", "crm"}
    assert [int(event.mid[10:]) for event in got] == list(range(1, len(got) + 1))


def test_a_flood_of_demo_traffic_does_not_shut_the_server() -> None:
    """It answers and stops, even when it is slower than the rate."""
    with visiting(demo=True, rate=1e6) as visitor:
        assert visitor.call("profile").status_code == 200
        start = time.monotonic()
    assert time.monotonic() - start < 2


def test_the_repr_is_short_and_hides_secrets() -> None:
    """Text and HTML hide secrets, running or stopped."""
    sandbox = Sandbox(demo=True)
    assert repr(sandbox) == (
        "Sandbox(at no address (stopped), edition current, push server version 3, demo 25 events/s)"
    )
    with sandbox:
        shared = Visitor(sandbox)
        with shared.http:
            channel = shared.channel()
        for shown in (repr(sandbox), sandbox._repr_html_()):
            assert sandbox.url in shown
            assert len(shown) < 1000
            for secret in (sandbox.token, sandbox.webhook.split("/")[-2], channel[:32]):
                assert secret not in shown


VECTORS = {
    3: "0123456789abcdef0123456789abcdef.32aff7f6a7de6efda5d67fa35afb517ba9de6062",
    4: "0123456789abcdef0123456789abcdef:fedcba9876543210fedcba9876543210"
    ".8e7a387af7609c9f4ce1446ef46267669f3debe0",
}


@pytest.mark.parametrize("key", ["bxpull-test-key", b"bxpull-test-key"])
@pytest.mark.parametrize("version", VECTORS)
def test_the_protocols_vectors_are_accepted_with_their_key(version: int, key: str | bytes) -> None:
    """A running sandbox takes the signed ids with that key, and no others."""
    good = VECTORS[version]
    with visiting(server_version=version, signature_key=key, poll_hold=0.02) as visitor:
        assert visitor.poll(good).status_code == 304
        assert visitor.poll(f"{good[:-1]}1").status_code == 400
        with visitor.listen(good) as websocket:
            visitor.http.post("/pub/", params={"CHANNEL_ID": good[:32]}, content=b'{"command":"c"}')
            assert '"command":"c"' in str(websocket.recv(5))
    with visiting(server_version=version, poll_hold=0.02) as other:
        assert other.poll(good).status_code == 400


def test_the_same_key_gives_the_same_ids() -> None:
    """They stay valid after a restart; each owner and type has others, and so has another key."""

    def ids(key: str | None) -> list[str]:
        with visiting(server_version=4, signature_key=key) as visitor:
            webhook = f"{visitor.sandbox.webhook}pull.config.get"
            answers = [visitor.config(), visitor.http.post(webhook).json()["result"]]
            old = [c["id"] for answer in answers for c in answer["channels"].values()]
            visitor.sandbox.expire_channel("private")
            return [*old, visitor.channel("private")]

    first = ids("one")
    assert ids("one") == first
    found = [*first, *ids("another"), *ids(None), *ids(None)]
    assert len({name[:32] for name in found}) == len(found) == 20


def test_the_key_is_in_no_repr() -> None:
    """Neither of the sandbox nor of its settings, nor of an error."""
    secret = "a-key-that-nobody-sees"
    with Sandbox(signature_key=secret) as sandbox:
        for shown in (repr(sandbox), sandbox._repr_html_(), repr(Settings(signature_key=secret))):
            assert secret not in shown


def test_too_many_connections_are_refused() -> None:
    """Connections are accepted again when others end."""
    with Sandbox() as sandbox, ExitStack() as stack:
        port = urlsplit(sandbox.url).port or 0
        for _ in range(1000):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert httpx.get(f"{sandbox.url}/server-stat/", trust_env=False).status_code == 503
        stack.close()
        deadline = time.monotonic() + 10
        while httpx.get(f"{sandbox.url}/server-stat/", trust_env=False).status_code == 503:
            assert time.monotonic() < deadline
