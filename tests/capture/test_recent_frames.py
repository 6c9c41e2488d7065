"""The newest frames as they came, found by row."""

import time

import pytest

from bxpull_nb.capture.recent_frames import KeptFrame, RecentFrames
from bxpull_nb.models import Batch, Event


def batch(frame: str | bytes | None, *mids: str, duplicates: tuple[str, ...] = ()) -> Batch:
    """Return a batch that brought these messages in one frame."""
    records = [Event(mid, "m", "c", b"{}") for mid in mids]
    return Batch(records, frame, "text", duplicates)


def test_a_row_finds_the_frame_that_brought_it() -> None:
    """It is found by the number of its first row, however many rows it has."""
    frames = RecentFrames()
    frames.add(0, batch("one", "1", "2"))
    frames.add(2, batch("two", "3"))
    first, second = KeptFrame(0, 2, ("one",), "text"), KeptFrame(2, 1, ("two",), "text")
    assert [frames.of_row(row) for row in range(4)] == [first, first, second, None]


def test_rows_that_did_not_travel_have_no_frame() -> None:
    """A replay brings records alone; frames before and after are still found."""
    frames = RecentFrames()
    frames.add(0, batch(None, "1", "2", "3"))
    frames.add(3, batch("three", "4"))
    last = KeptFrame(3, 1, ("three",), "text")
    assert [frames.of_row(row) for row in (0, 2, 3)] == [None, None, last]


def test_only_the_newest_bytes_are_kept() -> None:
    """The oldest frame is dropped first."""
    frames = RecentFrames(most_bytes=10)
    for row in range(4):
        frames.add(row, batch(b"four", str(row)))
    assert [frames.of_row(row) is None for row in range(4)] == [True, True, False, False]


def test_copies_are_counted_by_message() -> None:
    """A frame without new messages counts too."""
    frames = RecentFrames()
    frames.add(0, batch("x", "1", duplicates=("0",)))
    frames.add(1, batch("x", duplicates=("0", "1")))
    assert [frames.duplicates_of(mid) for mid in ("0", "1", "2", None)] == [2, 1, 0, 0]
    assert frames.of_row(1) is None


@pytest.mark.parametrize(
    "contents", [('{"mid":"a"}', '{"mid":"b"}'), (b"\x0a\x01", bytes.fromhex(f"{7:026}"))]
)
def test_frames_that_arrived_together_are_found_by_mid(
    contents: tuple[str | bytes, ...],
) -> None:
    """A text frame holds the digits, a binary one their bytes."""
    kept = KeptFrame(0, 2, contents, "")
    assert kept.content_of("b" if isinstance(contents[0], str) else f"{7:026}") == contents[1]
    assert kept.content_of(None) == contents[0]


def test_frames_of_forgotten_rows_are_dropped() -> None:
    """A bounded log has no rows for them, so nothing finds them."""
    frames = RecentFrames()
    for row in range(0, 8, 2):
        frames.add(row, batch("two", str(row), str(row + 1)), max(row - 3, 0))
    assert [frames.of_row(row) is None for row in range(8)] == [True] * 2 + [False] * 6


def test_a_frame_that_is_too_large_is_not_kept() -> None:
    """It is counted out again, and the next one is kept."""
    frames = RecentFrames(most_bytes=10)
    frames.add(0, batch("eleven bytes", "1"))
    frames.add(1, batch("four", "2"))
    assert [frames.of_row(row) is None for row in (0, 1)] == [True, False]


def test_many_duplicates_at_once_take_as_long_as_one_by_one() -> None:
    """An audit brings ten thousands of known messages, on the listener's thread."""
    frames = RecentFrames()
    mids = tuple(map(str, range(100_000)))
    begun = time.process_time()
    frames.add(0, batch("x", duplicates=mids))
    assert time.process_time() - begun < 1.0  # 9 seconds, were it quadratic
    assert [frames.duplicates_of(mid) for mid in (mids[-20_001], mids[-20_000])] == [0, 1]
