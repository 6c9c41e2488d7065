"""The time that an audit covers: known messages that come again are the proof."""

from collections.abc import Sequence

import pytest

from bxpull_nb.models import Arrival, Batch, Message, Position
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import Audit, Received, SeenMids, Session
from tests.support.events import mid

ARRIVAL = Arrival(1767225600000000, "shared", "websocket")
ASKED = 1767225660000000
CAME = ARRIVAL.received_us


def frame(numbers: Sequence[int], sent: float = 1767225600.0) -> str:
    """Return a text frame with these messages."""
    body = f'{{"command":"c","extra":{{"server_time_unix":{sent}}}}}'
    return TextCodec().encode([Message(mid(number), body) for number in numbers])


def asked(lane: Session, numbers: list[int], sent: float = 1767225600.0) -> int | None:
    """Audit the lane, of which the server stores these messages; return what is covered."""
    question = lane.ask_audit(lane.newest or "")
    answer = lane.receive(frame(numbers, sent), ARRIVAL, wanted=question.wanted)
    lane.stored(answer)
    lane.audited(question, answer)
    return question.covered_since(answer, ASKED)


def take(lane: Session, number: int) -> None:
    """Receive a message by a connection."""
    lane.stored(lane.receive(frame([number]), ARRIVAL))


def begun(seen: SeenMids | None = None) -> Session:
    """Return the session of a lane for which nothing was stored at the beginning."""
    lane = Session(TextCodec(), seen or SeenMids())
    lane.begin(None)
    return lane


@pytest.mark.parametrize(
    ("stored", "since"),
    [([1, 2, 3], CAME), ([2, 3], ASKED), ([9], ASKED), ([], ASKED)],
)
def test_the_first_audit_covers_the_time_since_a_message_that_is_still_stored(
    stored: list[int], since: int
) -> None:
    """What came before it may have been wiped, when nothing was known at the beginning."""
    lane = begun()
    take(lane, 1)
    take(lane, 2)
    assert asked(lane, stored) == since


@pytest.mark.parametrize(("stored", "since"), [([2, 3], None), ([3], ASKED), ([1795], ASKED)])
def test_a_later_audit_covers_all_where_a_message_of_the_last_one_comes_again(
    stored: list[int], since: int | None
) -> None:
    """A message that came after the last audit does not prove that nothing was wiped since it."""
    lane = begun()
    take(lane, 2)
    assert asked(lane, [2]) == CAME
    take(lane, 3)
    assert asked(lane, stored) == since


def test_a_message_that_only_a_sibling_had_is_no_proof() -> None:
    """It may be one of after a wipe, which the sibling received first."""
    seen = SeenMids()
    lane, sibling = begun(seen), begun(seen.sibling())
    for number in (1, 3):
        take(lane, number)
    assert asked(lane, [1, 3]) == CAME
    sibling.stored(sibling.receive(frame([2], sent=1767225700.0), ARRIVAL))
    assert asked(lane, [2], sent=1767225700.0) == ASKED


@pytest.mark.parametrize(("stored", "since"), [([2, 3], None), ([3], ASKED)])
def test_the_proof_goes_along_with_the_position(stored: list[int], since: int | None) -> None:
    """A process that continues asks for what the last audit of the one before it found."""
    seen = SeenMids()
    lane = begun(seen)
    take(lane, 2)
    asked(lane, [2])
    take(lane, 3)
    assert lane.position == Position(mid(2), mid(1), mid(3), found=mid(2))
    later = Session(TextCodec(), seen)
    later.restore(Batch(position=lane.position))
    assert asked(later, stored) == since


def test_a_renewed_channel_is_covered_since_its_own_first_message() -> None:
    """The messages of the channel before are not stored in it, so they prove nothing."""
    lane = begun()
    take(lane, 2)
    asked(lane, [2])
    lane.forget_confirmed()
    lane.stored(lane.receive(frame([3]), Arrival(ASKED - 5, "shared", "websocket")))
    assert lane.found == ""
    assert asked(lane, [3]) == ASKED - 5


@pytest.mark.parametrize(("is_witnessed", "since"), [(True, None), (False, ASKED), (None, None)])
def test_a_message_of_the_channel_before_decides_for_its_successor(
    is_witnessed: bool | None, since: int | None
) -> None:
    """Those of the successor say nothing of the time before they were known."""
    audit = Audit(None, None, 0, found=mid(5), is_witnessed=is_witnessed)
    assert audit.covered_since(Received(again=[mid(5)]), ASKED) == since


def test_an_answer_that_proves_a_reset_covers_nothing_before_it() -> None:
    """Whatever it brings again."""
    audit = Audit(None, None, 0, found=mid(5))
    assert audit.covered_since(Received(was_reset=True, again=[mid(5)]), ASKED) == ASKED


def test_what_the_first_answer_brought_is_no_proof_in_the_second_one() -> None:
    """A sibling had it first, so that the lane took it over."""
    audit = Audit(mid(4), None, 0, expected=mid(9), found=mid(7), first=(mid(6), 5)).of_older()
    assert (audit.expected, audit.found, audit.first) == (mid(4), mid(4), ("", 0))
    assert audit.covered_since(Received(again=[mid(4)]), ASKED) is None
    assert Audit(None, None, 0, expected=mid(9), found=mid(7)).of_older().wanted == ""
