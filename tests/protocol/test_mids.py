"""Which message ids are numbers that a server counted; the others have no order."""

import pytest

from bxpull_nb.models import Arrival
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import SeenMids, Session, is_counted
from bxpull_nb.protocol.session.mids import just_before
from bxpull_nb.storage.journal.state import greatest_of

COUNTED = "1795447844" + "0" * 15 + "7"
ZEROS = {"arabic": 0x660, "devanagari": 0x966, "full width": 0xFF10, "mathematical": 0x1D7CE}
OTHERS = [
    "",
    COUNTED[:-1],
    COUNTED + "0",
    f" {COUNTED[1:]}",
    f"+{COUNTED[1:]}",
    f"{COUNTED[:-1]}\n",
    f"1_{COUNTED[2:]}",
    "f" * 26,
]


def in_digits(name: str) -> str:
    """The counted mid, written in these digits."""
    return "".join(chr(ZEROS[name] + int(digit)) for digit in COUNTED)


@pytest.mark.parametrize("mid", ["0" * 26, "9" * 26, COUNTED])
def test_26_digits_are_counted(mid: str) -> None:
    """Whatever their number."""
    assert is_counted(mid)


@pytest.mark.parametrize("mid", [*OTHERS, *map(in_digits, ZEROS)])
def test_any_other_text_is_not(mid: str) -> None:
    """Also where Python reads it as a number: it sorts after all that a server counts."""
    assert not is_counted(mid)


@pytest.mark.parametrize("name", ZEROS)
def test_a_mid_in_other_digits_moves_no_position(name: str) -> None:
    """A lane would ask for what comes after it, and get nothing any more."""
    foreign = in_digits(name)
    session = Session(TextCodec(), SeenMids())
    frame = '{{"id":1,"mid":"{}","channel":"-","text":{{"command":"c"}}}}'
    content = "".join(f"#!NGINXNMS!#{frame.format(mid)}#!NGINXNME!#" for mid in (COUNTED, foreign))
    received = session.receive(content, Arrival(1, "shared", "websocket"))
    session.stored(received)
    assert [record.mid for record in received.batch.records] == [COUNTED, foreign]
    assert session.newest in (None, COUNTED)
    assert greatest_of(received.batch.records) == COUNTED


def test_the_mid_before_keeps_its_length() -> None:
    """So that texts sort as numbers."""
    assert just_before(COUNTED) == COUNTED[:-1] + "6"
    assert just_before("1" + "0" * 25) == "0" + "9" * 25
