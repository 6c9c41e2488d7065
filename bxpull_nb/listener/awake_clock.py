"""A clock that counts only the time for which the process ran."""

from collections.abc import Callable

from bxpull_nb.listener.periodic import every

__all__ = ["AwakeClock"]

_TICK = 0.25  # seconds


class AwakeClock:
    """Seconds for which the event loop ran, as `run` counts them.

    It leaves out a sleep of the machine and a stop of the process, but for a quarter of a second:
    a message that was on its way then is no later than any other. `monotonic` gives seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ticked = monotonic()
        self._counted = 0.0

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self._counted + min(self._monotonic() - self._ticked, _TICK)

    async def run(self) -> None:
        """Count until cancelled."""
        await every(_TICK, self._tick)

    def _tick(self) -> None:
        self._counted, self._ticked = self(), self._monotonic()
