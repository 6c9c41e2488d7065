"""What to keep of a frame, and where to resume."""

from collections.abc import Sequence

from bxpull_nb.codec import TextCodec
from bxpull_nb.models import Arrival, Message
from bxpull_nb.session import Received, SeenMids, Session

ARRIVAL = Arrival(1767225600000000, "shared", "websocket")


def mid(number: int) -> str:
    """The mid of a server's message number."""
    return f"1795447844{number:016}"


def frame(numbers: Sequence[int], sent: float = 1767225600.0) -> str:
    """A text frame with these messages."""
    body = f'{{"command":"c","extra":{{"server_time_unix":{sent}}}}}'
    return TextCodec().encode([Message(mid(number), body) for number in numbers])


def session(since: float | None = None, seen: SeenMids | None = None) -> Session:
    """A lane of its own."""
    return Session(TextCodec(), seen or SeenMids(), since=since)


def take(lane: Session, numbers: Sequence[int]) -> list[int]:
    """Receive and store a frame; the numbers of the messages that were new."""
    received = lane.receive(frame(numbers), ARRIVAL)
    lane.stored(received)
    return [int(record.mid[10:]) for record in received.records if record.mid]


def test_a_message_is_kept_once() -> None:
    """Within a frame and over frames."""
    lane = session()
    assert take(lane, [1, 2, 2]) == [1, 2]
    assert take(lane, [2, 3]) == [3]


def test_duplicates_are_counted() -> None:
    """So that a user sees what the overlap brought."""
    lane = session()
    take(lane, [1, 2])
    assert lane.receive(frame([1, 2, 3, 3]), ARRIVAL).duplicates == 3


def test_a_late_lower_mid_is_not_lost() -> None:
    """Delivery is not in mid order: only the set decides."""
    lane = session()
    assert take(lane, [5]) == [5]
    assert take(lane, [4]) == [4]


def test_lanes_share_what_was_seen() -> None:
    """A message to both channels comes by both connections, and is kept once."""
    seen = SeenMids()
    shared, private = session(seen=seen), session(seen=seen)
    assert take(shared, [1]) == [1]
    assert take(private, [1, 2]) == [2]


def test_nothing_is_remembered_before_the_sink_has_it() -> None:
    """A frame whose storing failed is new when it comes again."""
    lane = session()
    lane.receive(frame([1]), ARRIVAL)
    assert lane.newest is None
    assert take(lane, [1]) == [1]


def test_an_unreadable_message_takes_part_in_the_dedupe() -> None:
    """Its mid was read, so its copies are known."""
    lane = session()
    bad = '#!NGINXNMS!#{"id":1,"mid":"' + mid(1) + '","text":oops}#!NGINXNME!#'
    for expected in (1, 0):
        received = lane.receive(bad, ARRIVAL)
        lane.stored(received)
        assert len(received.records) == expected


def test_the_first_connection_resumes_from_nowhere() -> None:
    """There is no position yet."""
    assert session().resume_point() is None


def test_the_second_connection_resumes_from_the_first_message() -> None:
    """All that the first connection may have skipped comes again."""
    lane = session()
    lane.connected()
    take(lane, [10, 11, 12])
    take(lane, [13])
    assert lane.resume_point() == mid(12)


def test_later_connections_resume_from_before_the_previous_one() -> None:
    """Not from the newest: the server skips what comes while a connection is made."""
    lane = session()
    lane.connected()
    take(lane, [10])
    lane.connected()
    take(lane, [20])
    assert lane.resume_point() == mid(10)
    lane.connected()
    assert lane.resume_point() == mid(20)


def test_a_failed_try_does_not_move_the_point() -> None:
    """Only a connection that stood counts."""
    lane = session()
    lane.connected()
    take(lane, [10])
    lane.connected()
    take(lane, [20])
    assert [lane.resume_point() for _ in range(3)] == [mid(10)] * 3


def test_the_position_moves_only_to_later_valid_mids() -> None:
    """A poll's header may be empty, short or old."""
    lane = session()
    for told in (None, "", "123", "x" * 26, mid(5), mid(3)):
        lane.advance(told)
    assert lane.newest == mid(5)


def test_stored_messages_from_before_the_capture_are_left_out() -> None:
    """By the portal's own clock, and counted; the position still moves over them."""
    lane = session(since=100.0)
    received = lane.receive(frame([1], sent=99.9) + frame([2], sent=100.0), ARRIVAL)
    assert [record.mid for record in received.records] == [mid(2)]
    assert (received.old, received.duplicates, received.newest) == (1, 0, mid(2))


def test_an_empty_frame_changes_nothing() -> None:
    """No records, no position."""
    lane = session()
    received = lane.receive("", ARRIVAL)
    assert received == Received([])
    lane.stored(received)
    assert lane.newest is None


def test_the_seen_set_forgets_in_generations() -> None:
    """At least the limit is remembered, at most twice as much."""
    seen = SeenMids(limit=3)
    for number in range(1, 8):
        seen.add([mid(number)])
    assert [mid(number) in seen for number in (1, 3, 4, 7)] == [False, False, True, True]
