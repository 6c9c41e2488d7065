"""A text frame is read in linear time, whatever its bodies are."""

import time

import pytest

from bxpull_nb.models import BadFrame, Event, Message
from bxpull_nb.protocol.codec import TextCodec

BETWEEN = "#!NGINXNME!##!NGINXNMS!#"
COUNT = 20_000


def frame(body: str, count: int) -> str:
    """A frame of so many messages with this body, and a readable one at its end."""
    messages = [Message(f"1795447844{n:016}", body) for n in range(count)]
    return TextCodec().encode([*messages, Message("9" * 26, '{"command":"last"}')])


@pytest.mark.parametrize(
    "body",
    [
        '{"command',
        '"',
        '"\\',
        "",
        "1 2",
        "[" * 50,
        '"a\n\n\nb',
        f'{{"a":"{BETWEEN}',
        "#!NGINXNME!#",
    ],
)
def test_unreadable_messages_are_read_in_linear_time(body: str) -> None:
    """Each is a row of its own, and none takes the next with it; 20 000 took 10 s."""
    content = frame(body, COUNT)
    begun = time.process_time()
    records = TextCodec().decode(content)
    assert time.process_time() - begun < 2
    assert len(records) >= COUNT + 1
    assert isinstance(records[-1], Event)
    assert records[-1].command == "last"


@pytest.mark.parametrize("inside", [BETWEEN, BETWEEN * 20_000, "#!NGINXNME!#", "#!NGINXNMS!#"])
def test_markers_in_a_string_are_text(inside: str) -> None:
    """However many; the messages around it are read."""
    content = frame(f'{{"command":"c","params":{{"a":"{inside}"}}}}', 3)
    begun = time.process_time()
    records = TextCodec().decode(content)
    assert time.process_time() - begun < 2
    assert not any(isinstance(record, BadFrame) for record in records)
    assert [record.command for record in records if isinstance(record, Event)] == [
        *["c"] * 3,
        "last",
    ]
