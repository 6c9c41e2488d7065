"""Sessions: which records of a frame to keep, and where to resume."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Message, Position, RecordBatch
from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, RpcAnswer, TextCodec
from bxpull_nb.protocol.session import Received, SeenMids, Session
from bxpull_nb.protocol.session import session as position
from tests.support.events import mid

ARRIVAL = Arrival(1767225600000000, "shared", "websocket")


def frame(numbers: Sequence[int], sent: float = 1767225600.0) -> str:
    """Return a text frame with these messages."""
    body = f'{{"command":"c","extra":{{"server_time_unix":{sent}}}}}'
    return TextCodec().encode([Message(mid(number), body) for number in numbers])


def event(number: int, sent: float = 1767225600.0) -> Event:
    """Return the event of such a message."""
    return Event(mid(number), None, "c", b"null", sent, None, ARRIVAL)


def session(seen: SeenMids | None = None, codec: Codec | None = None) -> Session:
    """Return a session of its own, by default of the text dialect."""
    return Session(codec or TextCodec(), seen or SeenMids())


def take(lane: Session, numbers: Sequence[int], sent: float = 1767225600.0) -> list[int]:
    """Receive and store a frame; return the numbers of the new messages."""
    received = lane.receive(frame(numbers, sent), ARRIVAL)
    lane.stored(received)
    return [int(record.mid[10:]) for record in received.batch.records if record.mid]


def test_a_message_is_kept_once() -> None:
    """Duplicates within a frame and across frames are dropped."""
    lane = session()
    assert take(lane, [1, 2, 2]) == [1, 2]
    assert take(lane, [2, 3]) == [3]


def test_duplicates_are_counted() -> None:
    """A user sees how much the overlap brought."""
    lane = session()
    take(lane, [1, 2])
    received = lane.receive(frame([1, 2, 3, 3]), ARRIVAL)
    assert received.batch.duplicates == (mid(1), mid(2), mid(3))


def test_a_late_lower_mid_is_not_lost() -> None:
    """Delivery is not in mid order, so only the set of seen mids decides."""
    lane = session()
    assert take(lane, [5]) == [5]
    assert take(lane, [4]) == [4]


def test_lanes_share_what_was_seen() -> None:
    """A message to both channels comes over both connections and is kept once."""
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
    """Its mid was read, so its duplicates are known."""
    lane = session()
    bad = '#!NGINXNMS!#{"id":1,"mid":"' + mid(1) + '","text":oops}#!NGINXNME!#'
    for expected in (1, 0):
        received = lane.receive(bad, ARRIVAL)
        lane.stored(received)
        assert len(received.batch.records) == expected


def test_the_first_connection_resumes_from_nowhere() -> None:
    """There is no position yet."""
    assert session().resume_point() is None


def test_the_second_connection_resumes_from_the_beginning_of_the_capture() -> None:
    """What the first connection skipped may be older than all that it brought."""
    lane = session()
    lane.connected()
    take(lane, [10, 11, 12])
    assert lane.resume_point() is None


def test_a_capture_begins_behind_what_was_stored() -> None:
    """Stored messages were skipped and are not requested again."""
    lane = session()
    lane.connected()
    lane.begin(mid(9))
    take(lane, [10, 11, 12])
    assert (lane.resume_point(), lane.newest) == (mid(9), mid(12))


def test_a_damaged_frame_comes_again_although_it_was_the_first() -> None:
    """The mid of its torn message is no position to resume from."""
    lane = session()
    whole = frame([10, 11])
    for _ in range(2):
        lane.connected()
        received = lane.receive(whole[:-20], ARRIVAL)
        lane.stored(received)
        assert (received.newest, received.is_whole) == (mid(10), False)
        assert lane.resume_point() is None
    lane.connected()
    assert take(lane, [10, 11]) == [11]


def test_later_connections_resume_from_before_the_previous_one() -> None:
    """The server skips messages while a connection is made, so the newest is too late."""
    lane = session()
    lane.connected()
    take(lane, [10])
    lane.connected()
    take(lane, [20])
    assert lane.resume_point() == mid(10)
    lane.connected()
    assert lane.resume_point() == mid(20)


def test_a_failed_try_does_not_move_the_point() -> None:
    """Only a successful connection counts."""
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
    """The portal's clock decides; they are counted, and the position moves past them."""
    lane = session()
    received = lane.receive(frame([1], sent=99.9) + frame([2], sent=100.0), ARRIVAL, since=100.0)
    assert [record.mid for record in received.batch.records] == [mid(2)]
    assert (received.old, len(received.batch.duplicates), received.newest) == (1, 0, mid(2))


def test_a_stored_message_without_a_time_is_known_by_its_mid() -> None:
    """The first batch shows where the capture began; before it, everything is kept."""
    lane = session()
    history = TextCodec().encode([Message(mid(number), "{}") for number in range(1, 6)])
    assert len(lane.receive(history, ARRIVAL, since=100.0).batch.records) == 5
    take(lane, [3])
    received = lane.receive(history, ARRIVAL, since=100.0)
    assert [record.mid for record in received.batch.records] == [mid(3), mid(4), mid(5)]
    assert received.old == 2


def test_a_session_that_goes_on_does_not_take_its_last_batch_for_the_beginning() -> None:
    """Missed messages are not older than the capture, with or without a time."""
    lane = session()
    lane.restore(Batch([event(10)]))
    history = TextCodec().encode([Message(mid(number), "{}") for number in (8, 9)])
    assert len(lane.receive(history, ARRIVAL, since=100.0).batch.records) == 2


def test_an_empty_frame_changes_nothing() -> None:
    """It brings neither records nor a position."""
    lane = session()
    received = lane.receive("", ARRIVAL)
    batch = Batch([], "", "text", position=lane.position)
    assert received == Received(batch, mids=[], at_us=ARRIVAL.received_us or 0)
    assert lane.stored(received) == []
    assert lane.newest is None


@pytest.mark.parametrize("limit", [1, 3, 8, 20])
def test_the_seen_set_forgets_the_oldest(limit: int) -> None:
    """It remembers at least the limit and at most an eighth more."""
    seen = SeenMids(limit)
    for number in range(1, 101):
        seen.add([event(number)])
        held = [n for n in range(1, number + 1) if mid(n) in seen]
        assert held == list(range(number - len(held) + 1, number + 1))
        assert min(number, limit) <= len(held) <= limit + limit // 8


def test_one_great_batch_is_remembered_whole() -> None:
    """A resume may bring more than the limit at once."""
    seen = SeenMids(limit=16)
    seen.add([event(number) for number in range(1, 101)])
    seen.add([event(101)])
    assert seen.isdisjoint(RecordBatch.of([event(0), event(102)]))
    assert all(seen.knows(event(number)) for number in (1, 100, 101))


def test_a_new_message_under_an_old_mid_is_no_copy() -> None:
    """A server whose storage was wiped counts from the beginning again."""
    lane = session()
    assert take(lane, [1, 2, 3]) == [1, 2, 3]
    received = lane.receive(frame([1], sent=1767225700.0), ARRIVAL)
    assert len(received.batch.records) == 1
    assert received.was_reset
    lane.stored(received)
    assert lane.newest == mid(1)
    assert lane.receive(frame([1], sent=1767225700.0), ARRIVAL).batch.duplicates == (mid(1),)


def test_a_new_message_far_below_the_position_is_a_reset() -> None:
    """Old positions mean nothing after a reset: everything stored is new."""
    lane = session()
    lane.connected()
    take(lane, [100])
    lane.connected()
    received = lane.receive(frame([7]), ARRIVAL, reset_below=mid(90))
    assert received.was_reset
    lane.stored(received)
    assert (lane.newest, lane.resume_point()) == (mid(7), "0" * 26)


def test_a_frame_from_before_and_after_a_reset_leaves_the_lower_position() -> None:
    """With the higher one the server would be asked for nothing that it stores."""
    lane = session()
    take(lane, [100])
    received = lane.receive(frame([101, 7, 8]), ARRIVAL, reset_below=mid(90))
    lane.stored(received)
    assert (received.was_reset, lane.newest) == (True, mid(8))


def test_a_sibling_notices_a_reset_of_its_own() -> None:
    """Each lane does once, also one that opened after it."""
    seen = SeenMids()
    shared, private = session(seen=seen), session(seen=seen.sibling())
    take(shared, [1, 2, 5])
    take(private, [3, 4])
    resets = []
    for lane, number in ((shared, 1), (shared, 3), (private, 4), (private, 5)):
        received = lane.receive(frame([number], sent=1767225700.0), ARRIVAL)
        resets.append(received.was_reset)
        lane.stored(received)
    late = session(seen=seen.sibling())
    resets.append(late.receive(frame([2], sent=1767225700.0), ARRIVAL).was_reset)
    assert resets == [True, False, True, False, False]


def test_an_unreadable_message_of_a_server_that_counts_again_is_no_duplicate() -> None:
    """Its mid was of another message, before the reset."""
    lane = session()
    take(lane, [1, 2])
    take(lane, [1], sent=1767225700.0)
    bad = '#!NGINXNMS!#{"id":2,"mid":"' + mid(2) + '","text":oops}#!NGINXNME!#'
    assert len(lane.receive(bad, ARRIVAL).batch.records) == 1


def test_another_message_under_a_known_mid_is_a_reset() -> None:
    """However soon after the first it comes."""
    lane = session()
    take(lane, [1, 2])
    received = lane.receive(frame([1], sent=1767225600.5), ARRIVAL)
    assert (received.was_reset, len(received.batch.records)) == (True, 1)


def test_a_torn_message_that_comes_whole_is_no_reset() -> None:
    """The mid was seen, but not the message."""
    lane = session()
    whole = frame([1, 2])
    assert take(lane, [1]) == [1]
    torn = lane.receive(whole[:-40], ARRIVAL)
    assert torn.is_torn
    lane.stored(torn)
    received = lane.receive(whole, ARRIVAL)
    assert [record.mid for record in received.batch.records] == [mid(2)]
    assert not received.was_reset


def test_a_known_message_far_below_the_position_is_no_reset() -> None:
    """It is a duplicate, as every resume brings."""
    lane = session()
    take(lane, [7])
    take(lane, [100])
    received = lane.receive(frame([7]), ARRIVAL, reset_below=mid(90))
    assert (received.was_reset, received.batch.duplicates) == (False, (mid(7),))


@pytest.mark.parametrize("sent", [1767225590.0, 1767225600.9])
def test_disorder_is_no_reset(sent: float) -> None:
    """Stored and unstored messages mix within some hundred milliseconds."""
    lane = session()
    take(lane, [100])
    received = lane.receive(frame([99], sent=sent), ARRIVAL)
    assert len(received.batch.records) == 1
    assert not received.was_reset


def test_what_will_never_be_readable_does_not_hold_up_the_position() -> None:
    """A body with markers in it would be requested as long as it is stored."""
    lane = session()
    for number in (10, 20):
        lane.connected()
        stray = frame([number]) + "stray}#!NGINXNME!#"
        received = lane.receive(stray, ARRIVAL)
        lane.stored(received)
        assert (received.is_whole, received.is_torn, len(received.batch.records)) == (
            True,
            False,
            2,
        )
    lane.connected()
    assert lane.resume_point() == mid(20)


def test_a_torn_message_makes_no_reset_of_its_neighbours() -> None:
    """Its time is unknown, so no message seems later than it."""
    lane = session()
    take(lane, [5])
    lane.stored(lane.receive(frame([20], sent=1767225610.0)[:-20], ARRIVAL))
    assert lane.newest == mid(5)
    assert not lane.receive(frame([19], sent=1767225609.0), ARRIVAL).was_reset


def test_a_resume_reaches_back_no_further_than_the_seen_mids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection may last for days; its whole history must not come again."""
    monkeypatch.setattr(position, "_OVERLAP", 10)
    lane = session()
    lane.connected()
    for number in range(1, 36):
        take(lane, [number])
    assert lane.resume_point() == lane.audit_point() == mid(20)


def test_an_audit_asks_from_where_the_previous_one_was_asked() -> None:
    """Messages since then are checked once more."""
    lane = session()
    assert lane.audit_point() is None
    take(lane, [10])
    asked = lane.ask_audit()
    take(lane, [20])
    assert lane.audit_point() is None
    lane.audited(asked)
    take(lane, [30])
    assert lane.audit_point() == mid(10)
    lane.audited(lane.ask_audit())
    assert lane.audit_point() == mid(30)


def rpc(*numbers: int) -> str:
    """Return a JSON-RPC frame with these messages."""
    return JsonRpcCodec().encode([Message(mid(number), '{"command":"c"}') for number in numbers])


def test_every_json_rpc_message_is_acknowledged_after_it_was_stored() -> None:
    """Duplicates are acknowledged too, or the server sends them again."""
    lane = session(codec=JsonRpcCodec())
    for expected in (2, 0):
        received = lane.receive(rpc(1, 2), ARRIVAL)
        assert len(received.batch.records) == expected
        assert lane.stored(received) == [f"mack:{mid(1)}", f"mack:{mid(2)}"]


def test_other_dialects_are_not_acknowledged() -> None:
    """In binary mode a text frame would end the connection."""
    lane = session()
    assert lane.stored(lane.receive(frame([1]), ARRIVAL)) == []


def test_an_answer_to_a_call_is_no_message() -> None:
    """The same frame may hold messages; the caller reads its answer from the frame."""
    content = json.dumps([{"jsonrpc": "2.0", "id": 3, "result": True}, json.loads(rpc(1))])
    batch = session(codec=JsonRpcCodec()).receive(content, ARRIVAL).batch
    assert len(batch.records) == 1
    assert isinstance(batch.frame, str)
    assert JsonRpcCodec.answers(batch.frame) == [RpcAnswer(3, True)]


@pytest.mark.parametrize(
    ("module", "command", "count"),
    [
        ("pull", "channel_expire", 1),
        ("pull", "SERVER_RESTART", 1),
        ("pull", "other", 0),
        ("crm", "config_expire", 0),
    ],
)
def test_service_messages_are_found(module: str, command: str, count: int) -> None:
    """They belong to the module `pull`, in any case, and are records too."""
    body = json.dumps({"module_id": module, "command": command, "params": {}})
    received: Any = session().receive(TextCodec().encode([Message(mid(1), body)]), ARRIVAL)
    assert (len(received.service_messages), len(received.batch.records)) == (count, 1)


def test_a_frame_is_read_in_the_dialect_it_is_in() -> None:
    """The config's dialect is only a hint."""
    lane = session(codec=JsonRpcCodec())
    assert take(lane, [1]) == [1]


@pytest.mark.parametrize("change", ["reset", "rewind"])
def test_an_audit_from_before_a_reset_or_rewind_moves_nothing(change: str) -> None:
    """Its answer says nothing about what is asked from then on."""
    lane = session()
    lane.begin(mid(1))
    take(lane, [100])
    asked = lane.ask_audit()
    if change == "reset":
        lane.stored(lane.receive(frame([7]), ARRIVAL, reset_below=mid(90)))
    else:
        lane.rewind(mid(50))
    expected = (lane.resume_point(), lane.audit_point())
    lane.audited(asked)
    assert (lane.resume_point(), lane.audit_point()) == expected
    assert expected[0] == ("0" * 26 if change == "reset" else mid(50))


def test_whole_columns_find_the_known_messages_that_one_lookup_each_finds() -> None:
    """In every part, of every lane; with times and without, another message under a known mid."""
    seen = SeenMids(limit=16)
    other = seen.sibling(limit=16)
    for number in range(12):
        (seen if number % 3 else other).add([event(number)])
    seen.add([msgspec.structs.replace(event(20), server_time_unix=None)])
    asked = [event(1), event(0), event(11, sent=5.0), event(30), event(10)]
    for wanted in (asked, [*asked, msgspec.structs.replace(event(20), server_time_unix=None)]):
        places = seen.known_places(RecordBatch.of(wanted))
        assert places == [at for at, record in enumerate(wanted) if seen.knows(record)]
        assert places[:3] == [0, 1, 4]


def test_what_a_sibling_received_first_is_received_after_a_reset_too() -> None:
    """The same mid of before the reset does not count: else it would prove another reset."""
    seen = SeenMids()
    lanes = [session(seen=seen), session(seen=seen.sibling())]
    for sent in (1767225600.0, 1767225700.0):
        for lane in lanes:
            lane.stored(lane.receive(frame([1], sent), ARRIVAL, reset_below=lane.newest or ""))
    assert [lane.seen.has_received(event(1, sent=1767225700.0)) for lane in lanes] == [True, True]


def test_a_session_that_goes_on_passes_its_positions_on() -> None:
    """What was not audited before it is not audited now."""
    lane, position = session(), Position(mid(20), mid(10), mid(30))
    lane.restore(Batch(position=position))
    assert lane.position == position


def test_what_is_asked_again_from_before_the_beginning_is_no_position() -> None:
    """Another process does not know those messages: it would take them for new ones."""
    lane = session()
    lane.begin(mid(5))
    lane.remember_stored([event(3), event(5), event(6)])
    assert lane.audit_point() == mid(2)
    assert lane.position == Position(mid(5), mid(5))
    assert take(lane, [3, 4, 5, 6]) == [4, 6]


def test_a_lane_takes_over_what_its_sibling_received_last_under_a_mid() -> None:
    """Not what it received itself under that mid, before two resets."""
    shared = SeenMids()
    private = shared.sibling()
    earlier, later = event(1, sent=1767225600.0), event(1, sent=1767225700.0)
    shared.count_restarted()
    shared.add([earlier])
    private.count_restarted()
    private.add([later])
    shared.count_restarted()
    shared.add([], [mid(1)])
    assert shared.has_received(later)


def test_a_lane_takes_over_the_very_message_that_it_received_again() -> None:
    """Not another one that a sibling received later under its mid, nor one before it."""
    shared = SeenMids()
    private = shared.sibling()
    shared.add([event(1, sent=1767225600.0)])
    shared.count_restarted()
    shared.add([event(1, sent=1767225700.0)])
    private.add_duplicates([event(1, sent=1767225600.0)])
    assert private.has_received(event(1, sent=1767225600.0))
    assert not private.has_received(event(1, sent=1767225700.0))
    private.add_duplicates([event(1, sent=1767225700.0)])
    assert private.has_received(event(1, sent=1767225700.0))
    assert private.has_received(event(1, sent=1767225600.0))


def test_a_damaged_duplicate_is_taken_over_as_the_message_that_a_sibling_has() -> None:
    """Its content is not known, its mid is."""
    shared = SeenMids()
    private = shared.sibling()
    shared.add([event(1)])
    private.add_duplicates([BadFrame("raw", "damaged", mid(1), ARRIVAL)])
    assert private.has_received(event(1))


@pytest.mark.parametrize(("sent", "is_later"), [(1767225700.0, False), (1767225800.0, True)])
def test_a_lane_joins_the_epoch_of_its_sibling_unless_it_saw_a_later_reset(
    sent: float, *, is_later: bool
) -> None:
    """Another message under the same mid shows that the count restarted once more."""
    shared = SeenMids()
    private = shared.sibling()
    for lane in (shared, private):
        lane.add([event(1, sent=1767225600.0)])
    private.count_restarted([event(1, sent=1767225700.0)])
    private.add([event(1, sent=1767225700.0)])
    shared.count_restarted([event(1, sent=sent)])
    assert private.is_behind == is_later
