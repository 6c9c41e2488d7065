"""What is sent in the benchmarks: messages as portals send them, about 480 bytes each.

`params` is about 110 of them. They are ASCII, for most portals escape other letters in their JSON;
`cyrillic` gives what the others send.
"""

from typing import Any

from bxpull_nb.models import Arrival, Event, Message
from bxpull_nb.protocol.codec import Codec

__all__ = ["ARRIVAL", "PER_FRAME", "body", "cyrillic", "events", "frames", "messages", "mid"]

PER_FRAME = 50
ARRIVAL = Arrival(1795447773000000, "shared", "websocket")
_BEGAN = 1795447772.25
_NAMES = (
    ("crm", "dealUpdate"),
    ("crm", "dealMove"),
    ("im", "message"),
    ("tasks", "task_update"),
    ("crm", "dealAdd"),
    ("bizproc", "workflowStarted"),
    ("im", "messageLike"),
)
_TITLES = ("Alpha Ltd: two pumps", "Beta & Co: service", "Gamma: spare parts", "Delta: tools")


def mid(number: int) -> str:
    """The message id of a number."""
    return f"1795447844{number:016}"


def params(number: int) -> str:
    """The event's own content, as JSON text."""
    return (
        f'{{"id":{100_000 + number},"title":"{_TITLES[number % 4]}","stage":"C{number % 5}:NEW",'
        f'"opportunity":{number % 90_000}.25,"currency":"EUR","responsible_id":{number % 40}}}'
    )


def sent_at(number: int) -> float:
    """Unix seconds by the portal's clock: a thousand messages a second."""
    return _BEGAN + number / 1000


def body(number: int) -> str:
    """The body as the portal publishes it."""
    module, command = _NAMES[number % 7]
    return (
        f'{{"module_id":"{module}","command":"{command}","params":{params(number)},'
        f'"extra":{{"server_time":"2026-11-23T15:29:32+00:00","server_time_unix":{sent_at(number)},'
        f'"server_name":"portal.example.com","revision_web":19,"revision_mobile":3}}}}'
    )


def messages(first: int, count: int) -> list[Message]:
    """So many messages from number `first` on."""
    return [
        Message(mid(n), body(n), "c" * 32, created=int(sent_at(n)), expiry=86_400)
        for n in range(first, first + count)
    ]


def frames(codec: Codec, count: int, per_frame: int = PER_FRAME) -> list[Any]:
    """So many messages in frames of `per_frame`: `str` or `bytes`, as the dialect has it."""
    return [codec.encode(messages(n, per_frame)) for n in range(0, count, per_frame)]


def cyrillic(frame: str) -> str:
    """The same text frame with unescaped Cyrillic in every fourth title."""
    return frame.replace("Delta: tools", "Заря: насосы")


def events(first: int, count: int) -> list[Event]:
    """The events of such messages, as a decoder gives them: those of a frame share an arrival."""
    made = []
    for n in range(first, first + count):
        if n % PER_FRAME == 0 or n == first:
            arrival = Arrival(
                round(sent_at(n) * 1e6) + 90_000, _CHANNELS[n % 200 < 150], "websocket"
            )
        module, command = _NAMES[n % 7]
        made.append(Event(mid(n), module, command, params(n).encode(), sent_at(n), None, arrival))
    return made


_CHANNELS = {True: "shared", False: "private"}
