"""The body of an answer, unpacked and read within limits of size and time."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bxpull_nb.http.failures import AnswerTooSlow
from bxpull_nb.masking import quoted

__all__ = ["AnswerTooLarge", "UnreadableAnswer", "post", "unpacked", "whole_within"]

ANSWER_BYTES = 64 * 1024 * 1024
"""Bytes of an answer, unpacked; the largest batches of a portal have some 25 MB."""

ANSWER_SECONDS = 60.0
"""Seconds until the whole answer is there."""

_OF_THE_BODY = (b"content-encoding", b"content-length", b"transfer-encoding")


class UnreadableAnswer(httpx.DecodingError):
    """An answer came that is too large, or packed in an unknown way. The text is why."""


class AnswerTooLarge(UnreadableAnswer):
    """An answer came that is larger than its limit, unpacked."""


async def post(
    http: httpx.AsyncClient,
    url: str | httpx.URL,
    *,
    content: bytes | None = None,
    data: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = ANSWER_BYTES,
) -> httpx.Response:
    """Return the answer to a POST, read whole, within the limits of size and time.

    Packed answers are unpacked within the limit too; only gzip is asked for, and read. Raises
    UnreadableAnswer, AnswerTooSlow, and the other errors of httpx.
    """
    sent = {**(headers or {}), "Accept-Encoding": "gzip"}
    body = bytearray()
    try:
        async with (
            whole_within(ANSWER_SECONDS),
            http.stream("POST", url, content=content, data=data, headers=sent) as response,
        ):
            async for part in unpacked(response, max_bytes):
                body += part
    except httpx.InvalidURL:  # no HTTPError; httpx reads a Location even where it follows none
        raise UnreadableAnswer("it leads to another address, which is none") from None
    kept = [one for one in response.headers.raw if one[0].lower() not in _OF_THE_BODY]
    return httpx.Response(
        response.status_code, headers=kept, content=bytes(body), request=response.request
    )


@asynccontextmanager
async def whole_within(seconds: float) -> AsyncIterator[None]:
    """Raise AnswerTooSlow when the block, which reads an answer, takes longer.

    Every byte that comes in time begins the time-out of httpx again, so it may never end.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AnswerTooSlow(f"no whole answer within {seconds:g} s") from None


async def unpacked(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the parts of the body, up to `max_bytes`; only gzip is unpacked.

    httpx would unpack any number of bytes in one step. Raises AnswerTooLarge and UnreadableAnswer.
    """
    room = max_bytes
    async for part in _parts(response, max_bytes):
        yield part[:room]
        room -= len(part)
        if room < 0:
            limit = max_bytes / (1024 * 1024)
            raise AnswerTooLarge(f"it is larger than {limit:g} MB unpacked, the limit of an answer")


async def _parts(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the parts of the body, each of at most `max_bytes` and one."""
    if response.is_stream_consumed:  # a transport without a network gives it whole
        yield response.content
        return
    unpacker = _unpacker(response.headers.get("content-encoding", ""))
    size = 0
    async for raw in response.stream:  # type: ignore[union-attr]  # that of an asynchronous client
        size += len(raw)
        try:
            yield unpacker.decompress(raw, max_bytes + 1) if unpacker else raw
        except zlib.error:
            raise UnreadableAnswer("its gzip is damaged") from None
    if unpacker and not unpacker.eof and size:
        raise UnreadableAnswer("its gzip is cut off")


def _unpacker(encoding: str) -> Any:
    """Return what unpacks gzip; None for a body that is not packed."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise UnreadableAnswer(f"it is packed as {quoted(name)}, which was not asked for")
