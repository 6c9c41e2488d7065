"""Which messages are older than the capture, and what proves a reset: decided by mids."""

from collections.abc import Sequence

import pytest

from bxpull_nb.models import Arrival, Message, Position
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.session import HistoryPolicy, Received, SeenMids, Session
from tests.support.events import mid

ARRIVAL = Arrival(1_767_225_700_000_000, "shared", "websocket")
BEGUN = 1_767_225_600.0


def frame(*numbers: int, sent: float = BEGUN - 5) -> str:
    """Return a frame with these messages; their sender's clock is five seconds behind."""
    body = f'{{"command":"c","params":{{}},"extra":{{"server_time_unix":{sent}}}}}'
    return TextCodec().encode([Message(mid(number), body) for number in numbers])


def policy(*, resumed: bool = False, backfill: bool = False) -> HistoryPolicy:
    """Return the policy of a new lane."""
    session = Session(TextCodec(), SeenMids())
    return HistoryPolicy(session, since=BEGUN, resumed=resumed, backfill=backfill)


def stored(lane: HistoryPolicy, received: Received) -> list[int]:
    """Return the numbers of the new messages, once they are stored."""
    lane.session.stored(received)
    return [int((record.mid or "")[10:]) for record in received.batch.records]


def take(lane: HistoryPolicy, content: str, now: float, *, polls: bool = False) -> list[int]:
    """Return the numbers of the new messages in a frame of a connection."""
    return stored(lane, lane.receive(content, ARRIVAL, now, polls=polls))


def audit(lane: HistoryPolicy, content: str, now: float) -> list[int]:
    """Return the numbers of the new messages that an audit brought."""
    point = lane.session.audit_point()
    return stored(lane, lane.receive_audit(content, ARRIVAL, now, point))


@pytest.mark.parametrize("is_known", [True, False])
def test_a_sender_whose_clock_is_behind_loses_nothing(is_known: bool) -> None:
    """Old is what was stored before the beginning, whatever the messages say of their time."""
    lane = policy()
    assert lane.next_mid(polls=False) is None
    lane.accepted(1.0)
    assert take(lane, frame(7), 1.1) == [7]
    lane.begin(mid(6)) if is_known else lane.give_up()
    assert take(lane, frame(9), 1.2) == [9]
    assert audit(lane, frame(7, 8, 9), 1.3) == [8]
    assert lane.session.audit_point() == mid(6)


def test_the_answer_to_a_first_poll_is_older_than_the_capture() -> None:
    """Later answers are new, and so is the first one of a poll that was held."""
    lane = policy()
    assert lane.next_mid(polls=True) == "0" * 26
    lane.accepted(1.0)
    assert take(lane, frame(1, 2), 1.0, polls=True) == []
    assert lane.next_mid(polls=True) == mid(2)
    lane.accepted(2.0)
    assert take(lane, frame(3), 2.0, polls=True) == [3]
    held = policy()
    held.next_mid(polls=True)
    held.begin_held()
    held.accepted(1.0)
    assert take(held, frame(1, sent=BEGUN - 3600), 1.0, polls=True) == [1]


def test_the_late_history_of_a_slow_server_is_older_than_the_capture() -> None:
    """A first poll was held, and its answer has messages from long before the capture.

    It began after them: an audit asks for no older ones. A message of the last minute may be new.
    """
    slow = policy()
    slow.next_mid(polls=True)
    slow.begin_held()
    slow.accepted(1.0)
    late = frame(1, 2, sent=BEGUN - 3600) + frame(3) + frame(4, sent=BEGUN + 1)
    received = slow.receive(late, ARRIVAL, 1.0, polls=True)
    assert received.batch.position == Position(safe=mid(2), audited=mid(2))
    assert stored(slow, received) == [3, 4]
    assert slow.session.audit_point() == slow.session.history_point == mid(2)
    assert slow.next_mid(polls=True) == mid(2)


def test_a_late_history_may_have_mids_that_are_no_numbers() -> None:
    """They are no position; their messages are older all the same."""
    slow = policy()
    slow.next_mid(polls=True)
    slow.begin_held()
    slow.accepted(1.0)
    late = frame(1, 2, sent=BEGUN - 3600).replace(mid(1), "").replace(mid(2), "a-b")
    assert take(slow, late, 1.0, polls=True) == []
    assert slow.next_mid(polls=True) == FULL_HISTORY


@pytest.mark.parametrize("way", ["cut", "seemed empty", "continued"])
def test_a_few_messages_after_a_break_are_new_and_many_old_ones_are_history(way: str) -> None:
    """The senders' clocks may be far behind; but a server is slow because it stores much."""
    few, many = [1, 2], list(range(1, 60))
    for numbers, new in ((few, few), (many, [])):
        lane = policy()
        lane.next_mid(polls=way == "cut")
        if way == "cut":
            lane.begin_held()
        elif way == "seemed empty":
            lane.seems_empty = True
            lane.accepted(0.5)
        else:
            lane.session.begin(None)
            lane = HistoryPolicy(lane.session, since=BEGUN, resumed=True, backfill=False)
        assert lane.next_mid(polls=False) == FULL_HISTORY
        lane.accepted(1.0)
        assert take(lane, frame(*numbers, sent=BEGUN - 3600), 1.0) == new
        assert take(lane, frame(60, sent=BEGUN - 3600), 1.1) == [60]


def test_backfill_takes_everything() -> None:
    """By the first poll too."""
    lane = policy(backfill=True)
    lane.next_mid(polls=True)
    lane.accepted(1.0)
    assert take(lane, frame(1, 2), 1.0, polls=True) == [1, 2]


@pytest.mark.parametrize("polls", [False, True])
def test_a_server_that_counts_from_one_again_is_noticed_at_its_first_message(polls: bool) -> None:
    """Under traffic, without a pause; then everything stored is asked for."""
    lane = policy(backfill=True)
    for second in range(1, 6):
        if polls or second == 1:
            lane.next_mid(polls=polls)
            lane.accepted(float(second))
        assert take(lane, frame(second * 100), float(second), polls=polls) == [second * 100]
    received = lane.receive(frame(1), ARRIVAL, 5.1, polls=polls)
    assert received.was_reset
    assert stored(lane, received) == [1]
    assert lane.session.resume_point() == "0" * 26
    assert not lane.receive(frame(2), ARRIVAL, 5.2, polls=polls).was_reset


@pytest.mark.parametrize("polls", [False, True])
def test_disorder_and_missed_messages_are_no_reset(polls: bool) -> None:
    """A late message of this second, and one that a resume brings after all."""
    lane = policy(backfill=True)
    for second in range(1, 6):
        lane.next_mid(polls=polls)
        lane.accepted(float(second))
        take(lane, frame(second * 100), float(second), polls=polls)
    assert not lane.receive(frame(499), ARRIVAL, 5.2, polls=polls).was_reset
    assert not lane.receive_audit(frame(150), ARRIVAL, 5.3, mid(100)).was_reset


@pytest.mark.parametrize("polls", [True, False])
def test_a_reset_is_one_reset_however_long_its_traffic_goes_on(polls: bool) -> None:
    """Every later message has a mid that an earlier one had, too."""
    lane = policy()
    lane.begin(mid(0))
    lane.next_mid(polls=polls)
    lane.accepted(0.0)
    for number in range(1, 41):
        assert take(lane, frame(number), number / 10, polls=polls) == [number]
    resets = 0
    for number in range(1, 41):
        now = 6.0 + number / 10
        received = lane.receive(frame(number, sent=BEGUN + 1), ARRIVAL, now, polls=polls)
        resets += received.was_reset
        assert stored(lane, received) == [number]
        lane.next_mid(polls=polls)
        lane.accepted(now)
    assert resets == 1


def test_a_lane_starts_over_after_a_reset_that_only_its_sibling_noticed() -> None:
    """It was switched off, or got no message: its position is one that the server forgot."""
    busy = policy()
    quiet = HistoryPolicy(
        Session(TextCodec(), busy.session.seen.sibling()),
        since=BEGUN,
        resumed=False,
        backfill=False,
    )
    for lane, number in ((busy, 50), (quiet, 51)):
        lane.begin(mid(0))
        lane.next_mid(polls=True)
        lane.accepted(1.0)
        assert take(lane, frame(number), 1.1, polls=True) == [number]
    busy.next_mid(polls=True)
    assert busy.receive(frame(50, sent=BEGUN + 1), ARRIVAL, 5.0, polls=True).was_reset
    assert not quiet.follow_siblings()
    assert quiet.next_mid(polls=True) == mid(0)
    take(busy, frame(50, sent=BEGUN + 1), 5.0, polls=True)
    assert quiet.follow_siblings()
    assert quiet.next_mid(polls=True) == "0" * 26
    received = quiet.receive(frame(3, sent=BEGUN + 1), ARRIVAL, 6.5, polls=True)
    assert (stored(quiet, received), received.was_reset) == ([3], False)


def test_a_wipe_before_the_first_message_is_noticed() -> None:
    """What was stored at the beginning is a position too, a second after a message has come."""
    lane = policy()
    assert lane.next_mid(polls=False) is None
    lane.accepted(1.0)
    lane.begin(mid(50))
    assert take(lane, frame(1), 5.0) == [1]
    received = lane.receive(frame(2), ARRIVAL, 6.3, polls=False)
    assert (stored(lane, received), received.was_reset) == ([2], True)
    assert lane.session.audit_point() == "0" * 26


def test_a_message_that_a_sibling_had_first_proves_a_reset_too() -> None:
    """The sibling had no position, so it was no reset for it; this lane's position is too late."""
    placed = policy()
    placed.begin(mid(0))
    placed.next_mid(polls=False)
    placed.accepted(1.0)
    assert take(placed, frame(50), 1.1) == [50]
    placed.next_mid(polls=False)
    placed.accepted(2.0)
    assert placed.next_mid(polls=False) == mid(50)
    fresh = HistoryPolicy(
        Session(TextCodec(), placed.session.seen.sibling()),
        since=BEGUN,
        resumed=False,
        backfill=True,
    )
    assert take(fresh, frame(3, sent=BEGUN + 1), 3.0) == [3]
    placed.accepted(3.0)
    received = placed.receive(frame(3, sent=BEGUN + 1), ARRIVAL, 3.1, polls=False)
    assert (stored(placed, received), received.was_reset) == ([], True)
    assert placed.next_mid(polls=False) == "0" * 26
    assert not placed.receive(frame(3, sent=BEGUN + 1), ARRIVAL, 9.0, polls=False).was_reset


def test_the_message_that_proves_a_reset_is_written_with_no_older_position() -> None:
    """A process that is killed after it must not resume from before the reset."""
    lane = policy(backfill=True)
    lane.next_mid(polls=False)
    lane.accepted(1.0)
    take(lane, frame(50), 1.1)
    position = lane.receive(frame(3), ARRIVAL, 5.0, polls=False).batch.position
    assert position == Position(safe="0" * 26)


AGAIN = {
    "the same numbers": range(1, 131),
    "other numbers": [*range(2, 100, 2), *range(101, 131)],
    "lower numbers and higher ones": [1, 2, 3, *range(101, 131)],
}


@pytest.mark.parametrize("numbers", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("polls", [True, False])
def test_a_count_that_passed_the_position_unseen_is_found_by_the_next_audit(
    polls: bool, numbers: Sequence[int]
) -> None:
    """The connection brings only what is after the position, and that looks like news."""
    lane = policy(backfill=True)
    lane.next_mid(polls=polls)
    lane.accepted(1.0)
    odd = list(range(1, 100, 2))
    assert take(lane, frame(*odd), 1.1, polls=polls) == odd
    assert asked(lane, odd, 3.0) == []
    lane.accepted(4.0)
    for now in (10.0, 11.0):  # the storage was wiped at 5.0
        point = lane.next_mid(polls=polls) or ""
        lane.accepted(now)
        later = [n for n in numbers if mid(n) > point]
        take(lane, frame(*later, sent=BEGUN + 5), now, polls=polls)
    assert lane.session.audit_point() == mid(68)
    found = asked(lane, numbers, 13.0) + asked(lane, numbers, 14.0)
    assert sorted(found) == [n for n in numbers if n < 100]
    assert asked(lane, numbers, 15.0) == []


def test_a_late_message_does_not_make_a_reset_of_an_audit() -> None:
    """It was on its way when the audit before was asked."""
    lane = policy(backfill=True)
    lane.next_mid(polls=False)
    lane.accepted(1.0)
    take(lane, frame(1, 2, 3), 1.1)
    take(lane, frame(6), 3.0)
    assert asked(lane, [1, 2, 3, 6], 3.1) == []
    received = lane.receive_audit(frame(5), ARRIVAL, 6.0, mid(0), confirmed=mid(3))
    assert (stored(lane, received), received.was_reset) == ([5], False)


def asked(lane: HistoryPolicy, numbers: Sequence[int], now: float) -> list[int]:
    """Return the new messages of an audit that a server with these stored messages answers."""
    sent = BEGUN - 5 if now < 5 else BEGUN + 5
    question, came = lane.ask_audit(now), list[int]()
    for point in (question.point, lane.session.history_point):
        after = [n for n in numbers if mid(n) > (point or "")]
        answer = frame(*after, sent=sent)
        received = lane.receive_audit(answer, ARRIVAL, now, point, question.confirmed)
        came += stored(lane, received)
        if not question.expected or question.is_same_history(received):
            break
    lane.session.audited(question, received)
    return came


def test_an_audit_does_not_make_news_of_what_was_asked_before_it() -> None:
    """A lane without a position recognises old messages by their time until its next request."""
    lane = policy(resumed=True)
    assert lane.next_mid(polls=True) == FULL_HISTORY
    assert asked(lane, [1], 1.0) + asked(lane, [1], 1.0) == []
    assert lane.session.audit_point() == mid(1)
    lane.accepted(1.1)
    assert take(lane, frame(1), 1.1, polls=True) == []
    assert lane.next_mid(polls=True) == mid(1)
    assert take(lane, frame(2), 1.2, polls=True) == [2]
