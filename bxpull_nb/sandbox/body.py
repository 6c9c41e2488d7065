"""The body of a request, within the bounds the servers set."""

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["LARGEST_BODY", "BodyTooLarge", "answer_nobody", "read_body"]

LARGEST_BODY = 1024 * 1024
"""Bytes; one more is answered with HTTP 413."""


class BodyTooLarge(Exception):  # noqa: N818 - named after the HTTP status it becomes
    """The request's body is over 1 MiB."""


async def read_body(request: Request) -> bytes:
    """The whole body; raises BodyTooLarge as soon as it is known to be over 1 MiB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
    return bytes(body)


async def answer_nobody(_request: Request, _exc: Exception) -> Response:
    """The answer where the client went before its request was whole: nobody reads it."""
    return Response(status_code=400)
