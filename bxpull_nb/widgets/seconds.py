"""What arrived in each second: how many events of which command, and how long they took."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bxpull_nb.models import Record
from bxpull_nb.widgets.rows import encodable, lag_us, shortened

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SecondCounts"]

_MOST_NAMES = 200  # a second's commands beyond these are counted together: names may be hostile
_SENT_NAMES = 32
_SETTLED = 10  # seconds after which a second keeps its median, and forgets the single lags


@dataclass(slots=True)
class _Second:
    """One second's counts; `lags` become `median` when it has settled."""

    commands: Counter[str] = field(default_factory=Counter)
    others: int = 0
    lags: list[int] = field(default_factory=list)
    median: int | None = None
    settled: bool = False


class SecondCounts:
    """Counts per second of arrival (`received_us`), of the newest `window` seconds.

    Not for several threads at once.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.newest: int | None = None
        """The last second with an event: seconds since 1970, UTC. Earlier than before only when
        this machine's clock was set back by more than the window."""
        self._seconds: dict[int, _Second] = {}
        self._changed: set[int] = set()
        self._settled_to: int | None = None

    def add(self, records: Iterable[Record]) -> None:
        """Count the records; those that did not travel have no second, and are left out."""
        for record in records:
            received = record.arrival.received_us
            if received is not None:
                self._count(received, record.command, lag_us(record))
        self._settle()

    def add_frame(self, frame: "pd.DataFrame") -> None:
        """Count rows of the live DataFrame, as `add` counts records."""
        if frame.empty:
            return
        newest = frame["received_at"].max()
        frame = frame[frame["received_at"] > newest - newest.resolution * self.window * 1_000_000]
        received = frame["received_at"].astype("int64").tolist()
        lags, known = frame["lag"].astype("int64").tolist(), frame["lag"].notna().tolist()
        commands = frame["command"].astype(object).where(frame["command"].notna(), None).tolist()
        for us, command, lag, is_known in zip(received, commands, lags, known, strict=True):
            self._count(us, command, lag if is_known else None)
        self._settle()

    def take_changed(self) -> list[list[Any]]:
        """The seconds that changed since this was last asked, see `rows`."""
        changed, self._changed = self._changed & self._seconds.keys(), set()
        return [self._row(second) for second in sorted(changed)]

    def rows(self) -> list[list[Any]]:
        """`[second, {command: events}, other events, median lag (us) or None]`, oldest first."""
        return [self._row(second) for second in sorted(self._seconds)]

    def _count(self, received_us: int, command: str | None, lag: int | None) -> None:
        number = received_us // 1_000_000
        second = self._seconds.get(number)
        if second is None:
            second = self._seconds[number] = _Second()
            if self.newest is None or not self.newest - self.window < number < self.newest:
                self.newest = number
        self._changed.add(number)
        if command is None or (
            len(second.commands) >= _MOST_NAMES and command not in second.commands
        ):
            second.others += 1
        else:
            second.commands[command] += 1
        if lag is not None and not second.settled:
            second.lags.append(lag)

    def _settle(self) -> None:
        """Forget what left the window, and the single lags of what is over."""
        if self.newest is None or self.newest == self._settled_to:
            return
        self._settled_to = self.newest
        for number, second in list(self._seconds.items()):
            if abs(number - self.newest) >= self.window:
                del self._seconds[number]
            elif number <= self.newest - _SETTLED and not second.settled:
                second.median = _median(second.lags)
                second.lags, second.settled = [], True

    def _row(self, number: int) -> list[Any]:
        second = self._seconds[number]
        most = second.commands.most_common(_SENT_NAMES)
        others = second.others + second.commands.total() - sum(count for _, count in most)
        named: Counter[str] = Counter()
        for name, count in most:
            named[encodable(shortened(name) or "")] += count
        median = second.median if second.settled else _median(second.lags)
        return [number, named, others, median]


def _median(values: list[int]) -> int | None:
    """The middle value, the upper of two; sorts in place, so that the next time is quick."""
    values.sort()
    return values[len(values) // 2] if values else None
