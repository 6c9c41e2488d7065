"""`%bxpull` in an IPython shell of the test's own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from traitlets.config import Config

from bxpull_nb.capture.feed import Feed
from bxpull_nb.diagnosis import Diagnosis
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.export import to_csv
from tests.support.rows import event, frame

VARIABLES = ("URL", "TOKEN", "WEBHOOK", "REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET")


@pytest.fixture(scope="module")
def one_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell that writes no history, and leaves this process's `__main__` alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        settings = Config({"HistoryManager": {"enabled": False}})
        yield InteractiveShell(  # type: ignore[no-untyped-call]
            config=settings, user_module=ModuleType("cell"), user_ns={}
        )


@pytest.fixture
def shell(
    one_shell: InteractiveShell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InteractiveShell]:
    """The shell with the extension, in an environment that names the sandbox."""
    for name in VARIABLES:
        monkeypatch.delenv(f"BXPULL_{name}", raising=False)
    monkeypatch.setenv("BXPULL_URL", sandbox.url)
    monkeypatch.setenv("BXPULL_TOKEN", sandbox.token)
    one_shell.run_line_magic("load_ext", "bxpull_nb")
    yield one_shell
    one_shell.run_line_magic("unload_ext", "bxpull_nb")
    one_shell.reset()  # type: ignore[no-untyped-call]


Captured = pytest.CaptureFixture[str]


def run_cell(shell: InteractiveShell, line: str) -> ExecutionResult:
    """The cell's result, or its error."""
    result: ExecutionResult = shell.run_cell(line)  # type: ignore[no-untyped-call]
    return result


def run(shell: InteractiveShell, line: str) -> object:
    """What the cell ends in; it must not fail."""
    result = run_cell(shell, line)
    assert result.error_in_exec is None
    return result.result


def assert_fails(shell: InteractiveShell, capsys: Captured, line: str, word: str) -> None:
    """The cell fails with one line that holds the word, and without a traceback."""
    capsys.readouterr()
    assert run_cell(shell, line).error_in_exec is not None
    printed = "".join(capsys.readouterr())
    assert word in printed
    assert "Traceback" not in printed
    assert printed.strip().count("\n") == 0


def test_alone_it_says_how(shell: InteractiveShell, capsys: Captured) -> None:
    """All it can, and where a token belongs."""
    run(shell, "%bxpull")
    printed = capsys.readouterr().out
    for word in ("start", "stop", "tail", "status", "doctor", "BXPULL_TOKEN"):
        assert word in printed


def test_start_listens_and_gives_portal_and_feed(
    shell: InteractiveShell, sandbox: Sandbox, capsys: Captured
) -> None:
    """One line, and two names."""
    run(shell, "%bxpull start")
    host = sandbox.url.removeprefix("http://")
    printed = capsys.readouterr().out
    assert printed == f"Feed({host}, shared+private, connected, 0 events), 0.0/s by websocket\n"
    portal, feed = shell.user_ns["portal"], shell.user_ns["feed"]
    assert isinstance(portal, Portal)
    assert isinstance(feed, Feed)
    sandbox.publish("hello")
    assert feed.wait(1, timeout=5)["command"].tolist() == ["hello"]


def test_starting_again_gives_the_same(shell: InteractiveShell) -> None:
    """With other channels too: it is switched."""
    run(shell, "%bxpull start")
    before = shell.user_ns["portal"], shell.user_ns["feed"]
    run(shell, "%bxpull start --channels private --transport polling")
    feed = shell.user_ns["feed"]
    assert (shell.user_ns["portal"], feed) == before
    assert (feed.channels, feed.transport) == (("private",), "polling")
    run(shell, "%bxpull start")
    assert feed.channels == ("private",)


def test_another_address_is_another_portal(shell: InteractiveShell) -> None:
    """The one before is closed, and the names follow."""
    run(shell, "%bxpull start")
    first = shell.user_ns["feed"]
    with Sandbox() as other:
        run(shell, f"%bxpull start --url {other.webhook}")
        assert shell.user_ns["portal"].url == other.url
        assert shell.user_ns["feed"] is not first
        assert not first.running
        run(shell, "%bxpull stop")


def test_an_address_takes_the_token_of_the_environment(
    shell: InteractiveShell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it need not be in the notebook."""
    monkeypatch.delenv("BXPULL_URL")
    run(shell, f"%bxpull start --url {sandbox.url}")
    assert shell.user_ns["feed"].state == "connected"


def test_your_own_names_stay_yours(shell: InteractiveShell, capsys: Captured) -> None:
    """And the line names them."""
    shell.user_ns["portal"] = "mine"
    run(shell, "%bxpull start")
    assert shell.user_ns["portal"] == "mine"
    assert isinstance(shell.user_ns["feed"], Feed)
    assert "; `portal` of your own stayed" in capsys.readouterr().out


def test_tail_gives_a_frame(shell: InteractiveShell, sandbox: Sandbox) -> None:
    """Of the newest events."""
    run(shell, "%bxpull start")
    for n in range(5):
        sandbox.publish("c", {"n": n})
    shell.user_ns["feed"].wait(5, timeout=5)
    frame = run(shell, "%bxpull tail 2")
    assert isinstance(frame, pd.DataFrame)
    assert frame["params"].tolist() == ['{"n":3}', '{"n":4}']


def test_status_and_stop(shell: InteractiveShell, capsys: Captured) -> None:
    """One line each; the events stay, and starting goes on."""
    run(shell, "%bxpull start")
    capsys.readouterr()
    run(shell, "%bxpull status")
    run(shell, "%bxpull stop")
    status, stopped = capsys.readouterr().out.splitlines()
    assert "connected, 0 events), 0.0/s by websocket" in status
    assert stopped.endswith("shared+private, stopped, 0 events)")
    run(shell, "%bxpull start")
    assert shell.user_ns["feed"].running


def test_the_doctor_comes_without_starting(shell: InteractiveShell) -> None:
    """And leaves no feed."""
    diagnosis = run(shell, "%bxpull doctor")
    assert isinstance(diagnosis, Diagnosis)
    assert diagnosis.ok
    assert "feed" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("%bxpull dance", "invalid choice"),
        ("%bxpull tail none", "'none' is not a number of events"),
        ("%bxpull tail 0", "'0' is not a number of events"),
        ("%bxpull start --channels public", "invalid choice"),
        ("%bxpull tail", "nothing was started here"),
        ("%bxpull status", "nothing was started here"),
        ("%bxpull start --url http://127.0.0.1:9", "did not answer"),
        ("%bxpull start --url nowhere://x", "is not a portal's address"),
    ],
)
def test_errors_are_one_line(
    shell: InteractiveShell, capsys: Captured, line: str, word: str
) -> None:
    """No traceback for what a person can mend."""
    assert_fails(shell, capsys, line, word)


def test_no_secret_is_told(
    shell: InteractiveShell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Not even of a webhook that is refused."""
    monkeypatch.delenv("BXPULL_TOKEN")
    secret = "0123456789abcdef0123"
    line = f"%bxpull start --url {sandbox.url}/rest/1/{secret}/"
    assert run_cell(shell, line).error_in_exec
    printed = "".join(capsys.readouterr())
    assert "INVALID_CREDENTIALS" in printed
    assert secret not in printed


def test_unloading_ends_it(shell: InteractiveShell, sandbox: Sandbox, capsys: Captured) -> None:
    """The feed stops with its events kept, and the magic is gone; loading again brings it back."""
    run(shell, "%bxpull start")
    feed = shell.user_ns["feed"]
    sandbox.publish("a")
    feed.wait(1, timeout=5)
    run(shell, "%unload_ext bxpull_nb")
    assert (feed.state, len(feed)) == ("stopped", 1)
    assert_fails(shell, capsys, "%bxpull", "not found")
    run(shell, "%load_ext bxpull_nb")
    run(shell, "%bxpull start")


def test_without_an_environment_it_is_a_sandbox(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With demo traffic."""
    monkeypatch.delenv("BXPULL_URL")
    monkeypatch.delenv("BXPULL_TOKEN")
    run(shell, "%bxpull start")
    assert shell.user_ns["portal"].name == "sandbox"
    assert len(shell.user_ns["feed"].wait(3, timeout=20)) == 3


def test_the_package_does_not_load_ipython() -> None:
    """Only the extension does."""
    code = "import sys, bxpull_nb as bx; bx.connect, bx.doctor; print('IPython' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_a_cell_of_sql_is_answered_from_the_feed(shell: InteractiveShell, sandbox: Sandbox) -> None:
    """That of %bxpull; the answer is shown, or becomes a variable."""
    run(shell, "%bxpull start")
    sandbox.publish("a", {"n": 1})
    sandbox.publish("b", {"n": 2})
    shell.user_ns["feed"].wait(2, timeout=5)
    query = "select command, params->>'$.n' as n\nfrom events order by 1"
    shown = run(shell, f"%%bxsql\n{query}")
    assert isinstance(shown, pd.DataFrame)
    assert shown.to_dict("list") == {"command": ["a", "b"], "n": ["1", "2"]}
    assert run(shell, f"%%bxsql -o answer\n{query}") is None
    pd.testing.assert_frame_equal(shell.user_ns["answer"], shown)
    assert "command" in str(run(shell, f"%%bxsql --explain\n{query}"))


def test_a_cell_of_sql_asks_a_variable_or_a_path(shell: InteractiveShell, tmp_path: Path) -> None:
    """A name of a variable first, then a path."""
    shell.user_ns["mine"] = frame(event(1), event(2))
    path = to_csv(frame(event(1)), tmp_path / "the events.csv")
    for source, count in (("mine", 2), (f'"{path}"', 1)):
        shown = run(shell, f"%%bxsql {source}\nselect count(*) as n from events")
        assert isinstance(shown, pd.DataFrame)
        assert shown["n"].tolist() == [count]
    shell.user_ns["feed"] = shell.user_ns["mine"]
    assert run(shell, "%%bxsql\nselect 1 as one") is not None


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%bxsql\nselect 1", "nothing was started here"),
        ("%%bxsql mine\nselect nope from events", "nope"),
        ("%%bxsql mine\nselect * from '/etc/passwd'", "passwd does not exist"),
        ("%%bxsql /nowhere.csv\nselect 1", "there is no file"),
        ("%%bxsql mine -o 1x\nselect 1", "is not a name of a variable"),
    ],
)
def test_a_mistake_in_a_cell_of_sql_is_one_line(
    shell: InteractiveShell, capsys: Captured, cell: str, message: str
) -> None:
    """Without a traceback."""
    shell.user_ns["mine"] = frame(event(1))
    assert_fails(shell, capsys, cell, message)
