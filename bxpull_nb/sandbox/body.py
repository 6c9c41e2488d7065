"""Reading the body of a request, up to the limit that the servers set."""

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["LARGEST_BODY", "BodyTooLarge", "answer_disconnected", "read_body"]

LARGEST_BODY = 1024 * 1024
"""Bytes; a larger body is answered with HTTP 413."""


class BodyTooLarge(Exception):  # noqa: N818 - named after the HTTP status it becomes
    """The request's body is over 1 MiB."""


async def read_body(request: Request) -> bytes:
    """Return the whole body; raises BodyTooLarge as soon as more than 1 MiB has come."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
    return bytes(body)


async def answer_disconnected(_request: Request, _exc: Exception) -> Response:
    """Return a response to a client that left in the middle of its request."""
    return Response(status_code=400)
