"""The newest message of a history that comes in parts."""

import pytest

from bxpull_nb.errors import FrameTooLarge
from bxpull_nb.models import Arrival, Message
from bxpull_nb.protocol.codec import Codec, JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.protocol.session import NewestStored, SeenMids, Session, newest_stored
from tests.support.events import mid

HOSTILE = '{"a":"#!NGINXNME!##!NGINXNMS!#{\\"mid\\":\\"99999999999999999999999999\\"}#!NGINXNME!#"}'


def history(codec: Codec, count: int, body: str = '{"command":"Жук"}') -> bytes:
    """Return so many messages as they travel."""
    frame = codec.encode([Message(mid(n), body) for n in range(1, count + 1)])
    return frame.encode() if isinstance(frame, str) else frame


def read(codec: Codec, content: bytes, size: int, session: Session | None = None) -> NewestStored:
    """Read the content in parts of `size` bytes, each taken at once."""
    stored = NewestStored(session or Session(codec, SeenMids()))
    for at in range(0, len(content), size):
        if stored.add(content[at : at + size]):
            stored.take()
    stored.take(is_end=True)
    return stored


@pytest.mark.parametrize("body", ['{"command":"Жук"}', HOSTILE, "not JSON", '"#!NGINXNMS!#"'])
def test_a_text_history_may_be_cut_anywhere(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a marker, a character or a body that holds markers."""
    monkeypatch.setattr(newest_stored, "_PART", 1)
    content = history(TextCodec(), 4, body)
    for size in (1, 7, 100, 10_000):
        assert read(TextCodec(), content, size).newest == mid(4), size


@pytest.mark.parametrize("codec", [ProtobufCodec(), JsonCodec(), JsonRpcCodec()])
def test_another_dialect_is_read_at_its_end(codec: Codec) -> None:
    """A server may ignore the wish for text."""
    assert read(codec, history(codec, 9), 50).newest == mid(9)


def test_another_dialect_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be read in parts, so all of it would be in memory."""
    monkeypatch.setattr(newest_stored, "_LARGEST", 1000)
    with pytest.raises(FrameTooLarge, match="stores more than can be read"):
        read(JsonCodec(), history(JsonCodec(), 50), 100)


def test_nothing_stored_has_no_newest() -> None:
    """An answer may be empty."""
    stored = read(TextCodec(), b"", 1)
    assert (stored.newest, stored.newest_of_history) == (None, None)


def test_a_late_answer_is_history_unless_a_connection_brought_it() -> None:
    """One message alone may be a new one."""
    codec = TextCodec()
    assert read(codec, history(codec, 2), 99).newest_of_history == mid(2)
    assert read(codec, history(codec, 1), 99).newest_of_history is None
    session = Session(codec, SeenMids())
    session.stored(session.receive(history(codec, 2).decode(), Arrival(1, "shared", "websocket")))
    assert read(codec, history(codec, 2), 99, session).newest_of_history is None
