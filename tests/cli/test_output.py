"""Output that fails: it never ends a capture, and never becomes a traceback."""

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bxpull_nb as bx
from bxpull_nb.cli.output import Output, whole_text
from bxpull_nb.cli.progress import ProgressLines
from tests.support.command import bxpull, posix, running
from tests.support.streams import failing_stream, run_in_turn, run_redirected, run_with

FAILURES = [errno.ENOSPC, errno.EPIPE, errno.EIO]
LISTEN: list[object] = ["listen", "--sandbox", "--rate", 300, "--count", 40, "--for", 60]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def text_stream(encoding: str = "utf-8") -> io.TextIOWrapper:
    """A stream in memory, as strict as the interpreter's stdout."""
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def written(stream: io.TextIOWrapper) -> str:
    """What the stream holds."""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.mark.parametrize("number", FAILURES)
def test_a_failing_stderr_costs_no_event(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on stdout nor in a CSV file, and no exit code."""
    stdout = text_stream()
    streams = {"stdout": stdout, "stderr": failing_stream(number)}
    assert run_with(monkeypatch, LISTEN, **streams) == 0
    assert len(list(map(json.loads, written(stdout).splitlines()))) == 40
    streams = {"stdout": text_stream(), "stderr": failing_stream(number)}
    assert run_with(monkeypatch, [*LISTEN, "--csv", "e.csv"], **streams) == 0
    assert len(bx.read_events("e.csv")) == 40


@pytest.mark.parametrize("number", FAILURES)
@pytest.mark.parametrize("log", [["--log-json"], []])
def test_failing_streams_cost_a_dataset_nothing(
    number: int, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is output too, and its exit code is the dataset's."""
    streams = {"stdout": failing_stream(number), "stderr": failing_stream(number)}
    args = [*LISTEN, "--dataset", "ds", "--journal", "j", *log]
    assert run_with(monkeypatch, args, **streams) == 0
    assert len(bx.read_events("ds")) >= 40


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_stdout_is_noted_once_while_the_journal_goes_on(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code shows that the result is incomplete; the journal is complete."""
    stderr = text_stream()
    streams = {"stdout": failing_stream(number), "stderr": stderr}
    assert run_with(monkeypatch, [*LISTEN, "--journal", "j"], **streams) == 1
    words = f"bxpull: stdout takes nothing ({errno.errorcode[number]})."
    assert written(stderr).count(words) == 1
    assert len(bx.read_events("j")) >= 40


def test_a_full_stdout_without_a_journal_ends_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The events would be nowhere."""
    stderr = text_stream()
    args: list[object] = ["listen", "--sandbox", "--rate", 300, "--for", 60]
    streams = {"stdout": failing_stream(errno.ENOSPC), "stderr": stderr}
    assert run_with(monkeypatch, args, **streams) == 1
    assert "stdout takes nothing (ENOSPC)" in written(stderr)


@pytest.mark.parametrize("args", [["config", "--sandbox"], ["--help"], ["--version"]])
def test_a_short_result_on_a_failing_stdout(
    args: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is one line and exit code 1; a reader that left is no failure."""
    stderr = text_stream()
    streams = {"stdout": failing_stream(errno.ENOSPC), "stderr": stderr}
    assert run_with(monkeypatch, args, **streams) == 1
    assert written(stderr).startswith("bxpull: ")
    assert written(stderr).count("\n") == 1
    streams = {"stdout": failing_stream(errno.EPIPE), "stderr": stderr}
    assert run_with(monkeypatch, args, **streams) == 0
    assert written(stderr).count("\n") == 1


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_a_capture_nothing(closed: str, tmp_path: Path) -> None:
    """A journal must not get their descriptors, and with them what is meant for stderr."""
    args = [*LISTEN, "--journal", tmp_path / "j", "--dataset", tmp_path / "ds", "--log-json"]
    assert run_redirected(args, closed).returncode == 0
    assert len(bx.read_events(tmp_path / "ds")) >= 40
    done = run_redirected([*LISTEN, "--csv", tmp_path / "e.csv"], closed)
    assert done.returncode == 0
    assert len(bx.read_events(tmp_path / "e.csv")) == 40


@posix
def test_descriptors_of_closed_streams_are_occupied(tmp_path: Path) -> None:
    """The first file that the program opens does not become stdout."""
    script = (
        "import os; from bxpull_nb.cli.output import Output; Output().open(); "
        f"file = open({str(tmp_path / 'n')!r}, 'w'); file.write(str(file.fileno()))"
    )
    os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f'exec "{sys.executable}" -c "{script}" <&- >&- 2>&-')
    assert int((tmp_path / "n").read_text()) > 2


@posix
def test_a_closed_stdout_is_a_result_that_was_not_delivered(tmp_path: Path) -> None:
    """Exit code 1, and the reason; the journal has the events."""
    done = run_redirected([*LISTEN, "--journal", tmp_path / "j"], ">&-")
    assert done.returncode == 1
    assert done.stderr.decode().count("bxpull: stdout takes nothing (it is closed).") == 1
    assert len(bx.read_events(tmp_path / "j")) >= 40


@posix
def test_the_reader_of_a_pipe_ends_a_listening_command() -> None:
    """Also one with a journal, as the user of `| head` expects; the journal keeps what came."""
    args = ["listen", "--sandbox", "--rate", 300, "--for", 60, "--journal", "j"]
    with running(*args) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()
    assert len(bx.read_events("j")) >= 1


@posix
@pytest.mark.parametrize(
    "locale",
    [
        {"PYTHONIOENCODING": "cp866"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
def test_an_encoding_without_our_characters(locale: dict[str, str], tmp_path: Path) -> None:
    """Text gets a `?` for each of them; JSON lines are UTF-8 everywhere."""
    where = tmp_path / "журнал ☃"
    listened, logged, refused, diagnosed = run_in_turn(
        [*LISTEN, "--journal", where],
        [*LISTEN, "--journal", where, "--dataset", tmp_path / "ds", "--log-json"],
        ["config", "--url", "http://127.0.0.1:1", "--token", "☃"],
        ["doctor", "--sandbox"],
        **locale,
    )
    assert b"Traceback" not in listened.stderr
    assert listened.returncode == logged.returncode == diagnosed.returncode == 0
    assert refused.returncode == 2
    assert len([json.loads(line) for line in listened.stdout.decode("utf-8").splitlines()]) == 40
    first = json.loads(logged.stdout.decode("utf-8").splitlines()[0])
    assert first["journal"] == str(where)
    assert b"? ok         portal answers" in diagnosed.stdout


def test_text_goes_to_a_strict_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a `?`, on stdout and on stderr."""
    streams = {"stdout": text_stream("cp866"), "stderr": text_stream("cp866")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    output = Output()
    output.open()
    assert output.result("Сделка ✓ \udcff")
    output.note("Сделка ✓")
    assert written(streams["stdout"]) == "Сделка ? ?\n"
    assert written(streams["stderr"]) == "Сделка ?\n"


@pytest.mark.parametrize(
    ("text", "whole"),
    [("журнал", "журнал"), ("\udcd0\udcb6", "ж"), ("a\udcff", "a�"), ("\ud800", "?")],
)
def test_a_path_in_a_log_is_utf_8(text: str, whole: str) -> None:
    """Whatever the locale made of its bytes."""
    assert whole_text(text) == whole


def test_a_full_log_goes_on_when_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result does not: it would have a hole."""
    stdout = text_stream()
    monkeypatch.setattr(sys, "stdout", failing_stream(errno.ENOSPC))
    monkeypatch.setattr(sys, "stderr", text_stream())
    output = Output()
    output.log(b"1")
    assert not output.failed
    assert not output.result(b"2")
    monkeypatch.setattr(sys, "stdout", stdout)
    output.log(b"3")
    assert not output.result(b"4")
    assert (written(stdout), output.failed) == ("3\n", True)


def test_progress_in_a_file_is_lines() -> None:
    """One at the start and one at the end of a short capture, without a carriage return."""
    result = bxpull(*LISTEN)
    lines = result.stderr.splitlines()
    assert [line.partition("Z ")[2] for line in lines] == [
        "0/40 events · connected · websocket",
        "40/40 events · connected · websocket",
    ]
    assert "\r" not in result.stderr


def test_progress_lines_are_one_a_minute() -> None:
    """However often they are shown, and the last state is there at the end."""
    now, lines = [0.0], list[str]()
    progress = ProgressLines(lines.append, None, monotonic=lambda: now[0])
    for second in range(300):
        now[0] = second
        progress.show(second * 1000, "connected")
    progress.close()
    progress.close()
    counts = [0, 60_000, 120_000, 180_000, 240_000, 299_000]
    assert lines == [f"{count:,} events · connected" for count in counts]


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A terminal of 100 columns: the end that shows, and the program's stream."""
    import termios

    screen, program = os.openpty()
    termios.tcsetwinsize(program, (24, 100))
    with os.fdopen(program, "w", encoding="utf-8") as stream:
        yield screen, stream
    with contextlib.suppress(OSError):
        os.close(screen)


@posix
def test_a_terminal_has_a_bar(
    terminal: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Painted over in its place."""
    screen, stderr = terminal
    stdout = text_stream()
    assert run_with(monkeypatch, LISTEN, stdout=stdout, stderr=stderr) == 0
    print("ended", file=stderr, flush=True)
    seen = b""
    while b"ended" not in seen:  # the system passes on a part at a time
        seen += os.read(screen, 100_000)
    assert b"40/40" in seen
    assert seen.count(b"\r") > seen.count(b"\n")
    assert len(written(stdout).splitlines()) == 40


@posix
def test_a_terminal_that_is_gone_costs_no_event(
    terminal: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write to it fails then."""
    screen, stderr = terminal
    os.close(screen)
    stdout = text_stream()
    assert run_with(monkeypatch, LISTEN, stdout=stdout, stderr=stderr) == 0
    assert len(written(stdout).splitlines()) == 40
