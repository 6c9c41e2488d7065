"""Batches of records: sequences stored in columns."""

from collections.abc import Sequence
from itertools import groupby

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bxpull_nb.models import Arrival, BadFrame, Event, Message, Record, RecordBatch
from bxpull_nb.protocol.codec import TextCodec

ARRIVAL = Arrival(1767225600500000, "shared", "websocket")
BAD = BadFrame("oops", "not JSON", None, ARRIVAL)
PARAMS = (b"null", b'{"n":1}', '"Ж🌍"'.encode(), b"[]")


def events(count: int) -> list[Record]:
    """Return events of params of different lengths."""
    return [
        Event(f"{n:026}", "crm", f"c{n}", PARAMS[n % 4], n / 4, None, ARRIVAL) for n in range(count)
    ]


def in_columns(events: Sequence[Record]) -> RecordBatch:
    """Return the same events as a codec does."""
    return RecordBatch(
        [event.mid for event in events],
        [event.module_id for event in events],
        [event.command for event in events],
        [event.params_json for event in events],
        [event.server_time_unix for event in events],
        [event.sender for event in events],
        ARRIVAL,
    )


@given(
    st.integers(0, 6),
    st.builds(slice, *[st.none() | st.integers(-8, 8)] * 2, st.sampled_from([None, 1, 2, -1, -3])),
)
def test_it_reads_like_a_list(count: int, part: slice) -> None:
    """A batch of columns or of records works by place, by slice and in a loop."""
    plain = events(count)
    for batch in (in_columns(plain), RecordBatch.of(plain)):
        assert (len(batch), bool(batch)) == (count, count > 0)
        assert batch == plain
        assert plain == batch
        assert list(batch[part]) == plain[part]
        assert [batch[n] for n in range(-count, count)] == plain + plain
        with pytest.raises(IndexError):
            batch[count]


def test_its_columns_hold_what_the_records_do() -> None:
    """The batch may have any source; its arrivals are runs."""
    other = Arrival(None, "private", "polling")
    records = [*events(3), BAD, Event("9" * 26, None, None, b"1", arrival=other)]
    batch = RecordBatch.of(iter(records))
    assert batch.mids == [record.mid for record in records]
    assert batch.params == b"".join(record.params_json for record in records)
    assert batch.sizes == [len(record.params_json) for record in records]
    assert batch.errors == [None, None, None, "not JSON", None]
    assert batch.arrivals == [(ARRIVAL, 4), (other, 1)]
    assert batch.bad_frames == [BAD]
    assert RecordBatch.of(batch) is batch
    assert (in_columns(events(3)).errors, in_columns(events(3)).arrivals) == (None, [(ARRIVAL, 3)])


def test_some_may_be_left_out() -> None:
    """They are chosen by place; without places nothing changes."""
    batch = in_columns(events(5))
    kept = batch.without([1, 4])
    assert kept == [event for at, event in enumerate(events(5)) if at not in (1, 4)]
    assert kept.mids == [f"{n:026}" for n in (0, 2, 3)]
    assert batch.without([]) is batch
    assert batch.without(range(5)) == []


def test_several_batches_are_joined_into_one() -> None:
    """They may hold columns or records; every arrival is kept."""
    other = Arrival(None, "private", "polling")
    first, second = in_columns(events(3)), in_columns(events(2))
    second.arrivals = [(other, 2)]
    plain = [*events(3), *(msgspec.structs.replace(e, arrival=other) for e in events(2))]
    whole = RecordBatch.joined([first, second])
    assert whole == plain
    assert (whole[-1], whole[2:4]) == (plain[-1], plain[2:4])
    assert (whole.sizes, whole.arrivals) == ([4, 7, 8, 4, 7], [(ARRIVAL, 3), (other, 2)])
    with_bad = RecordBatch.joined([whole, RecordBatch.of([BAD])])
    assert with_bad == [*plain, BAD]
    assert with_bad.bad_frames == [BAD]
    assert RecordBatch.joined([first]) is first


def test_it_is_unequal_to_what_it_is_not() -> None:
    """It differs from other records, lengths and types."""
    batch = in_columns(events(2))
    assert batch != events(3)
    assert batch != [*events(1), BAD]
    assert batch != "two events"


def test_its_repr_is_short() -> None:
    """It shows the first few."""
    assert repr(in_columns(events(2))) == f"RecordBatch([{events(2)[0]!r}, {events(2)[1]!r}])"
    assert repr(in_columns(events(1003))).endswith(", … 1,000 more])")
    assert repr(RecordBatch.of([])) == "RecordBatch([])"


def test_a_frame_of_many_is_decoded_into_one() -> None:
    """It has the frame's arrival, and makes no record before access."""
    sent = [Message(f"1795447844{n:016}", f'{{"command":"c{n}"}}') for n in range(300)]
    batch = TextCodec().decode(TextCodec().encode(sent), ARRIVAL)
    assert batch.commands == [f"c{n}" for n in range(300)]
    assert batch[-1] == Event(sent[-1].mid, None, "c299", b"null", None, None, ARRIVAL)
    assert [how for how, _ in groupby(event.arrival for event in batch)] == [ARRIVAL]
