"""A collector: feed to journal to dataset, through failures and signals, watched from outside."""

import errno
import json
import math
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.collector import Collector
from bxpull_nb.collector.metrics import metrics_text, serving_metrics
from bxpull_nb.models import Event
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.journal import Journal
from bxpull_nb.storage.journal.files import ActiveFile
from bxpull_nb.storage.journal.lost_note import Lost, LostNote
from tests.faults import dataset as faults_dataset
from tests.support.command import posix
from tests.support.waiting import eventually


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
    eventually(lambda: len(collector.feed) >= count)


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


def test_a_failing_callback_is_no_failure_of_the_dataset(
    sandbox: Sandbox, portal: Portal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that is full, say: the part is written once, and the capture goes on."""

    def no_room(_part: object) -> None:
        raise OSError(28, "No space left on device")

    collector = collect(portal, tmp_path / "ds", tmp_path / "j", written=no_room)
    publish(sandbox, 0, 30)
    has_journaled(collector, 30)
    assert collector.finish()
    assert (collector.error, collector.stats.write_failures) == (None, 0)
    assert numbers(tmp_path / "ds") == list(range(30))
    assert "the callback for a written part failed" in caplog.text


def test_a_part_is_due_by_time_and_by_size(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """Whichever comes first."""
    now = [0.0]
    how: dict[str, Any] = {"every": 60, "part_bytes": 3_000, "monotonic": lambda: now[0]}
    collector = collect(portal, tmp_path / "ds", tmp_path / "j", **how)
    publish(sandbox, 0, 5)
    has_journaled(collector, 5)
    collector.step()
    assert collector.stats.parts == 0
    now[0] = 11  # the first one, so that who watches sees that the dataset takes parts
    collector.step()
    assert (collector.stats.parts, collector.stats.written_events) == (1, 5)
    publish(sandbox, 5, 10)
    has_journaled(collector, 10)
    now[0] = 70
    collector.step()
    assert collector.stats.parts == 1
    now[0] = 72
    collector.step()
    assert (collector.stats.parts, collector.stats.written_events) == (2, 10)
    for n in range(10, 205, 39):  # in five frames at least, each of a part's size
        publish(sandbox, n, n + 39)
        has_journaled(collector, n + 39)
    collector.step()
    assert collector.stats.written_events == 205
    assert collector.stats.parts > 3
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
    """A file is where the folder should be; the journal keeps all meanwhile."""
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
    assert "A file is in the way: move it" in (collector.stats.dataset_error or "")
    assert collector.stats.pending_bytes > 0
    assert collector.feed.state == "connected"
    (tmp_path / "ds").unlink()
    now[0] = 100
    collector.step()
    assert (collector.stats.dataset_error, collector.stats.pending_bytes) == (None, 0)
    collector.finish()
    assert numbers(tmp_path / "ds") == list(range(20))


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fill the journal's disk while the list holds something; files keep the size they have."""
    filled: list[bool] = []
    write = ActiveFile.write

    def write_if_room(self: ActiveFile, data: bytes) -> None:
        if filled:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(ActiveFile, "write", write_if_room)
    return filled


@pytest.mark.parametrize("memory", [64 * 1024 * 1024, 1_000])
def test_a_full_disk_at_the_end_is_reported_by_this_run_and_by_the_next(
    memory: int, sandbox: Sandbox, portal: Portal, tmp_path: Path, full: list[bool]
) -> None:
    """Whether the events fitted into memory or not; the next run asks the server for them."""
    first = Collector(portal, tmp_path / "ds", tmp_path / "j")
    first.journal = Journal(tmp_path / "j", portal=portal.name, memory_bytes=memory)
    first.start()
    publish(sandbox, 0, 20)
    has_journaled(first, 20)
    full.append(True)
    for n in range(20, 50):
        publish(sandbox, n, n + 1)
        has_journaled(first, n + 1)
    first.step()
    assert not first.finish()
    assert first.error is None
    assert first.stats.lost_events == 30
    assert first.lost.startswith("30 events (")
    assert "bxpull_lost_events_total 30" in metrics_text(first.stats)
    [entry] = [entry for entry in first.feed.logbook.recent() if entry.kind == "journal_lost"]
    assert (entry.count, entry.text) == (30, first.lost)
    assert numbers(tmp_path / "ds") == list(range(20))
    full.clear()
    with bx.connect(sandbox.url, token=sandbox.token) as again:
        second = collect(again, tmp_path / "ds", tmp_path / "j")
        [entry] = [one for one in second.feed.logbook.recent() if one.kind == "journal_lost"]
        assert "the last run could not write 30 events (" in entry.text
        has_journaled(second, 30)
        assert second.finish()
        assert second.lost == ""
    assert sorted(numbers(tmp_path / "ds")) == list(range(50))
    with bx.connect(sandbox.url, token=sandbox.token) as again:
        third = collect(again, tmp_path / "ds", tmp_path / "j")
        assert "journal_lost" not in [one.kind for one in third.feed.logbook.recent()]
        third.finish()


def test_a_run_that_was_killed_with_a_full_disk_is_reported_by_the_next(
    sandbox: Sandbox, portal: Portal, tmp_path: Path, full: list[bool]
) -> None:
    """It noted meanwhile what was only in memory."""
    first = collect(portal, tmp_path / "ds", tmp_path / "j")
    full.append(True)
    publish(sandbox, 0, 20)
    has_journaled(first, 20)
    first.step()
    note = LostNote(tmp_path / "j").read()
    assert (note.events, note.batches) == (0, 0)
    assert note.waiting > 0
    assert f"{note.waiting} batches that were only in memory" in str(note)
    full.clear()
    assert first.finish()
    assert LostNote(tmp_path / "j").read() == Lost()


def test_a_disk_with_room_again_before_the_end_costs_nothing(
    sandbox: Sandbox, portal: Portal, tmp_path: Path, full: list[bool]
) -> None:
    """Nothing is reported as lost."""
    collector = collect(portal, tmp_path / "ds", tmp_path / "j")
    full.append(True)
    publish(sandbox, 0, 20)
    has_journaled(collector, 20)
    full.clear()
    assert collector.finish()
    assert (collector.lost, collector.stats.lost_events) == ("", 0)
    assert numbers(tmp_path / "ds") == list(range(20))


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), errors.FileFormatError("x")])
def test_a_journal_that_cannot_be_looked_at_ends_no_collector(
    error: Exception,
    sandbox: Sandbox,
    portal: Portal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a moment: the last known number is shown, and all is written when it can be read."""
    collector = collect(portal, tmp_path / "ds", tmp_path / "j")
    publish(sandbox, 0, 20)
    has_journaled(collector, 20)
    known = collector.stats.pending_bytes

    def fail(*_: object) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("bxpull_nb.storage.dataset.uploader.bytes_after", fail)
        collector.step()
        assert (collector.stats.pending_bytes, known > 0) == (known, True)
    assert collector.finish()
    assert numbers(tmp_path / "ds") == list(range(20))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"events": "x"}', bytes(9)])
def test_a_damaged_note_is_none(content: bytes, tmp_path: Path) -> None:
    """It must not keep a collector from starting."""
    (tmp_path / "lost.json").write_bytes(content)
    note = LostNote(tmp_path)
    assert note.read() == Lost()
    note.write(Lost(10**12, 10**12, 10**12))
    assert LostNote(tmp_path).read() == Lost(10**12, 10**12, 10**12)
    size = (tmp_path / "lost.json").stat().st_size
    note.write(Lost())
    assert (tmp_path / "lost.json").stat().st_size == size
    LostNote(tmp_path / "missing").write(Lost(1, 1))  # is logged only


def test_its_log_does_not_grow_for_weeks(portal: Portal, tmp_path: Path) -> None:
    """It counts all and keeps the newest ten thousand, each under its row's number."""
    log = Collector(portal, tmp_path / "ds", tmp_path / "j").feed.log
    for n in range(40):
        log.extend([Event(str(n), "m", "c", b"{}", None, None)] * 1000)
    df = log.df
    assert 10_000 <= len(df) <= 12_500
    assert (len(log), df.index[-1], df["mid"].iloc[-1]) == (40_000, 39_999, "39")


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("every", [0, -1, "300", None, math.nan, math.inf, [], object(), 2j]),
        ("part_bytes", [0, -1, "1000", None, math.nan, 1.5, [], object(), 2j]),
        ("written", [1, "print", None, [], object()]),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_at_once(
    portal: Portal, tmp_path: Path, option: str, values: list[Any]
) -> None:
    """A size of 0 would read for ever, hours after the start."""
    for value in values:
        with pytest.raises(errors.SettingsError, match=f"{option}="):
            Collector(portal, tmp_path / "ds", tmp_path / "j", **{option: value})


def test_the_metrics_are_those_of_the_feed(
    sandbox: Sandbox, portal: Portal, tmp_path: Path
) -> None:
    """In Prometheus' own words, over HTTP on this machine."""
    collector = collect(portal, tmp_path / "ds", tmp_path / "j")
    publish(sandbox, 0, 30)
    has_journaled(collector, 30)
    with (
        serving_metrics(0, lambda: collector.stats) as url,
        urllib.request.urlopen(url) as answer,
    ):
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)
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
        port = url.rpartition(":")[2].partition("/")[0]
        with (
            pytest.raises(errors.SettingsError, match=f"--metrics-port {port} cannot be used"),
            serving_metrics(int(port), lambda: collector.stats),
        ):
            pass


@pytest.mark.slow
@posix
def test_three_collectors_killed_at_random_lose_nothing() -> None:
    """With faults on the wire, the dataset equals what was published.

    For longer: `python -m tests.faults.dataset`.
    """
    outcome = faults_dataset.run(seconds=5, rate=200, seed=1)
    assert outcome.published >= 900
    assert (outcome.missing, outcome.doubled, outcome.strange) == (0, 0, 0)
    assert outcome.kills > 0
    assert outcome.copies > 0
