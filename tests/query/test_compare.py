"""Differences of two groups of events: against loops, planted ones, and traffic without any."""

import json
from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, Event
from bxpull_nb.params.path import Path
from tests.support.demo import START_US, demo_frame
from tests.support.json_values import json_objects
from tests.support.rows import frame
from tests.support.walking import kind, walked

COLUMNS = ["what", "change", "module_id", "command", "path", "value", "before", "after"]
COLUMNS += ["share_before", "share_after", "per_minute_before", "per_minute_after", "chance"]
SECOND = 1_000_000


def event(params: Any, command: str = "c", at: int = 0) -> Event:
    """Return an event `at` seconds after the first."""
    text = params if isinstance(params, bytes) else json.dumps(params).encode()
    return Event("1", "m", command, text, None, None, Arrival(START_US + at * SECOND))


def table(*params: Any) -> pd.DataFrame:
    """Return events of one command, one a second."""
    return frame(*(event(one, at=at) for at, one in enumerate(params)))


def counted(values: list[Any]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Return how many of the values have each path, and each path with a type."""
    paths: Counter[str] = Counter()
    types: Counter[tuple[str, str]] = Counter()
    for value in values:
        found = list(walked(value))
        paths.update({str(path) for path, _ in found if path})
        types.update({(str(path), kind(inner)) for path, inner in found})
    return paths, types


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(*[st.lists(json_objects, min_size=1, max_size=5)] * 2)
def test_paths_and_types_are_what_loops_find(one: list[Any], two: list[Any]) -> None:
    """All differences, with their counts, exactly."""
    one, two = json.loads(json.dumps([one, two]))
    found = bx.compare(table(*one), table(*two), chance=1)
    (paths_one, types_one), (paths_two, types_two) = counted(one), counted(two)
    paths, types = (paths_one, paths_two), (types_one, types_two)
    expected: dict[Any, tuple[int, int]] = {}
    for path in {*paths[0], *paths[1]}:
        counts = paths[0][path], paths[1][path]
        if counts[0] * len(two) != counts[1] * len(one) and not is_within(path, paths, counts):
            expected["path", path, None] = counts
    for path, name in {*types[0], *types[1]}:
        counts = types[0][path, name], types[1][path, name]
        of = [len(one), len(two)] if path == "$" else [paths[0][path], paths[1][path]]
        if all(of) and counts[0] * of[1] != counts[1] * of[0]:
            expected["type", path, name] = counts
    rows = found[found["what"].isin(["path", "type"])]
    assert {
        (row.what, row.path, None if row.what == "path" else row.value): (row.before, row.after)
        for row in rows.itertuples()
    } == expected


def is_within(path: str, paths: Any, counts: tuple[int, int]) -> bool:
    """Whether a path within another one that came or went as well is left out."""
    steps = Path.of(path)
    if all(counts):
        return False
    outer = [str(Path(steps[:n])) for n in range(1, len(steps))]
    return any(
        bool(paths[0][one]) == bool(counts[0]) and bool(paths[1][one]) == bool(counts[1])
        for one in outer
    )


@pytest.mark.parametrize("seed", range(4))
def test_planted_changes_are_found(seed: int) -> None:
    """The rename, the new value, the new type, the vanished and the new command, and few more."""
    df = demo_frame(6000, seed, drift_after=4000)
    found = bx.compare(df[:4000], df[4000:])
    rows = {(row.change, row.command, row.path, row.value) for row in found.itertuples()}
    names = {tuple(one if isinstance(one, str) else None for one in row) for row in rows}
    for command in ("dealAdd", "dealMove"):
        assert ("went", command, "responsible_id", None) in names
        assert ("came", command, "assigned_by_id", None) in names
        assert ("came", command, "currency", "KZT") in names
    assert ("came", "comment_add", "messageId", "string") in names
    assert ("went", "messageLike", None, None) in names
    assert ("came", "documentReplaced", None, None) in names
    assert set(found["command"]) <= {
        *("dealAdd", "dealMove", "dealUpdate", "comment_add", "messageLike"),
        *("documentReplaced", "documentUploaded"),
    }


@pytest.mark.parametrize("seed", range(10, 22))
def test_the_same_traffic_has_no_differences(seed: int) -> None:
    """Ids, titles, counters and times go on, and nothing of that is a change."""
    df = demo_frame(4000, seed)
    assert bx.compare(df[:2500], df[2500:]).to_dict("records") == []
    assert bx.unusual(df, "1min", "5min").to_dict("records") == []


def test_the_columns_are_the_documented_ones() -> None:
    """With differences and without."""
    some, none = (
        bx.compare(table({"a": 1}), table({"b": 1}), chance=1),
        bx.compare(*[table({})] * 2),
    )
    assert list(some) == list(none) == COLUMNS
    assert some.dtypes.tolist() == none.dtypes.tolist()
    assert len(none) == 0


def test_a_rate_is_compared_by_the_time_it_took() -> None:
    """Twice the events in twice the time are the same rate."""
    one = frame(*(event({}, at=n) for n in range(100)))
    same = frame(*(event({}, at=n) for n in range(200)))
    thrice = frame(*(event({}, at=n // 3) for n in range(600)))
    assert len(bx.compare(one, same)) == 0
    [row] = bx.compare(one, thrice).to_dict("records")
    assert (row["what"], row["change"], row["before"], row["after"]) == (
        "command",
        "more often",
        100,
        600,
    )
    assert row["per_minute_before"] == pytest.approx(60)
    assert row["per_minute_after"] == pytest.approx(180, rel=0.01)
    assert row["chance"] < 1e-6


def test_bursts_are_no_change_of_rate() -> None:
    """A hundred at once, every now and then, as often as before."""
    bursts = [frame(*(event({}, at=at) for at in times for _ in range(100))) for times in TIMES]
    assert len(bx.compare(*bursts)) == 0


TIMES = ([0, 30, 70, 200, 260, 400], [0, 50, 90, 210, 390])


def test_a_new_value_of_few_is_news_and_a_new_id_is_none() -> None:
    """A path with a set of values, and one whose values go on."""
    before = [{"stage": ("NEW", "WON")[n % 2], "id": n} for n in range(100)]
    after = [{"stage": ("NEW", "ЖДЁТ")[n % 2], "id": n} for n in range(100, 200)]
    found = bx.compare(table(*before), table(*after))
    assert found[["what", "change", "path", "value", "before", "after"]].values.tolist() == [
        ["value", "came", "stage", "ЖДЁТ", 0, 50]
    ]


def test_only_the_outermost_of_new_paths_is_listed() -> None:
    """With all that is within it."""
    before = [{"n": 1}] * 50
    after = [{"n": 1, "payment": {"sum": 2, "items": [{"sku": "A"}]}}] * 50
    found = bx.compare(table(*before), table(*after))
    assert found[["change", "path"]].values.tolist() == [["came", "payment"]]


def test_hostile_values_keep_their_digits_and_types() -> None:
    """2^53 and beyond, 1e400, an empty map of PHP, keys with dots, quotes and brackets."""
    keys = ["a.b", 'a"b', "x[0]", "Ключ", ""]
    before = [json.dumps(dict.fromkeys(keys, 1)).encode()] * 60
    after = [b'{"n":9007199254740993,"h":1e400,"m":[],"%s":"1"}' % "Ключ".encode()] * 60
    found = bx.compare(table(*before), table(*after))
    rows = found[["what", "change", "path", "value"]].astype(object).where(found.notna(), None)
    assert sorted(map(tuple, rows[["what", "change", "path"]].values.tolist())) == sorted(
        [
            *(("path", "went", path) for path in ('"a.b"', '"a\\"b"', '"x[0]"', '""')),
            *(("path", "came", path) for path in ("n", "h", "m")),
            *[("type", "came", "Ключ"), ("type", "went", "Ключ"), ("value", "came", "Ключ")],
        ]
    )


def test_8000_ids_as_keys_are_one_path() -> None:
    """Other ids are no other paths."""
    users = [{"users": {str(n + 10_000 * side): 1 for n in range(8000)}} for side in (0, 1)]
    found = bx.compare(table(*[users[0]] * 3), table(*[users[1]] * 3), chance=1)
    assert found.to_dict("records") == []


def test_windows_end_at_the_newest_event_or_now() -> None:
    """The command that went is found, and so is one that has been silent since."""
    rows = [event({}, "a", at=n) for n in range(600)]
    rows += [event({}, "b", at=n) for n in range(300)]
    df = frame(*sorted(rows, key=lambda one: one.arrival.received_us or 0))
    found = bx.unusual(df, last="5min", before="1h")
    assert found[["command", "change", "before", "after"]].values.tolist() == [
        ["b", "less often", 299, 1]
    ]
    later = pd.Timestamp(START_US + 900 * SECOND, unit="us", tz="UTC")
    both = bx.unusual(df, last="5min", before="10min", now=later)
    assert sorted(both["command"]) == ["a", "b"]
    assert set(both["change"]) == {"went"}


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda df: bx.compare(df, 7), "a int holds no events"),
        (lambda df: bx.compare(df, df, chance=2), "chance=2: give a number from 0 to 1"),
        (lambda df: bx.unusual(df, "soon"), "last='soon' is no duration"),
        (lambda _: bx.unusual(bx.EventLog()), "no events with a time"),
        (lambda df: bx.compare(df, df.drop(columns="params")), "lack the column params"),
    ],
)
def test_bad_input_is_one_sentence(ask: Any, words: str) -> None:
    """With what to do instead."""
    with pytest.raises(SettingsError, match=words):
        ask(table({"n": 1}))


def test_a_feed_without_events_has_no_differences() -> None:
    """On either side."""
    assert len(bx.compare(bx.EventLog(), bx.EventLog())) == 0
    assert len(bx.compare(bx.EventLog(), table({"n": 1}))) == 0
