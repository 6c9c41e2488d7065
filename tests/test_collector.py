"""A collector: feed to journal to dataset, through failures and signals, watched from outside."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.collector import Collector, metrics_text, serving_metrics
from bxpull_nb.dataset.storage import Storage
from bxpull_nb.eventlog import RecentLog
from bxpull_nb.models import Arrival, Event
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from tests import faults_dataset
from tests.test_cli import assert_fails, bxpull, posix, running, wait_for


def publish(sandbox: Sandbox, start: int, stop: int) -> None:
    """Numbered events on the shared channel."""
    for n in range(start, stop):
        sandbox.publish("numbered", {"n": n})


def numbers(url: str | Path) -> list[int]:
    """`n` of all events in the dataset."""
    return [json.loads(params)["n"] for params in bx.read_events(url)["params"]]


def collect(portal: Portal, url: str | Path, journal: Path, **how: Any) -> Collector:
    """A collector that is listening."""
    collector = Collector(portal, url, journal, **how)
    collector.start()
    return collector


def has_journaled(collector: Collector, count: int) -> None:
    """Wait until so many events are in its journal."""
    wait_for(lambda: len(collector.feed) >= count)


# --- feed to journal to dataset


def test_all_of_it_is_written_at_the_end(sandbox: Sandbox, portal: Portal, tmp_path: Path) -> None:
    """And counted."""
    parts: list[Any] = []
    collector = collect(portal, tmp_path / "ds", tmp_path / "j", written=parts.append)
    publish(sandbox, 0, 50)
    has_journaled(collector, 50)
    assert not (tmp_path / "ds").exists()  # not due yet
    assert collector.finish()
    assert numbers(tmp_path / "ds") == list(range(50))
    stats = collector.stats
    assert (stats.parts, stats.written_events, stats.pending_bytes) == (len(parts), 50, 0)
    assert stats.written_bytes == sum(Storage(tmp_path / "ds").list().values())
    assert (stats.feed.state, stats.dataset_error) == ("stopped", None)


def test_a_part_is_due_by_time_and_by_size(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """Whichever comes first."""
    now = [0.0]
    how: dict[str, Any] = {"every": 60, "part_bytes": 20_000, "monotonic": lambda: now[0]}
    collector = collect(portal, tmp_path / "ds", tmp_path / "j", **how)
    publish(sandbox, 0, 5)
    has_journaled(collector, 5)
    collector.step()
    assert collector.stats.parts == 0
    now[0] = 61
    collector.step()
    assert (collector.stats.parts, collector.stats.written_events) == (1, 5)
    publish(sandbox, 5, 205)
    has_journaled(collector, 205)
    collector.step()
    assert collector.stats.written_events == 205
    assert collector.stats.parts > 2
    collector.finish()


def test_the_next_process_goes_on(sandbox: Sandbox, portal: Portal, tmp_path: Path) -> None:
    """Where this one stopped: what was published in between is there too."""
    first = collect(portal, tmp_path / "ds", tmp_path / "j")
    publish(sandbox, 0, 20)
    has_journaled(first, 20)
    first.finish()
    publish(sandbox, 20, 40)
    with bx.connect(sandbox.url, token=sandbox.token) as again:
        second = collect(again, tmp_path / "ds", tmp_path / "j")
        has_journaled(second, 20)
        assert second.finish()
        assert second.stats.collector == first.stats.collector
    assert numbers(tmp_path / "ds") == list(range(40))


def test_what_a_crash_left_in_the_journal_is_sent_first(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """Before anything new comes."""
    feed = portal.feed().start(journal=tmp_path / "j")
    publish(sandbox, 0, 20)
    feed.wait(20, timeout=10)
    feed.stop()
    with bx.connect(sandbox.url, token=sandbox.token) as again:
        collector = collect(again, tmp_path / "ds", tmp_path / "j")
        collector.step()
        assert numbers(tmp_path / "ds") == list(range(20))
        collector.finish()


def test_it_catches_up_when_the_dataset_takes_parts_again(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """A file stands where the folder should be; the journal keeps all meanwhile."""
    now = [0.0]
    (tmp_path / "ds").write_text("in the way")
    collector = collect(portal, tmp_path / "ds", tmp_path / "j", every=10, monotonic=lambda: now[0])
    publish(sandbox, 0, 20)
    has_journaled(collector, 20)
    for moment, failures in ((11, 1), (12, 1), (17, 2), (20, 2), (28, 3)):  # ever more seldom
        now[0] = moment
        collector.step()
        assert collector.stats.write_failures == failures
    assert isinstance(collector.error, errors.DatasetNotWritable)
    assert "cannot be written" in (collector.stats.dataset_error or "")
    assert collector.stats.pending_bytes > 0
    assert collector.feed.state == "connected"
    (tmp_path / "ds").unlink()
    now[0] = 100
    collector.step()
    assert (collector.error, collector.stats.pending_bytes) == (None, 0)
    collector.finish()
    assert numbers(tmp_path / "ds") == list(range(20))


def test_its_log_does_not_grow_for_weeks() -> None:
    """It counts all and keeps the newest ten thousand."""
    log, arrival = RecentLog(), Arrival(1, "shared", "websocket")
    for n in range(12):
        log.extend([Event(str(n), "m", "c", b"{}", None, None, arrival)] * 1000)
    assert (len(log), len(log.df), len(log.recent(0)[1])) == (12_000, 10_000, 10_000)
    assert log.recent(11_999)[0] == 11_999
    assert log.df["mid"].iloc[-1] == "11"


# --- watched from outside


def test_the_metrics_are_those_of_the_feed(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """In Prometheus' own words, over HTTP on this machine."""
    collector = collect(portal, tmp_path / "ds", tmp_path / "j")
    publish(sandbox, 0, 30)
    has_journaled(collector, 30)
    with serving_metrics(0, lambda: collector.stats) as url:
        assert url is not None
        with urllib.request.urlopen(url) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url.replace("metrics", "other"))
    samples = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["bxpull_events_total", None] == 30
    assert samples["bxpull_state", "connected"] == 1
    assert samples["bxpull_state", "failed"] == 0
    assert samples["bxpull_dataset_ok", None] == 1
    assert samples["bxpull_pending_bytes", None] > 0
    assert 0 <= samples["bxpull_lag_p95_seconds", None] < 60
    collector.finish()
    assert "bxpull_written_events_total 30" in metrics_text(collector.stats)


def test_a_metrics_port_that_is_taken(portal: Portal, tmp_path: Path) -> None:
    """Said before anything is collected."""
    collector = Collector(portal, tmp_path / "ds", tmp_path / "j")
    with serving_metrics(0, lambda: collector.stats) as url:
        port = (url or "").rpartition(":")[2].partition("/")[0]
        with (
            pytest.raises(errors.SettingsError, match=f"--metrics-port {port} cannot be used"),
            serving_metrics(int(port), lambda: collector.stats),
        ):
            pass


# --- the command


def stories(output: str) -> list[dict[str, Any]]:
    """The lines of `--log-json`."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_the_command_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the dataset, with a journal beside it, and tells its story as JSON lines."""
    monkeypatch.chdir(tmp_path)
    with Sandbox(demo=True, rate=300) as box:
        source = ["--url", box.url, "--token", box.token]
        result = bxpull("listen", *source, "--dataset", "ds", "--count", 100, "--log-json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = stories(result.stdout)
    assert [one["event"] for one in told][:1] == ["collecting"]
    assert told[-1]["event"] == "ended"
    assert told[-1]["written"] == len(bx.read_events("ds")) >= 100
    assert {"part", "status", "connected"} <= {one["event"] for one in told}
    assert (tmp_path / told[0]["journal"] / "000001.bxj").is_file()
    merged = bxpull("compact", "ds")
    assert (merged.exit_code, " copies dropped" in merged.stdout) == (0, True)
    assert len(bx.read_events("ds")) == told[-1]["written"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    """All that was received is in the dataset."""
    with collecting(tmp_path, "ds") as process:
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    ended = stories(said)[-1]
    assert (ended["event"], ended["pending_bytes"]) == ("ended", 0)
    assert ended["written"] == len(bx.read_events(tmp_path / "ds")) > 0


@posix
def test_a_dataset_that_takes_nothing_leaves_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """The journal has all, and the message says what to do."""
    (tmp_path / "ds").write_text("in the way")
    with collecting(tmp_path, "ds") as process:
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "run the same command again to send it" in complained
    assert stories(said)[-1]["pending_bytes"] > 0
    events = bx.read_events(tmp_path / "j")
    assert len(events) == stories(said)[-1]["events"] > 0


@posix
def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Even if the bucket does not answer; the journal has all."""
    import socket

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


WRONG: list[tuple[list[str], str]] = [
    (["--dataset", "ds", "--no-journal"], "a dataset is written from a journal"),
    (["--journal", "j", "--no-journal"], "Leave one of them out"),
    (["--every", "5"], "--every is the collector's: give it with --dataset"),
    (["--log-json"], "--log-json is the collector's"),
    (["--metrics-port", "0"], "--metrics-port is the collector's"),
    (["--dataset", "ds", "--csv", "e.csv"], "give --csv or --dataset, not both"),
]


@pytest.mark.parametrize(("args", "words"), WRONG)
def test_options_that_do_not_go_together(args: list[str], words: str) -> None:
    """Said before anything is started."""
    assert_fails(bxpull("listen", "--sandbox", *args), 2, words)


def test_an_unknown_store_is_told_in_a_line(tmp_path: Path) -> None:
    """Before anything is collected, and by `bxpull compact`."""
    assert_fails(bxpull("compact", "nope://x"), 2, "s3://BUCKET/PATH")
    assert_fails(bxpull("listen", "--sandbox", "--dataset", "nope://x"), 2, "s3://BUCKET/PATH")


def test_the_exit_codes_are_in_the_help() -> None:
    """All of them."""
    said = " ".join(bxpull("listen", "--help").stdout.split())
    for code in ("with 0", "1 when", "2 for", "3 when", "130 when"):
        assert code in said


def test_listening_keeps_a_journal_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of the portal's name; not for a sandbox of its own, and not if told so."""
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


# --- all of it at once


@posix
def test_three_collectors_killed_at_random_lose_nothing() -> None:
    """With faults on the wire, the dataset equals what was published.

    For longer: `python -m tests.faults_dataset`.
    """
    outcome = faults_dataset.run(seconds=5, rate=200, seed=1)
    assert outcome.published >= 900
    assert (outcome.missing, outcome.doubled, outcome.strange) == (0, 0, 0)
    assert outcome.kills > 0
    assert outcome.copies > 0


def collecting(folder: Path, dataset: str, **more: str) -> Any:
    """A collector of a busy sandbox, as a process that has received something."""
    from contextlib import contextmanager

    where = dataset if "://" in dataset else str(folder / dataset)

    @contextmanager
    def started() -> Any:
        how = ["--dataset", where, "--journal", folder / "j", "--log-json", "--rate", 300]
        with running("listen", "--sandbox", *how, **more) as process:
            journal = folder / "j" / "000001.bxj"
            wait_for(lambda: journal.is_file() and journal.stat().st_size > 5000)
            wait_for(lambda: is_collecting(process))
            yield process

    def is_collecting(process: "subprocess.Popen[str]") -> bool:
        assert process.stdout is not None
        return "collecting" in process.stdout.readline()

    return started()
