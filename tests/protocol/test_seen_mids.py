"""The mids that were seen: packing them changes no answer, and saves most of their memory."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb.models import BadFrame, Event, Record, RecordBatch
from bxpull_nb.protocol.session import SeenMids, seen_mids

_NUMBERS = st.integers(0, 30)
_MIDS = st.one_of(
    _NUMBERS.map(lambda n: f"{n:026}"), _NUMBERS.map(str), st.sampled_from(["", "x" * 26, "я" * 26])
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Return a message: several may have one mid, and some cannot be read."""
    mid = draw(_MIDS)
    if draw(st.integers(0, 5)) == 0:
        return BadFrame("{", "torn", draw(st.sampled_from([mid, None])))
    sent = draw(st.sampled_from([None, 1.0, 2.0]))
    return Event(mid, "m", draw(st.sampled_from(["a", "b"])), b"{}", sent)


_BATCHES = st.lists(records(), min_size=1, max_size=6)
_STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 1), _BATCHES),
    st.tuples(st.just("add_duplicates"), st.integers(0, 1), _BATCHES),
    st.tuples(st.just("count_restarted"), st.integers(0, 1), _BATCHES),
)


def answers(lanes: Sequence[SeenMids], asked: list[Record]) -> Iterator[Any]:
    """Yield the answers of each lane about these records."""
    batch = RecordBatch.of(asked)
    for lane in lanes:
        yield lane.isdisjoint(batch), lane.known_places(batch), lane.has_another_of(asked)
        for one in asked:
            yield lane.knows(one), lane.holds(one), lane.has_another(one), lane.has_received(one)
            yield (one.mid or "") in lane


@settings(max_examples=300, deadline=None)
@given(st.lists(_STEPS, max_size=25), _BATCHES)
def test_packing_changes_no_answer(
    steps: list[tuple[str, int, list[Record]]], asked: list[Record]
) -> None:
    """All parts packed after each step, or none ever; every mid is asked for, and `asked`."""
    with pytest.MonkeyPatch.context() as patch:

        def result(unpacked: int) -> list[Any]:
            patch.setattr(seen_mids, "_UNPACKED", unpacked)
            first = SeenMids(16)
            lanes, found = [first, first.sibling(16)], list[Any]()
            for name, lane, batch in steps:
                step: Callable[[list[Record]], None] = getattr(lanes[lane], name)
                step(batch)
                found += answers(lanes, batch)
            return [*found, *answers(lanes, [one for *_, some in steps for one in some] + asked)]

        assert result(0) == result(10**9)


def test_mids_that_are_not_asked_for_take_little_memory() -> None:
    """Some forty bytes each; as texts and numbers in a dict they take 200."""
    seen = SeenMids(200_000)
    tracemalloc.start()
    for start in range(0, 300_000, 1000):
        numbers = range(start, start + 1000)
        seen.add(Event(f"{n:026}", "m", "c", b"{}", float(n)) for n in numbers)
        assert not seen.isdisjoint(RecordBatch.of([Event(f"{start:026}", "m", "c", b"{}")]))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 25_000_000
    assert [f"{n:026}" in seen for n in (100_000, 299_999, 300_000)] == [True, True, False]
    assert f"{0:026}" not in seen
