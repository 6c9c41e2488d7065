"""Proxies on this machine: one that speaks HTTP, one that speaks SOCKS 5."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["closed_port", "http_proxy", "socks_proxy"]


def closed_port() -> int:
    """Return a port of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def http_proxy(target: str, status: str = "200 OK") -> Iterator[tuple[int, list[str]]]:
    """Serve CONNECT, always to `target` (`host:port`); yield the port, and what was asked for."""

    def hello(client: socket.socket, asked: list[str]) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            char = client.recv(1)
            if not char.isascii() or not char.strip(b"\x00\x16"):  # closed, or TLS
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return False
            head += char
        asked.append(head.decode())
        client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
        return status.startswith("200")

    with _proxy(target, hello) as served:
        yield served


@contextmanager
def socks_proxy(target: str) -> Iterator[tuple[int, list[str]]]:
    """Serve SOCKS 5, always to `target`; yield the port, and the hosts that were asked for."""

    def hello(client: socket.socket, asked: list[str]) -> bool:
        client.recv(2 + 255)
        client.sendall(b"\x05\x00")
        request = client.recv(262)
        asked.append(repr(request[4:]))
        client.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return True

    with _proxy(target, hello) as served:
        yield served


@contextmanager
def _proxy(
    target: str, hello: Callable[[socket.socket, list[str]], bool]
) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []
    host, _, port = target.rpartition(":")

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client:
            if hello(client, asked):
                with socket.create_connection((host, int(port))) as server:
                    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                    back.start()
                    _pump(client, server)
                    back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
