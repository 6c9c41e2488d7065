"""`bxpull listen` as a collector: its log, its signals, its exit codes, its journal."""

import json
import logging
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.models import IS_LOG_ENTRY
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


@contextmanager
def collecting(folder: Path, dataset: str, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """A collector of a busy sandbox, as a process that has received something."""
    where = dataset if "://" in dataset else str(folder / dataset)
    how = ["--dataset", where, "--journal", folder / "j", "--log-json", "--rate", 300]
    with running("listen", "--sandbox", *how, **more) as process:
        journal = folder / "j" / "000001.bxj"
        eventually(lambda: journal.is_file() and journal.stat().st_size > 5000)
        assert process.stdout is not None
        assert any("collecting" in line for line in process.stdout)
        yield process


def log_lines(output: str) -> list[dict[str, Any]]:
    """The lines of `--log-json`."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_the_command_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the dataset, with a journal, and a log of JSON lines."""
    monkeypatch.chdir(tmp_path)
    with Sandbox(demo=True, rate=300) as box:
        source = ["--url", box.url, "--token", box.token]
        result = bxpull("listen", *source, "--dataset", "ds", "--count", 100, "--log-json")
    assert (result.exit_code, result.stderr) == (0, "")
    entries = log_lines(result.stdout)
    assert [one["event"] for one in entries][:1] == ["collecting"]
    assert entries[-1]["event"] == "ended"
    assert entries[-1]["written"] == len(bx.read_events("ds")) >= 100
    assert {"part", "status", "connected"} <= {one["event"] for one in entries}
    assert (tmp_path / entries[0]["journal"] / "000001.bxj").is_file()
    merged = bxpull("compact", "ds")
    assert merged.exit_code == 0
    assert merged.stdout == "nothing to merge: no day of a portal has two small parts\n"
    assert len(bx.read_events("ds")) == entries[-1]["written"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    """All that was received is in the dataset."""
    with collecting(tmp_path, "ds") as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    ended = log_lines(output)[-1]
    assert (ended["event"], ended["pending_bytes"]) == ("ended", 0)
    assert ended["written"] == len(bx.read_events(tmp_path / "ds")) > 0


@posix
def test_a_dataset_that_takes_nothing_leaves_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """The journal has all, and the message names the next step."""
    (tmp_path / "ds").write_text("in the way")
    with collecting(tmp_path, "ds") as process:
        process.send_signal(signal.SIGTERM)
        output, complained = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "run the same command again to send it" in complained
    assert log_lines(output)[-1]["pending_bytes"] > 0
    events = bx.read_events(tmp_path / "j")
    assert len(events) == log_lines(output)[-1]["events"] > 0


@posix
def test_a_full_journal_disk_has_its_exit_code_and_its_last_line(tmp_path: Path) -> None:
    """The next run reports them too, and gets them from the server."""
    limited = 'ulimit -f 24; exec "$0" -m bxpull_nb.cli "$@"'  # of 512 bytes
    # Coverage would need the disk, too.
    bare = {k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
    with Sandbox() as box:
        source = ["--url", box.url, "--token", box.token, "--journal", str(tmp_path / "j")]
        command = [*source, "--dataset", str(tmp_path / "ds"), "--log-json", "--count", "700"]
        process = subprocess.Popen(
            ["sh", "-c", limited, sys.executable, "listen", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=bare,
            text=True,
        )
        read_until(process, "collecting")
        for n in range(700):
            box.publish("numbered", {"n": n})
        output, complained = process.communicate(timeout=60)
        lost = log_lines(output)[-1]["lost_events"]
        assert process.returncode == 3
        assert 0 < lost < 700
        assert complained.splitlines()[-1].startswith(f"bxpull: {lost} events (")
        [text] = [one["text"] for one in log_lines(output) if one["event"] == "journal_lost"]
        assert text.startswith(f"{lost} events (")
        assert len(bx.read_events(tmp_path / "ds")) == 700 - lost
        again = bxpull("listen", *command[:-1], lost)
    assert again.exit_code == 0
    [text] = [one["text"] for one in log_lines(again.stdout) if one["event"] == "journal_lost"]
    assert f"the last run could not write {lost} events" in text
    assert len(bx.read_events(tmp_path / "ds")) == 700


@posix
def test_a_full_disk_under_a_journal_alone_is_reported_too(tmp_path: Path) -> None:
    """Without a dataset the journal is all that stays; the next run reports and recovers them."""
    limited = 'ulimit -f 8; exec "$0" -m bxpull_nb.cli "$@"'  # of 512 bytes
    bare = {k: v for k, v in environment().items() if not k.startswith("COVERAGE")}
    with Sandbox() as box:
        journal = str(tmp_path / "j")
        command = ["listen", "--url", box.url, "--token", box.token, "--journal", journal]
        process = subprocess.Popen(
            ["sh", "-c", limited, sys.executable, *command, "--count", "200"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=bare,
            text=True,
        )
        assert process.stderr is not None
        assert any("0/200 events" in line for line in process.stderr)  # it is connected
        for n in range(200):
            box.publish("numbered", {"n": n})
        output, complained = process.communicate(timeout=60)
        stored = len(bx.read_events(journal))
        assert (process.returncode, output.count("\n")) == (3, 200)
        assert 0 < stored < 200
        last = complained.splitlines()[-1]
        assert last.startswith(f"bxpull: {200 - stored} events (")
        again = bxpull(*command, "--count", 200 - stored)
    assert (again.exit_code, again.stdout.count("\n")) == (0, 200 - stored)
    assert f"the last run could not write {200 - stored} events" in again.stderr
    assert len(bx.read_events(journal)) == 200


@posix
def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Even if the bucket does not answer; the journal has all."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": url}
        with collecting(tmp_path, "s3://bucket/ds", **keys) as process:
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            assert any("Once more" in line for line in process.stderr)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            assert time.monotonic() - begun < 2
    assert process.returncode == 130
    assert len(bx.read_events(tmp_path / "j")) > 0


def test_a_log_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--log-json`, and without a terminal: a line for what happens, on stderr."""
    monkeypatch.chdir(tmp_path)
    result = bxpull("listen", "--sandbox", "--rate", 200, "--dataset", "ds", "--count", 20)
    assert (result.exit_code, result.stdout) == (0, "")
    lines = [line.split(" ", 2)[2] for line in result.stderr.splitlines()]
    assert lines[0].startswith("collecting portal sandbox, dataset ")
    assert "shared: connected" in lines
    assert re.fullmatch(r"ended events \d+, written \d+, parts \d+, pending_bytes 0", lines[-1])
    assert (tmp_path / "bxpull-journal" / "sandbox" / "dataset.json").is_file()


@pytest.mark.parametrize("log", ["--log-json", None])
def test_a_damaged_journal_is_reported(tmp_path: Path, log: str | None) -> None:
    """Once, in words or in JSON; the records after the damage are sent all the same."""
    how = ["--sandbox", "--rate", 200, "--journal", tmp_path / "j", "--count", 20]
    assert bxpull("listen", *how).exit_code == 0
    path = tmp_path / "j" / "000001.bxj"
    path.write_bytes(path.read_bytes() + b"torn")
    result = bxpull("listen", *how, "--dataset", tmp_path / "ds", *filter(None, [log]))
    assert result.exit_code == 0
    words = "the journal in j was damaged: 4 bytes of an unfinished record were cut off"
    if log is None:
        assert result.stderr.count(words) == 1
    else:
        texts = [one["text"] for one in log_lines(result.stdout) if one["event"] == "warning"]
        assert len([text for text in texts if text.startswith(words)]) == 1
        assert result.stderr == ""


def test_without_a_dataset_a_warning_is_shown_too(tmp_path: Path) -> None:
    """Next to the bar."""
    how = ["--sandbox", "--rate", 200, "--journal", tmp_path / "j", "--count", 20]
    bxpull("listen", *how)
    path = tmp_path / "j" / "000001.bxj"
    path.write_bytes(path.read_bytes() + b"torn")
    assert "bxpull: the journal in j was damaged: " in bxpull("listen", *how).stderr


WRONG: list[tuple[list[str], str]] = [
    (["--dataset", "ds", "--no-journal"], "a dataset is written from a journal"),
    (["--journal", "j", "--no-journal"], "Leave one of them out"),
    (["--every", "5"], "--every is the collector's: give it with --dataset"),
    (["--log-json"], "--log-json is the collector's"),
    (["--metrics-port", "0"], "--metrics-port is the collector's"),
    (["--dataset", "ds", "--csv", "e.csv"], "give --csv or --dataset, not both"),
    (["--dataset", "."], "the journal (bxpull-journal/sandbox) would be within the dataset (.)"),
    (["--dataset", "ds", "--journal", "ds"], "Give one of them another folder"),
]


@pytest.mark.parametrize(("args", "words"), WRONG)
def test_options_that_do_not_go_together(args: list[str], words: str) -> None:
    """Said before anything is started."""
    assert_fails(bxpull("listen", "--sandbox", *args), 2, words)


def test_metrics_without_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the extra, before anything is collected."""
    monkeypatch.delitem(sys.modules, "bxpull_nb.collector.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    result = bxpull("listen", "--sandbox", "--dataset", "ds", "--metrics-port", 0)
    assert_fails(result, 2, "pip install 'bxpull-nb[metrics]'")
    assert not Path("ds").exists()


def test_an_unknown_store_is_an_error_in_one_line(tmp_path: Path) -> None:
    """Before anything is collected, and by `bxpull compact`."""
    assert_fails(bxpull("compact", "nope://x"), 2, "s3://BUCKET/PATH")
    assert_fails(bxpull("listen", "--sandbox", "--dataset", "nope://x"), 2, "s3://BUCKET/PATH")


def test_the_exit_codes_are_in_the_help() -> None:
    """All of them."""
    help_text = " ".join(bxpull("listen", "--help").stdout.split())
    for code in ("with 0", "1 when", "2 for", "3 when", "130 when"):
        assert code in help_text


def test_listening_keeps_a_journal_without_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of the portal's name; not for a sandbox of its own, and not with --no-journal."""
    monkeypatch.chdir(tmp_path)
    assert bxpull("listen", "--sandbox", "--count", 5).exit_code == 0
    with Sandbox(demo=True, rate=200) as box:
        source = ["--url", box.url, "--token", box.token]
        assert bxpull("listen", *source, "--count", 5, "--no-journal").exit_code == 0
        assert list(tmp_path.iterdir()) == []
        assert bxpull("listen", *source, "--count", 5).exit_code == 0
        host = box.url.rpartition("/")[2].replace(":", "-")
    assert len(bx.read_events(tmp_path / "bxpull-journal" / host)) >= 5


def test_a_journal_for_a_sandbox_if_asked_for(tmp_path: Path) -> None:
    """All that was printed is in it."""
    result = bxpull("listen", "--sandbox", "--count", 20, "--journal", tmp_path / "j")
    events = bx.read_events(tmp_path / "j")
    printed = [json.loads(line)["command"] for line in result.stdout.splitlines()]
    assert events["command"].tolist()[:20] == printed


def test_a_warning_that_is_a_log_entry_too_is_shown_once() -> None:
    """By the code that shows the entries; every other warning is shown."""
    shown: list[str] = []
    log = logging.getLogger("bxpull_nb")
    with showing_warnings(shown.append, skip_entries=True):
        log.warning("an entry of the activity log", extra=IS_LOG_ENTRY)
        log.warning("no entry")
    with showing_warnings(shown.append):
        log.warning("no entries are shown here", extra=IS_LOG_ENTRY)
    assert shown == ["no entry", "no entries are shown here"]
