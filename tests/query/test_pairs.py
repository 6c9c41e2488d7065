"""Which command follows which: planted pairs, chance, and events without a partner."""

import json
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, Event
from tests.support.demo import START_US
from tests.support.rows import frame

COLUMNS = ["first", "then", "events", "followed", "share", "expected", "median", "unpaired"]
COLUMNS += ["unpaired_keys", "chance"]


def event(command: str, ms: float, params: Any = None, mid: str = "1") -> Event:
    """Return an event so many milliseconds after the start."""
    at = Arrival(START_US + round(ms * 1000))
    text = params if isinstance(params, bytes) else json.dumps(params or {}).encode()
    return Event(mid, "m", command, text, None, None, at)


def in_time(*rows: Event) -> pd.DataFrame:
    """Return the events in the order of their times."""
    return frame(*sorted(rows, key=lambda one: one.arrival.received_us or 0))


def orders(key: Any = int) -> tuple[pd.DataFrame, list[str]]:
    """Return orders, payments of two of three of them, others; and the unpaid ones."""
    rng, rows, unpaid = Random(0), [], []
    for number in range(200):
        at = rng.uniform(0, 600_000)
        rows.append(event("order", at, {"orderId": number}))
        if rng.random() < 0.67:
            params = {"orderId": key(number)}
            rows.append(event("payment", at + rng.uniform(50, 400), params))
        elif at + 500 < 590_000:
            unpaid.append(str(number))
    noise = (event("chat", rng.uniform(0, 600_000), {"orderId": n % 200}) for n in range(2000))
    return in_time(*rows, *noise, event("chat", 600_500, {"orderId": 0})), unpaid


@pytest.mark.parametrize("key", [int, str])
def test_payments_follow_orders_and_unpaid_orders_are_listed(key: Any) -> None:
    """By the same key, as a number or a text; chats follow nothing."""
    df, unpaid = orders(key=key)
    [row] = bx.pairs(df, within="500ms", key="orderId").to_dict("records")
    assert (row["first"], row["then"], row["events"]) == ("m.order", "m.payment", 200)
    assert set(unpaid) <= set(row["unpaired_keys"])
    assert row["unpaired"] == len(row["unpaired_keys"]) == 200 - row["followed"]
    assert row["expected"] == 0
    assert pd.Timedelta("100ms") < row["median"] < pd.Timedelta("350ms")


def test_without_a_key_pairs_are_found_by_time() -> None:
    """And the unpaired events are listed by their mids."""
    rows = [event("ask", n * 1000, mid=f"a{n}") for n in range(100)]
    rows += [event("answer", n * 1000 + 90) for n in range(100) if n % 10]
    [row] = bx.pairs(in_time(*rows), within="100ms").to_dict("records")
    assert (row["first"], row["then"]) == ("m.ask", "m.answer")
    assert row["unpaired_keys"] == [f"a{n}" for n in range(0, 100, 10) if n * 1000 + 100 <= 99_090]


@pytest.mark.parametrize("seed", range(6))
def test_independent_commands_are_no_pairs(seed: int) -> None:
    """Also where all of them come in busy hours."""
    rng = Random(seed)
    hours = [rng.uniform(0, 3_600_000) for _ in range(20)]
    rows = [
        event(f"c{rng.randrange(5)}", rng.choice(hours) + rng.uniform(0, 60_000))
        for _ in range(3000)
    ]
    assert len(bx.pairs(in_time(*rows), within="500ms")) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 3000), st.sampled_from([1, "1", 2, None])),
        min_size=1,
        max_size=25,
    )
)
def test_the_counts_are_what_loops_find(rows: list[tuple[str, int, Any]]) -> None:
    """Events, those followed, and the keys of the others, exactly."""
    events = [event(name, ms, {"k": key}) for name, ms, key in rows]
    if not any(key is not None for *_, key in rows):
        with pytest.raises(SettingsError, match="no event has the key 'k'"):
            bx.pairs(in_time(*events), "500ms", "k")
        return
    found = bx.pairs(in_time(*events), "500ms", "k", chance=1)
    ordered = sorted((one for one in rows if one[2] is not None), key=lambda one: one[1])
    end = max(ms for _, ms, _ in ordered)
    for row in found.to_dict("records"):
        first, then = row["first"][2:], row["then"][2:]
        lonely = []
        counted = [n for n, one in enumerate(ordered) if one[0] == first and one[1] + 500 <= end]
        for n in counted:
            later = ordered[n + 1 :]
            if not any(
                one[0] == then
                and str(one[2]) == str(ordered[n][2])
                and one[1] <= ordered[n][1] + 500
                for one in later
            ):
                lonely.append(str(ordered[n][2]))
        assert (row["events"], row["unpaired"]) == (len(counted), len(lonely))
        assert sorted(row["unpaired_keys"]) == sorted(lonely)


def test_keys_beyond_2_53_and_paths_with_dots() -> None:
    """Each is a key of its own."""
    rows = []
    for n in range(60):
        key = b'{"a.b":{"x":%d}}' % (9007199254740992 + n)
        rows += [event("one", n * 10_000, key), event("two", n * 10_000 + 5, key)]
    [row] = bx.pairs(in_time(*rows), "10ms", '"a.b".x').to_dict("records")
    assert (row["first"], row["then"], row["unpaired"]) == ("m.one", "m.two", 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"key": "orderID"}, "no event has the key 'orderID'; paths: orderId"),
        ({"key": "items[]"}, "leads to many values"),
        ({"within": "soon"}, "within='soon' is no duration"),
        ({"key": "a..b"}, "is no path into params"),
        ({"chance": -1}, "chance=-1"),
    ],
)
def test_bad_input_is_one_sentence(words: dict[str, Any], message: str) -> None:
    """With what is there instead."""
    with pytest.raises(SettingsError, match=message):
        bx.pairs(frame(event("a", 0, {"orderId": 1})), **words)


def test_a_feed_without_events_has_no_pairs() -> None:
    """With all columns."""
    found = bx.pairs(bx.EventLog())
    assert list(found) == COLUMNS
    assert len(found) == 0
