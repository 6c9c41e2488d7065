"""The records of a journal as bytes, and a scan of a file for them.

A file is a magic, a version (u16, little-endian) and records. A record is

    mark (4 bytes) | length of body (u32) | crc32 of all that follows (u32) | length of head (u32)
    head (msgpack) | body

The mark lets a reader find the next record after a damaged one; the check sum covers the length
of the head too. The body of a frame's record is the frame as it came, or compressed (zstd).

Reasons (microseconds and bytes an event, for frames of 50 and of 1 message of 395 bytes, two shared
cores, `python -m tests.benchmarks.journal`): raw records 0.5 and 4.8, 395 bytes; zstd for each
frame 0.6 and 14, 17 and 319 bytes; SQLite (WAL, no sync) 1.1 and 10, 410 bytes. Arrow, Parquet
and JSON lines, measured earlier, cost 1.5 to 9. Reading costs 1.5 and 4.1. One zstd stream for all
of a file is as quick and as small, but one damaged byte would cost all bytes after it.
"""

from collections.abc import Iterator
from struct import Struct
from zlib import crc32

import msgspec
import pyarrow as pa

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, Batch, Position
from bxpull_nb.protocol.codec import JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec

__all__ = [
    "PREAMBLE",
    "VERSION",
    "CaptureStarted",
    "Damage",
    "FileHeader",
    "FoundRecord",
    "FrameHead",
    "Head",
    "batch_of",
    "pack",
    "pack_batch",
    "scan",
    "version_of",
]

_MAGIC = b"bxpull journal"
_VERSION = Struct("<H")
VERSION = 1
PREAMBLE = _MAGIC + _VERSION.pack(VERSION)
_MARK = b"\xffBx\x01"  # the first byte is in no UTF-8 text
_FIXED = Struct("<4sIII")
_WORTH_COMPRESSING = 2048  # bytes; smaller frames gain a third and cost three times the work
_LARGEST = 2**29  # bytes of an unpacked frame
_CHECKED_FROM = 12  # the check sum covers the length of the head, the head and the body
_CHANNEL = UNKNOWN_ARRIVAL.source
_CODECS = {one.dialect: one for one in (TextCodec(), JsonCodec(), JsonRpcCodec(), ProtobufCodec())}


class FileHeader(msgspec.Struct, frozen=True, array_like=True, tag="opened"):
    """The first record of every file."""

    created_us: int
    """Microseconds since 1970, UTC."""
    portal: str = ""
    """The portal's masked name."""
    since: float | None = None
    """The beginning of the capture before this file: Unix seconds by the portal's clock."""
    newest: tuple[tuple[str | None, str], ...] = ()
    """The newest mid of each channel before this file."""
    positions: tuple[tuple[str | None, Position], ...] = ()
    """The position of each channel before this file; earlier versions did not write it."""


class CaptureStarted(msgspec.Struct, frozen=True, array_like=True, tag="begun"):
    """The record that the capture begins, or that the beginning of a channel was found."""

    since: float
    """Unix seconds by the portal's clock."""
    beginnings: tuple[tuple[str | None, str], ...] = ()
    """After which mid each of these channels began."""


class FrameHead(msgspec.Struct, frozen=True, array_like=True, tag="frame"):
    """The facts that a batch needs and its frame does not hold."""

    is_text: bool
    dialect: str
    received_us: int | None = None
    channel: str | None = None
    transport: str | None = None
    left_out: tuple[int, ...] = ()
    position: Position | None = None
    unpacked: int = 0
    """Bytes of the frame if its body is compressed (zstd), else 0."""
    source: str | None = None
    """`offline` or `chat`; None for a channel, the only source of earlier versions."""


Head = FileHeader | CaptureStarted | FrameHead
_encode_head = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(Head).decode


class FoundRecord(msgspec.Struct, frozen=True):
    """A record that a scan found."""

    head: Head
    body: bytes
    end: int
    """The place of the next record."""


class Damage(msgspec.Struct, frozen=True):
    """Bytes that hold no record."""

    start: int
    end: int
    is_tail: bool
    """Whether nothing readable follows."""


def pack(head: Head, body: bytes = b"") -> bytes:
    """Return the bytes of a record."""
    packed = _encode_head(head)
    rest = b"".join((len(packed).to_bytes(4, "little"), packed, body))
    return _FIXED.pack(_MARK, len(body), crc32(rest), len(packed)) + rest[4:]


def pack_batch(batch: Batch, position: Position | None, compress: bool = False) -> bytes:
    """Return the bytes of a frame's record."""
    frame = batch.frame or b""
    body = frame if isinstance(frame, bytes) else frame.encode(errors="surrogatepass")
    unpacked = len(body) if compress and len(body) >= _WORTH_COMPRESSING else 0
    arrival = batch.arrival
    head = FrameHead(
        isinstance(frame, str),
        batch.dialect,
        arrival.received_us,
        arrival.channel,
        arrival.transport,
        tuple(batch.left_out),
        position,
        unpacked,
        None if arrival.source == _CHANNEL else arrival.source,
    )
    return pack(head, pa.compress(body, "zstd", asbytes=True) if unpacked else body)


def batch_of(head: FrameHead, body: bytes) -> Batch:
    """Return the batch with equal records; its duplicates are all that were left out.

    Raises FileFormatError for a frame that another program, or a later version, wrote.
    """
    frame = _frame_of(head, body)
    arrival = Arrival(head.received_us, head.channel, head.transport, head.source or _CHANNEL)
    records = _CODECS[head.dialect].decode(frame, arrival)
    mids = records.mids
    duplicates = tuple(mid for at in head.left_out if at < len(mids) and (mid := mids[at]))
    kept = records.without(head.left_out)
    return Batch(kept, frame, head.dialect, duplicates, head.left_out, head.position)


def _frame_of(head: FrameHead, body: bytes) -> str | bytes:
    if head.dialect not in _CODECS:
        raise FileFormatError(f"a frame's dialect is {quoted(head.dialect)}, which is not known.")
    try:
        if head.unpacked:
            if not 0 < head.unpacked <= _LARGEST:
                raise ValueError("no such size")
            body = pa.decompress(body, head.unpacked, "zstd", asbytes=True)
        return body.decode(errors="surrogatepass") if head.is_text else body
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise FileFormatError(f"a frame cannot be unpacked ({reason_of(exc)}).") from None


def version_of(data: bytes) -> int | None:
    """Return the version of a journal's file, None for another kind of file."""
    if not data.startswith(_MAGIC) or len(data) < len(PREAMBLE):
        return None
    return int(_VERSION.unpack_from(data, len(_MAGIC))[0])


def scan(data: bytes, at: int = len(PREAMBLE)) -> Iterator[FoundRecord | Damage]:
    """Yield the records from `at` on, and the damage between and after them."""
    while at < len(data):
        found = _record_at(data, at)
        if found is None:
            start, found = at, _next_record(data, at + 1)
            yield Damage(start, len(data) if found is None else found[0], found is None)
            if found is None:
                return
        yield found[1]
        at = found[1].end


def _next_record(data: bytes, at: int) -> tuple[int, FoundRecord] | None:
    while (at := data.find(_MARK, at)) >= 0:
        found = _record_at(data, at)
        if found is not None:
            return found
        at += 1
    return None


def _record_at(data: bytes, at: int) -> tuple[int, FoundRecord] | None:
    """Return the place and the record at `at`; None if there is no whole record."""
    if len(data) - at < _FIXED.size:
        return None
    mark, length, checksum, head_length = _FIXED.unpack_from(data, at)
    body_at = at + _FIXED.size + head_length
    end = body_at + length
    if mark != _MARK or end > len(data):
        return None
    if crc32(memoryview(data)[at + _CHECKED_FROM : end]) != checksum:
        return None
    try:
        head = _decode_head(memoryview(data)[at + _FIXED.size : body_at])
    except msgspec.DecodeError:
        return None
    return at, FoundRecord(head, data[body_at:end], end)
