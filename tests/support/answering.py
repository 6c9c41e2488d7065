"""Servers on this machine whose answers a test writes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

__all__ = ["Answer", "Request", "Send", "answering", "serving"]

Answer = Callable[..., str]


class Request(BaseHTTPRequestHandler):
    """One request, to which a test writes the answer."""

    protocol_version = "HTTP/1.1"
    body = b""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


Send = Callable[[Request], None]


@contextmanager
def serving(send: Send) -> Iterator[str]:
    """Serve at the address yielded; `send` writes the answer to every request."""

    class Handler(Request):
        def do_GET(self) -> None:
            self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with suppress(OSError):  # the client has seen enough
                send(self)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815 - the base class looks for this name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def answering() -> Iterator[Answer]:
    """Yield a function that starts a server with one answer to all requests."""
    with ExitStack() as servers:

        def start(status: int = 200, body: str = "", kind: str = "text/html", **more: str) -> str:
            content = body.encode()
            headers = {"Content-Type": kind, "Content-Length": str(len(content)), **more}

            def send(request: Request) -> None:
                request.send_response_only(status)  # without a Date of its own
                for name, value in headers.items():
                    request.send_header(name.replace("_", "-"), value)
                request.end_headers()
                request.wfile.write(content)

            return servers.enter_context(serving(send))

        yield start
