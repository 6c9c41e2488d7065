"""Which messages are older than the capture, and what proves a reset: decided by mids."""

import pytest

from bxpull_nb.models import Arrival, Message, Position
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import HistoryPolicy, Received, SeenMids, Session

ARRIVAL = Arrival(1_767_225_700_000_000, "shared", "websocket")
BEGUN = 1_767_225_600.0


def mid(number: int) -> str:
    """Return the message id of this number."""
    return f"1795447844{number:016}"


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
    held.begin(None)
    held.accepted(1.0)
    assert take(held, frame(1), 1.0, polls=True) == [1]


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
    assert quiet.next_mid(polls=True) == mid(0)
    take(busy, frame(50, sent=BEGUN + 1), 5.0, polls=True)
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
    received = lane.receive(frame(2), ARRIVAL, 6.1, polls=False)
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
