"""Watching for drift: planted changes are found in time, and nothing is invented."""

import logging
from itertools import islice
from typing import Any

import pytest

from bxpull_nb.capture.watch import WatchSettings
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, BadFrame, Event, LogEntry
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox.demo_drift import DRIFTS
from tests.drift.run import run
from tests.support.demo import START_US, demo_records
from tests.support.waiting import eventually
from tests.support.watch_bench import SECOND, Bench


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_planted_drift_is_found_within_a_second_of_three_events(seed: int) -> None:
    """The renamed path, the new type, the new and the vanished command; and nothing else."""
    after = 4000
    records = list(islice(demo_records(seed, after), 6500))
    bench = Bench(silence="10s")
    found = bench.play(iter(records), every=5)
    kinds = {(entry.kind, entry.text.split(" (")[0]) for entry in found}
    for command in ("dealAdd", "dealMove", "dealUpdate"):
        assert ("new_path", f"crm.{command} has a new path: params.assigned_by_id") in kinds
    assert ("type_changed", "tasks.comment_add: params.messageId is now string") in kinds
    assert ("new_command", "disk.documentReplaced is a new command") in kinds
    assert any(entry.text.startswith("im.messageLike has not come for") for entry in found)
    names = ("crm.deal", "tasks.comment_add", "disk.document", "im.messageLike")
    assert all(entry.text.startswith(names) for entry in found)
    assert all(entry.at_us >= (records[after].arrival.received_us or 0) for entry in found)
    for name, kind in (("crm.dealMove", "new_path"), ("tasks.comment_add", "type_changed")):
        command = name.split(".")[1]
        mine = [r.arrival.received_us or 0 for r in records[after:] if r.command == command]
        [entry] = [e for e in found if e.kind == kind and e.text.startswith(name)]
        assert entry.at_us <= mine[2] + SECOND
    assert len(DRIFTS) == 9


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8])
def test_nothing_is_invented(seed: int) -> None:
    """In twenty thousand events without any change; a million are a command of `tests.drift`."""
    assert str(run(20_000, seed)) == f"20000 events without drift (seed {seed}): 0 found"


@pytest.mark.slow
def test_rare_paths_types_and_commands_are_no_news() -> None:
    """One in a hundred events has them, from the beginning or not."""
    bench = Bench()
    found = []
    for n in range(3000):
        params = {"n": n, "note": None if n % 7 else "x"}
        if n % 97 == 96:
            params |= {"rare": 1, "n": str(n)}
        found += bench.arrive(params, "d" if n % 101 == 100 else "c")
    assert found == []


def test_maps_empty_arrays_null_and_whole_numbers_are_no_news() -> None:
    """8 000 ids, PHP's empty map, a missing value, 1 and 1.5, an unreadable message."""
    bench = Bench()
    found = bench.repeat(50, {"users": {"7": {"n": 1}}, "fields": {"a": 1}, "sum": 1})
    ids = {str(n): {"n": n} for n in range(8000)}
    found += bench.repeat(10, {"users": ids, "fields": [], "sum": 1.5})
    found += bench.repeat(10, {"users": {}, "fields": None, "sum": 9007199254740993})
    found += bench.repeat(5, b'{"users":{"8":{"n":1e400}},"fields":{"a":2},"sum":-1}')
    bench.log.extend([BadFrame("oops", "not JSON")] * 10)
    assert found + bench.watch.look() == []


def test_hostile_keys_are_paths_too() -> None:
    """Dots, quotes, brackets, Cyrillic; only the outermost is reported."""
    bench = Bench()
    bench.repeat(60, {"n": 1})
    hostile = {"n": 1, "a.b": 1, 'a"b': {"c": [{"d": 1}]}, "x[0]": 1, "Ключ": 1}
    texts = [entry.text for entry in bench.repeat(8, hostile)]
    paths = [text.split("params.")[1].split(" (")[0] for text in texts]
    assert sorted(paths) == sorted(['"a.b"', '"a\\"b"', '"x[0]"', "Ключ"])


def test_names_that_keep_coming_are_no_news() -> None:
    """Logins as keys: each is new, and that is usual."""
    bench = Bench()
    found = []
    for n in range(600):
        found += bench.arrive({"by": {f"login{n // 4}@x": 1}})
    assert found == []


def test_all_that_was_there_before_is_known() -> None:
    """A watch of a running capture begins with what there is."""
    bench = Bench()
    bench.repeat(100, {"n": 1})
    bench.repeat(3, {"n": 1, "late": 1})
    bench.watch = bench.make()
    assert bench.repeat(20, {"n": 1, "late": 1}) == []
    [entry] = bench.repeat(20, {"n": 1, "later": 1})
    assert entry.kind == "new_path"
    assert entry.count == 3


def test_a_command_that_is_silent_is_reported_once() -> None:
    """After the time given and thrice its longest pause; and again after it came back."""
    bench = Bench(silence="10s")
    for _ in range(40):
        bench.arrive({}, "a", 1)
        bench.arrive({}, "b", 1)
    found = [entry for _ in range(12) for entry in bench.arrive({}, "b", 1)]
    assert [(entry.kind, entry.text) for entry in found] == [
        ("silent", "m.a has not come for 10 s; its longest pause before was 2 s")
    ]
    bench.arrive({}, "a", 1)
    assert len([e for _ in range(60) for e in bench.arrive({}, "b", 1)]) == 1


def test_silence_of_all_is_one_entry_and_none_without_a_connection() -> None:
    """A lost line is no silence of the portal."""
    bench = Bench(silence="10s")
    bench.repeat(50, {})
    bench.is_connected = False
    bench.now_us += 60 * SECOND
    assert bench.watch.look() == []
    bench.is_connected = True
    bench.now_us += 9 * SECOND
    assert bench.watch.look() == []
    bench.now_us += 2 * SECOND
    assert [entry.text for entry in bench.watch.look()] == ["no event of any command for 11 s"]
    assert bench.watch.look() == []


def test_a_rate_above_the_limit_is_reported_once() -> None:
    """Until it was clearly below."""
    bench = Bench(rate_above=100)
    found = []
    for rate in (99, 101, 150, 95, 105, 70, 120):
        bench.rate = float(rate)
        found += bench.watch.look()
    assert [entry.text for entry in found] == [
        "101.0 events per second, more than 100",
        "120.0 events per second, more than 100",
    ]


def test_only_what_was_asked_for_is_reported() -> None:
    """Each kind can be left out."""
    bench = Bench(new_path=False, new_command=False)
    bench.repeat(100, {"n": 1})
    assert [one.kind for one in bench.repeat(9, {"n": "1", "m": 1})] == ["type_changed"]
    assert bench.repeat(9, {}, "other") == []


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_entries_are_logged_and_callbacks_called_with_them(
    caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """A callback that fails harms nothing."""
    got: list[LogEntry] = []

    def fail(entry: LogEntry) -> None:
        got.append(entry)
        raise kind("mine")

    bench = Bench(fail)
    bench.repeat(100, {"n": 1})
    with caplog.at_level(logging.WARNING, "bxpull_nb"):
        found = bench.repeat(5, {"n": 1, "m": 1})
    assert got == found == bench.watch.found
    assert [entry.kind for entry in bench.logbook.recent()] == ["new_path", "handler_failed"]
    assert f"{kind.__name__}: mine" in caplog.text


def test_a_bounded_log_may_forget_and_the_watch_counts_it() -> None:
    """What it never saw is neither known nor news."""
    bench = Bench()
    bench.log.max_rows = 100
    arrival = Arrival(START_US)
    bench.log.extend([Event("1", "m", "c", b"{}", None, None, arrival)] * 1000)
    bench.watch.look()
    assert bench.watch.missed == bench.log.forgotten > 0


@pytest.mark.slow
def test_a_feed_watches_on_a_thread_of_its_own(portal: Portal) -> None:
    """From the call to stop, or to the next call."""
    feed = portal.feed().start()
    for _ in range(60):
        portal.send_event("ping", {"n": 1})
    feed.wait(60, timeout=20)
    first = feed.watch()
    watch = feed.watch(silence="5min", rate_above=1e6)
    assert not first.running
    for _ in range(8):
        portal.send_event("ping", {"n": 1, "m": 2})
    eventually(lambda: watch.found)
    assert watch.found[0].text.startswith("application.ping has a new path: params.m (")
    assert "new_path" in feed.logbook.df["kind"].tolist()
    watch.stop()
    assert not watch.running


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"silence": "soon"}, "silence='soon' is no duration"),
        ({"rate_above": "many"}, "rate_above='many'"),
        ({"chance": 7}, "chance=7"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(settings: Any, words: str) -> None:
    """At the call."""
    with pytest.raises(SettingsError, match=words):
        WatchSettings(**settings)
