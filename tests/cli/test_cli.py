"""The command: what it prints where, and how it ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import psutil
import pytest

import bxpull_nb as bx
from bxpull_nb.cli import lab, main, tail
from bxpull_nb.models import CHANNEL_TYPES, Arrival, Event
from bxpull_nb.models.choices import TRANSPORTS
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from tests.support.command import (
    assert_fails,
    bxpull,
    environment,
    posix,
    read_until,
    running,
)
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bxpull listen` keeps a journal in the working directory."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


def test_the_version() -> None:
    """One line for scripts and bug reports."""
    result = bxpull("--version")
    assert (result.stdout, result.exit_code) == (f"bxpull {bx.__version__}\n", 0)


def test_alone_it_lists_its_commands() -> None:
    """Like --help: nothing was typed wrong."""
    result = bxpull()
    assert result.exit_code == 0
    assert result.stdout == bxpull("--help").stdout
    for command in ("compact", "config", "doctor", "lab", "listen", "sandbox"):
        assert f"  {command} " in result.stdout


@pytest.mark.parametrize("command", ["config", "doctor", "listen"])
def test_the_help_warns_of_secrets_on_the_command_line(command: str) -> None:
    """Other users see them, and the environment is the way out."""
    output = " ".join(bxpull(command, "--help").stdout.split())
    for secret in ("BXPULL_TOKEN", "BXPULL_WEBHOOK"):
        assert f"can read it from the process list: better set {secret}" in output


def test_help_loads_nothing_heavy() -> None:
    """Whoever asks for help does not wait for pandas."""
    heavy = ["pandas", "pyarrow", "httpx", "websockets", "starlette", "msgspec", "tqdm"]
    code = f"import sys, bxpull_nb.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_choices_are_those_of_the_package() -> None:
    """They are written down twice, so that help need not load the package."""
    choices = {
        option.name: option.type.choices
        for option in main.commands["listen"].params
        if isinstance(option.type, click.Choice)
    }
    assert choices == {"channels": (*CHANNEL_TYPES, "both"), "transport": TRANSPORTS}


def test_jupyter_finds_it() -> None:
    """`jupyter bxpull` is the same command."""
    scripts = str(Path(sys.executable).parent)
    if not (shutil.which("jupyter-bxpull", path=scripts) and shutil.which("jupyter", path=scripts)):
        pytest.skip("bxpull-nb is not installed in this environment, so it has no scripts")
    done = subprocess.run(
        [Path(scripts) / "jupyter", "bxpull", "--version"],
        env={**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"bxpull {bx.__version__}\n"


WRONG: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    "command": (["lsten"], {}, ["'lsten'", "'listen'"]),
    "option": (["listen", "--nope"], {}, ["'--nope'"]),
    "channel": (
        ["listen", "--sandbox", "--channels", "public"],
        {},
        ["'public'", "'shared', 'private', 'both'"],
    ),
    "transport": (
        ["listen", "--sandbox", "--transport", "carrier-pigeon"],
        {},
        ["'carrier-pigeon'", "'auto', 'websocket', 'polling'"],
    ),
    "count": (["listen", "--sandbox", "--count", "0"], {}, ["--count", "0"]),
    "seconds": (["listen", "--sandbox", "--for", "-1"], {}, ["--for"]),
    "rate": (["listen", "--sandbox", "--rate", "0"], {}, ["--rate"]),
    "rate of a real portal": (["listen", "--rate", "5"], {}, ["--rate", "--sandbox"]),
    "csv is a folder": (["listen", "--sandbox", "--csv", "."], {}, ["--csv", "directory"]),
    "no portal": (["listen"], {}, ["--url", "--sandbox", "BXPULL_WEBHOOK"]),
    "no portal to ask": (["config"], {}, ["--url", "--sandbox", "BXPULL_WEBHOOK"]),
    "no token": (["config", "--url", "http://127.0.0.1:9"], {}, ["BXPULL_TOKEN", "--token"]),
    "no token in the environment": (["config"], {"BXPULL_URL": "http://a.example"}, ["--token"]),
    "url and webhook": (
        ["listen", "--url", "http://a.example", "--token", "t", "--webhook", "http://b.example"],
        {},
        ["--webhook", "--url"],
    ),
    "sandbox and url": (["listen", "--sandbox", "--url", "http://a.example"], {}, ["--sandbox"]),
    "webhook": (["config", "--webhook", "http://a.example/"], {}, ["webhook's address"]),
    "port": (["sandbox", "--port", "70000"], {}, ["--port"]),
    "lab in a file": (["lab", __file__], {}, ["is a file"]),
    "lab for half a portal": (["lab"], {"BXPULL_URL": "http://a.example"}, ["token is missing"]),
}


@pytest.mark.parametrize(("args", "env", "words"), WRONG.values(), ids=WRONG)
def test_what_was_typed_wrong_is_one_line(
    args: list[str], env: dict[str, str], words: list[str]
) -> None:
    """It names the culprit and the choices, and the exit code is 2."""
    assert_fails(bxpull(*args, **env), 2, *words)


@pytest.fixture
def known(sandbox: Sandbox) -> dict[str, str]:
    """The environment that leads to the sandbox."""
    return {"BXPULL_URL": sandbox.url, "BXPULL_TOKEN": sandbox.token}


def test_config_as_json_is_masked(portal: Portal, known: dict[str, str]) -> None:
    """Everything a program needs, except the secrets."""
    result = bxpull("config", "--json", **known)
    assert (result.stderr, result.exit_code) == ("", 0)
    config = json.loads(result.stdout)
    assert config["server"]["version"] == 3
    assert config["server"]["websocket"].startswith("ws://127.0.0.1:")
    assert [channel["type"] for channel in config["channels"]] == ["shared", "private"]
    for channel in config["channels"]:
        assert re.fullmatch(r"[0-9a-f]{4}…[0-9a-f]{3}", channel["id"])
        assert 43_000 < channel["expires_in"] <= 43_205
        assert channel["active"] is True
    for channel in portal.fetch_config().channels.values():
        assert channel.id not in result.stdout


def test_config_reveals_only_when_asked_to(portal: Portal, known: dict[str, str]) -> None:
    """Then in full, so that it can be used."""
    config = json.loads(bxpull("config", "--json", "--reveal", **known).stdout)
    ids = [channel.id for channel in portal.fetch_config().channels.values()]
    assert [channel["id"] for channel in config["channels"]] == ids
    shown = bxpull("config", "--reveal", **known).stdout
    assert all(secret in shown for secret in ids)


def test_config_for_people() -> None:
    """The server a field a line, the channels as a table."""
    lines = bxpull("config", "--sandbox").stdout.splitlines()
    assert lines[0] == "server"
    assert "  version              3" in lines
    table = lines[lines.index("channels") + 1 :]
    assert table[0].split() == [
        "type",
        "id",
        "public_id",
        "start",
        "end",
        "expires_in",
        "active",
    ]
    assert re.fullmatch(r"  shared +\w{4}…\w{3} .* UTC  1\d:\d\d:\d\d +yes", table[1])
    assert [line.split()[0] for line in table] == ["type", "shared", "private"]


def test_config_passes_cache_and_reopen(
    known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Y by default."""
    asked: list[Mapping[str, bool]] = []
    fetch = Portal.fetch_config

    def noting(self: Portal, **parameters: bool) -> Any:
        asked.append(parameters)
        return fetch(self, **parameters)

    monkeypatch.setattr(Portal, "fetch_config", noting)
    for options in ([], ["--no-cache"], ["--no-reopen"]):
        assert bxpull("config", *options, **known).exit_code == 0
    assert asked == [
        {"cache": True, "reopen": True},
        {"cache": False, "reopen": True},
        {"cache": True, "reopen": False},
    ]


def test_the_token_may_come_by_the_environment_alone(sandbox: Sandbox) -> None:
    """So that no secret has to be on the command line; what is there comes first."""
    assert bxpull("config", "--url", sandbox.url, BXPULL_TOKEN=sandbox.token).exit_code == 0
    right = {"BXPULL_URL": "http://a.example", "BXPULL_TOKEN": "x" * 20}
    named = ["--url", sandbox.url, "--token", sandbox.token]
    assert bxpull("config", *named, **right).exit_code == 0
    assert bxpull("config", "--sandbox", **right).exit_code == 0


def test_an_application_of_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It renews its token automatically; but a token on the command line is used as it is."""
    asked: list[dict[str, Any]] = []
    connect = bx.connect

    def noting(url: str, **how: Any) -> Portal:
        asked.append(how)
        return connect(url, token=sandbox.token)

    monkeypatch.setattr("bxpull_nb.api.connect", noting)
    client = {"client_id": "app.1", "client_secret": "s" * 30}
    env = {f"BXPULL_{name.upper()}": value for name, value in client.items()}
    assert bxpull("config", "--url", sandbox.url, **env).exit_code == 0
    assert bxpull("config", **env, BXPULL_URL=sandbox.url).exit_code == 0
    assert bxpull("config", "--url", sandbox.url, "--token", "t", **env).exit_code == 0
    assert asked == [{"token": None, **client}, {"token": None, **client}, {"token": "t"}]


def test_a_webhook_where_the_portal_takes_one() -> None:
    """By option, by the environment, or as the url that it is."""
    with Sandbox(edition="seed") as sandbox:
        for args, env in (
            (["--webhook", sandbox.webhook], {}),
            (["--url", sandbox.webhook], {}),
            ([], {"BXPULL_WEBHOOK": sandbox.webhook}),
        ):
            assert bxpull("config", *args, **env).exit_code == 0


def test_what_the_portal_refuses_is_one_line(sandbox: Sandbox) -> None:
    """With what to do about it, without the secret, and with exit code 1."""
    secret = "a-token-that-was-not-issued"
    for command in ("config", "listen"):
        result = bxpull(command, "--url", sandbox.url, "--token", secret)
        assert_fails(result, 1, "pull.application.config.get", "invalid_token", "connect again")
        assert secret not in result.output
    sandbox.configured = False
    known = {"BXPULL_URL": sandbox.url, "BXPULL_TOKEN": sandbox.token}
    assert_fails(bxpull("config", **known), 1, "SERVER_ERROR", "administrator")


def test_a_portal_that_does_not_answer_is_one_line() -> None:
    """A stopped one, here."""
    with Sandbox() as stopped:
        source = ["--url", stopped.url, "--token", stopped.token]
    assert_fails(bxpull("config", *source), 1, "did not answer")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_five_hundred_events_in_a_file(transport: str, tmp_path: Path) -> None:
    """Exactly as many as were asked for, none twice."""
    path = tmp_path / "e.csv"
    args = ["--count", 500, "--rate", 400, "--transport", transport, "--csv", path, "--for", 60]
    result = bxpull("listen", "--sandbox", *args)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "500/500" in result.stderr
    assert f"connected · {transport}" in result.stderr
    assert result.stderr.endswith(f"wrote 500 events to {path}\n")
    events = bx.read_events(path)
    assert len(events) == events["mid"].nunique() == 500
    assert set(events["transport"]) == {transport}
    assert set(events["channel"]) == {"shared", "private"}


def test_json_lines_for_other_programs() -> None:
    """One object a line on stdout, the bar on stderr."""
    result = bxpull("listen", "--sandbox", "--count", 40, "--channels", "private", "--for", 60)
    assert result.exit_code == 0
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(events) == 40
    for event in events:
        assert list(event) == ["received_at", "channel", "module_id", "command", "params"]
        assert event["channel"] == "private"
        assert isinstance(event["params"], dict)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["received_at"])
    assert [event["received_at"] for event in events] == sorted(e["received_at"] for e in events)


def test_a_json_line_stays_one_line() -> None:
    """Params as they came, white space in them flattened; what is missing is null."""
    params = '{"a":\n "Привет\\n"}'.encode()
    log = bx.EventLog()
    log.extend([Event("1", None, None, params, arrival=Arrival(received_us=5_000_000))] * 2)
    line = (
        b'{"received_at":"1970-01-01T00:00:05.000000Z","channel":null,"module_id":null,'
        b'"command":null,"params":{"a":  "' + "Привет".encode() + b'\\n"}}\n'
    )
    assert tail.json_lines(log.df) == line * 2


def test_a_json_line_shows_no_secret() -> None:
    """The ids of channels in service messages are masked; an application's events stay whole."""
    secret = "0123456789abcdef0123456789abcdef:5a7e1c0f3b"
    params = json.dumps({"channel": {"id": secret}, "n": 1}).encode()
    log = bx.EventLog()
    log.extend([Event("1", "pull", "channel_expire", params), Event("2", "my", "c", params)])
    service, mine = map(json.loads, tail.json_lines(log.df).splitlines())
    assert secret not in str(service)
    assert service["params"]["n"] == 1
    assert mine["params"]["channel"]["id"] == secret


def test_it_ends_after_some_seconds() -> None:
    """However quiet the portal is."""
    begun = time.monotonic()
    with Sandbox() as quiet:
        result = bxpull("listen", "--url", quiet.url, "--token", quiet.token, "--for", 0.3)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert 0.3 < time.monotonic() - begun < 20


@posix
def test_ctrl_c_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the normal end of a capture without a count."""
    state = tail._state

    def interrupting(feed: bx.Feed) -> str:
        if len(feed) >= 5:
            signal.raise_signal(signal.SIGINT)
        return state(feed)

    monkeypatch.setattr(tail, "_state", interrupting)
    result = bxpull("listen", "--sandbox", "--for", 60, "--csv", tmp_path / "e.csv")
    assert result.exit_code == 0
    assert len(bx.read_events(tmp_path / "e.csv")) >= 5


@posix
def test_the_second_ctrl_c_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses it again does not want the file."""

    def interrupted(*_: object) -> str:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("unreachable")

    monkeypatch.setattr(tail, "_state", interrupted)
    monkeypatch.setattr("bxpull_nb.cli.commands._save", interrupted)
    result = bxpull("listen", "--sandbox", "--for", 60, "--csv", tmp_path / "e.csv")
    assert result.exit_code == 130
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_what_was_captured_is_kept_when_the_portal_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token has died when the channels end: an error, but the events are in the file."""
    ahead = [0.0]
    state = tail._state

    def ageing(feed: bx.Feed) -> str:
        ahead[0] = 3600.0 if len(feed) > 10 else 0.0
        return state(feed)

    monkeypatch.setattr(tail, "_state", ageing)
    life: dict[str, Any] = {
        "channel_ttl": 1.0,
        "token_ttl": 60.0,
        "now": lambda: time.time() + ahead[0],
    }
    with Sandbox(demo=True, rate=200, **life) as sandbox:
        source = ["--url", sandbox.url, "--token", sandbox.token]
        result = bxpull("listen", *source, "--for", 60, "--csv", tmp_path / "e.csv")
    assert result.exit_code == 1
    assert "bxpull: pull.application.config.get: the portal answered expired_token" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(bx.read_events(tmp_path / "e.csv")) > 10


def test_a_file_that_cannot_be_written_is_an_error_before_listening() -> None:
    """Not after an hour of capture."""
    result = bxpull("listen", "--sandbox", "--csv", "/no/such/folder/e.csv")
    assert_fails(result, 1, "/no/such/folder", "no such folder")


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The export's own error, without a traceback."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "e.csv")

    monkeypatch.setattr("bxpull_nb.storage.export.to_csv", full)
    result = bxpull("listen", "--sandbox", "--count", 1, "--for", 60, "--csv", tmp_path / "e.csv")
    assert result.exit_code == 1
    assert result.stderr.endswith("bxpull: e.csv: No space left on device\n")


@posix
def test_a_closed_pipe_ends_it_quietly() -> None:
    """As `| head -1` does."""
    with running("listen", "--sandbox", "--rate", 400, "--for", 60) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["command"]
        process.stdout.close()
        assert process.wait(20) == 0
        output = process.stderr.read()
    assert "Broken" not in output
    assert "Traceback" not in output


@posix
def test_the_sandbox_prints_how_to_connect(tmp_path: Path) -> None:
    """The printed line works, and Ctrl-C ends it."""
    with running("sandbox", "--no-demo") as process:
        output = read_until(process, "terminal")
        url, token = re.findall(r'bx\.connect\("(.+)", token="(.+)"\)', output)[0]
        with bx.connect(url, token=token) as portal:
            assert set(portal.fetch_config().channels) == {"shared", "private"}
        assert re.search(rf"^webhook +{url}/rest/1/\w+/$", output, re.M)
        assert "no demo traffic" in output
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


class Started:
    """Stands for JupyterLab: what the command asked of it."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.port, self.url = 8888, "http://127.0.0.1:8888/lab?token=t"

    @contextmanager
    def __call__(self, folder: Path, **asked: Any) -> Iterator["Started"]:
        """In place of `running_lab`."""
        self.asked = {"folder": folder, **asked}
        yield self

    def wait(self) -> None:
        """It was shut down from its own page."""


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> Started:
    """No JupyterLab, but what the command would have started."""
    started = Started()
    monkeypatch.setattr(lab, "running_lab", started)
    return started


def test_lab_gives_its_kernels_the_sandbox(jupyter: Started, tmp_path: Path) -> None:
    """By the environment, over whatever half of a portal is there."""
    result = bxpull("lab", tmp_path, "--no-browser", "--port", 8888, BXPULL_TOKEN="left over")
    assert result.exit_code == 0
    url = re.findall(r"a sandbox at (\S+) with demo traffic, 25 events/s", result.stdout)[0]
    given = jupyter.asked.pop("environment")
    assert (given["BXPULL_URL"], given["BXPULL_WEBHOOK"]) == (url, "")
    assert len(given["BXPULL_TOKEN"]) > 30
    assert jupyter.asked == {"folder": tmp_path, "port": 8888, "browser": False}


def test_lab_leaves_the_users_own_portal(jupyter: Started, tmp_path: Path) -> None:
    """Named in the environment: no sandbox is started, and the text names it."""
    own = {"BXPULL_URL": "https://acme.bitrix24.com", "BXPULL_TOKEN": "x" * 40}
    result = bxpull("lab", tmp_path, "--no-browser", **own)
    assert jupyter.asked["environment"] == {}
    assert "https://acme.bitrix24.com, from your environment; no sandbox" in result.stdout
    assert "x" * 40 not in result.output


def test_lab_on_a_port_that_is_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    """Told before anything is started."""
    result = bxpull("lab", tmp_path, "--port", sandbox.url.rpartition(":")[2])
    assert result.exit_code == 2
    assert "is taken" in result.stderr.splitlines()[-1]


def test_a_jupyter_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words, and no traceback of ours."""
    broken = [sys.executable, "-c", "import sys; sys.exit('no module named jupyterlab')"]
    monkeypatch.setattr(lab, "_command", lambda *_: broken)
    result = bxpull("lab", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "bxpull: JupyterLab did not start: no module named jupyterlab"
    ]


@pytest.mark.slow
@posix
def test_lab_from_its_start_to_ctrl_c(tmp_path: Path) -> None:
    """An address that answers, tutorials that are copied, kernels that know the sandbox."""
    edited = tmp_path / "01_listen_live.ipynb"
    edited.write_text("my own work")
    with running("lab", tmp_path, "--no-browser") as process:
        output = read_until(process, "Ctrl-C")
        url = re.findall(r"http://127\.0\.0\.1:\d+/lab\S+", output)[0]
        assert "copied 00_start_here.ipynb, 02_connection_config.ipynb, 03_explore" in output
        assert "kept 01_listen_live.ipynb" in output
        assert edited.read_text() == "my own work"
        answer = httpx.get(url, trust_env=False)
        assert (answer.status_code, "announcements" in answer.text) == (200, True)
        kernel = start_kernel(url)
        sandbox = re.findall(r"a sandbox at (\S+) ", output)[0]
        assert kernel.environ()["BXPULL_URL"] == sandbox
        with bx.connect(sandbox, token=kernel.environ()["BXPULL_TOKEN"]) as portal:
            assert set(portal.fetch_config().channels) == {"shared", "private"}
        family = psutil.Process(process.pid).children(recursive=True)
        assert kernel in family
        token = url.rpartition("=")[2]
        assert not [one for one in family if token in command_line(one)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []


def start_kernel(url: str) -> psutil.Process:
    """The process of a kernel that the server at the address has just started."""
    base, token = url.partition("/lab")[0], url.rpartition("=")[2]
    before = set(psutil.process_iter())
    answer = httpx.post(
        f"{base}/api/kernels",
        headers={"Authorization": f"token {token}"},
        json={"name": "python3"},
        timeout=30,
        trust_env=False,
    )
    kernel_id = answer.raise_for_status().json()["id"]

    def started() -> list[psutil.Process]:
        return [
            one for one in set(psutil.process_iter()) - before if kernel_id in command_line(one)
        ]

    eventually(started)
    return started()[0]


def command_line(process: psutil.Process) -> str:
    """What it was started with; nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_login_keeps_the_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is printed, the browser comes back, and the tokens are kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Sandbox() as box:
        command = [sys.executable, "-m", "bxpull_nb.cli", "login", "--no-browser", "--url", box.url]
        process = subprocess.Popen(
            [*command, "--client-id", box.client_id],
            env={**os.environ, "BXPULL_CLIENT_SECRET": box.client_secret},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        address = next(line.strip() for line in process.stdout if "/oauth/authorize/" in line)
        with urllib.request.urlopen(address, timeout=10) as page:
            assert page.status == 200
        output = process.stdout.read()
        process.stdout.close()
        assert process.wait(20) == 0
    assert output.strip() == f"signed in to {box_url(address)}; the tokens are kept"


def box_url(address: str) -> str:
    """Scheme and host of an address."""
    return "/".join(address.split("/")[:3])
