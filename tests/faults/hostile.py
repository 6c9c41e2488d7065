"""Messages that any client may send: bodies of a client or the back end, and frames of a server."""

from collections.abc import Callable

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import codec_for
from tests.faults.fuzz import BOMBS, with_body

__all__ = ["BODIES", "frames"]

_TIMES = [
    "1" + "0" * 400, "-1" + "0" * 400, "1e400", "1e308", "-1e308", "-70000000000", "9000000000",
    "NaN", "Infinity", '"nan"', '"inf"', '"1795448999"', "true", "null", "[]", "{}", "-0.0",
]  # fmt: skip
_IN_EXTRA = '{"command":"hostile","extra":{"server_time_unix":%s}}'
_FALSE_END = (
    '{"module_id":"pull","command":"%s","params":{"action":"reconnect","channel":{"id":"",'
    '"type":"shared"},"new_channel":{"id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","type":"shared",'
    '"start":"2026-01-01T00:00:00+00:00","end":"2099-01-01T00:00:00+00:00"}}}'
)
_WRONG_TYPES = [
    '{"module_id":[],"command":{},"params":7}', '{"module_id":true,"command":1.5,"params":null}',
    '{"command":"hostile","extra":[]}', '{"command":"hostile","extra":{"sender":[1]}}',
    "[]", "5", '"text"', "null", "true", "{}", "", " ", '{"params":', "#!NGINXNME!#",
]  # fmt: skip


def _can_be_published(body: str) -> bool:
    """Whether UTF-8 can encode the body: the sandbox publishes no other."""
    try:
        body.encode()
    except UnicodeEncodeError:
        return False
    return True


BODIES = [
    body
    for body in (
        *(_IN_EXTRA % time for time in _TIMES),
        *_WRONG_TYPES,
        _FALSE_END % "channel_expire",
        *(
            place % bomb
            for place in ("%s", '{"command":"hostile","params":%s}', '{"extra":%s}')
            for bomb in BOMBS.values()
        ),
    )
    if _can_be_published(body)
]
"""Numbers and times without bounds, deep nesting, wrong types, false ends of a channel."""


def frames(version: int) -> list[str | bytes]:
    """Return frames of a server of this version: no mid, odd mids, and text that is not UTF-8."""
    return [make(version) for make in _MAKERS]


def _odd_mid(mid: str) -> Callable[[int], str | bytes]:
    def make(version: int) -> str | bytes:
        codec, usual = codec_for(version), "1795447844" + "0" * 15 + "7"
        frame = codec.encode([Message(usual, '{"command":"hostile"}')])
        if isinstance(frame, str):
            return frame.replace(usual, mid)
        return with_body(mid.encode().hex(), b'{"command":"hostile"}')

    return make


def _not_utf8(version: int) -> bytes:
    if version == 4:
        return with_body("1795447844" + "0" * 15 + "7", b'{"command":"\xff\xfe"}')
    frame = codec_for(version).encode(
        [Message("", '{"command":"hostile"}')] if version == 5 else []
    )
    return str(frame).encode() + b'#!NGINXNMS!#{"mid":"","text":"\xff\xfe\x00"}#!NGINXNME!#'


_MAKERS: list[Callable[[int], str | bytes]] = [_odd_mid(""), _odd_mid("abc"), _not_utf8]
