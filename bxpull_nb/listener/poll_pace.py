"""Slows polls down that a server, or a cache before it, answers at once with nothing new."""

from collections.abc import Awaitable, Callable

__all__ = ["PollPace"]

_AT_ONCE = 3  # such answers in a row; the overlap of two polls makes one or two
_PAUSE = 1.0  # seconds


class PollPace:
    """Counts the answers with nothing new since a poll was held, or brought something."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._count = 0

    def held(self) -> None:
        """Note that the server holds a poll."""
        self._count = 0

    async def answered(self, new: int) -> None:
        """Count an answer with so many new messages; wait for a second after too many with none."""
        self._count = 0 if new else self._count + 1
        if self._count > _AT_ONCE:
            await self._sleep(_PAUSE)
