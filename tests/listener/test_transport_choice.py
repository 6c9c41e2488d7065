"""The transport of the next connection."""

import pytest

from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.listener.transport import WebSocketTransport
from bxpull_nb.listener.transport_choice import TransportChoice
from bxpull_nb.models import PullServer

SERVER = PullServer(
    version=4, websocket_enabled=True, websocket="ws://push.example/sub/",
    long_polling="http://push.example/sub/",
)  # fmt: skip


class Ended(WebSocketTransport):
    """A WebSocket that has ended."""

    def __init__(self, seconds: float, *, has_worked: bool) -> None:
        super().__init__()
        self._ended_after, self._did_work = seconds, has_worked

    @property
    def has_worked(self) -> bool:
        """Whether anything came."""
        return self._did_work

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self._ended_after


def fail(choice: TransportChoice, seconds: float = 0.0, *, has_worked: bool = False) -> None:
    """Let a WebSocket fail."""
    choice.ended(Ended(seconds, has_worked=has_worked))
    choice.failed("websocket")


@pytest.mark.parametrize("seconds", [0.0, 5.0, 60.0])
def test_a_websocket_that_brings_nothing_is_left_after_one_try(seconds: float) -> None:
    """It was accepted, but not even the answer to a ping came through."""
    choice = TransportChoice("auto", 0.75)
    assert isinstance(choice.next(SERVER), WebSocketTransport)
    fail(choice, seconds)
    assert isinstance(choice.next(SERVER), LongPollingTransport)
    choice.failed("polling")
    assert isinstance(choice.next(SERVER), WebSocketTransport)


@pytest.mark.parametrize(
    ("seconds", "left"), [(0.5, LongPollingTransport), (10, WebSocketTransport)]
)
def test_a_websocket_that_is_cut_soon_is_left_after_five_times(
    seconds: float, left: type[object]
) -> None:
    """One that lasted begins the count again."""
    choice = TransportChoice("auto", 0.75)
    for _ in range(5):
        assert isinstance(choice.next(SERVER), WebSocketTransport)
        fail(choice, seconds, has_worked=True)
    assert isinstance(choice.next(SERVER), left)
    choice.connected("polling")
    assert isinstance(choice.next(SERVER), WebSocketTransport)


def test_a_chosen_transport_is_kept() -> None:
    """Whatever happens."""
    choice = TransportChoice("websocket", 0.75)
    for _ in range(9):
        fail(choice)
    assert isinstance(choice.next(SERVER), WebSocketTransport)
