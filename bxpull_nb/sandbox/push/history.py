"""Messages stored by a push server, so that a listener can resume (protocol 2.3)."""

from collections import deque
from heapq import merge

from bxpull_nb.models import Message

__all__ = ["History"]

_CHARACTERS = 256 * 1024 * 1024


class History:
    """Stored messages by channel, oldest first, bounded in number and in size.

    It keeps `limit` messages, and at most 256 Mi characters of their bodies; the oldest of all
    channels are deleted first. A message to two channels counts twice. Not thread-safe.
    """

    def __init__(self, limit: int, characters: int = _CHARACTERS) -> None:
        self._limit = limit
        self._characters = characters
        self._by_channel: dict[str, deque[Message]] = {}
        self._order: deque[str] = deque()  # the channel of each message, in the order of arrival
        self._size = 0

    def __len__(self) -> int:
        return len(self._order)

    def add(self, channel: str, message: Message) -> None:
        """Store the message; mids must grow."""
        self._by_channel.setdefault(channel, deque()).append(message)
        self._order.append(channel)
        self._size += len(message.body)
        while len(self._order) > self._limit or self._size > self._characters:
            self._delete_oldest()

    def newer(self, channels: list[str], mid: str, moment: float) -> list[Message]:
        """Return the unexpired messages after `mid` on the channels, sorted by mid.

        A message stored on two of the channels comes twice.
        """
        found = [self._tail(channel, mid) for channel in channels]
        return [m for m in merge(*found, key=_mid) if m.created + m.expiry > moment]

    def newest(self, channels: list[str]) -> str:
        """Return the newest stored mid of the channels, or the empty string."""
        stored = [self._by_channel[channel] for channel in channels if channel in self._by_channel]
        return max((messages[-1].mid for messages in stored), default="")

    def _tail(self, channel: str, mid: str) -> list[Message]:
        tail = []
        for message in reversed(self._by_channel.get(channel, ())):
            if message.mid <= mid:
                break
            tail.append(message)
        tail.reverse()
        return tail

    def _delete_oldest(self) -> None:
        channel = self._order.popleft()
        messages = self._by_channel[channel]
        self._size -= len(messages.popleft().body)
        if not messages:
            del self._by_channel[channel]


def _mid(message: Message) -> str:
    return message.mid
