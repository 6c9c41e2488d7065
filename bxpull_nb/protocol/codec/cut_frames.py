"""Saves the messages that came whole from a frame that was cut on its way.

The next request then asks for the rest. Otherwise it would ask for everything again, and be cut at
the same place.
"""

from bxpull_nb.protocol.codec.json_items import whole_items

__all__ = ["whole_messages"]

_START, _END = b"#!NGINXNMS!#", b"}#!NGINXNME!#"
_FIELD = b"\x0a"  # field 1 with a length: each level of a ResponseBatch down to its messages
_LEVELS = 2  # responses and their outgoing messages, above the single messages


def whole_messages(frame: bytes) -> bytes | None:
    """Return a frame of the messages that came whole, in the same dialect; None without any.

    A frame that was not cut is returned as it is.

    >>> whole_messages(b'[{"mid": "1"}, {"mid": "2')
    b'[{"mid": "1"}]'
    """
    if frame.startswith(_START):
        return _whole_text(frame) or None
    if frame.startswith(_FIELD):
        return _whole_fields(frame, _LEVELS) or None
    if frame.startswith(b"["):
        items = whole_items(frame.decode("latin-1"))  # a character of UTF-8 may be cut
        return None if items is None else items.encode("latin-1")
    return None


def _whole_text(frame: bytes) -> bytes:
    """Return everything up to the last end marker that ends a message."""
    if frame.rstrip().endswith(_END):
        return frame
    end = frame.rfind(_END)
    return frame[: end + len(_END)] if end >= 0 else b""


def _whole_fields(data: bytes, levels: int) -> bytes:
    """Return the whole fields, and the whole part of the last one, as far down as `levels`."""
    at = 0
    while at < len(data):
        start, length = _head(data, at)
        if start < 0:
            break
        if start + length > len(data):
            inner = _whole_fields(data[start:], levels - 1) if levels else b""
            return data[:at] + (_FIELD + _varint(len(inner)) + inner if inner else b"")
        at = start + length
    return data[:at]


def _head(data: bytes, at: int) -> tuple[int, int]:
    """Return where a field's content begins, and its length; -1 for a cut or another field."""
    length, shift = 0, 0
    for place in range(at + 1, min(at + 6, len(data))):
        length |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return (place + 1, length) if data[at : at + 1] == _FIELD else (-1, 0)
    return -1, 0


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
