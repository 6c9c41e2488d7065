"""The truth about the demo traffic: what was really done, to compare answers with."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from bxpull_nb.sandbox.demo_drift import DRIFTS
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_orders import cause_of_unpaid
from bxpull_nb.sandbox.demo_traffic import demo_events

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DemoRecord", "Truth"]

_COUNTER = 10**16  # a mid is ten digits and a counter of sixteen


@dataclass(frozen=True)
class Truth:
    """The real course of a sandbox's demo traffic, as tables; times are `server_time`."""

    events: "pd.DataFrame"
    """A row for each event and each entity that it belongs to, in order: `number`, `mid`,
    `server_time`, `module_id`, `command`, `entity`, `id`. Both are missing without an entity."""
    stages: "pd.DataFrame"
    """A row for each stage of each entity: `entity`, `id`, `stage`, `start`, `end`, `duration`.
    The last two are missing for the stage that it is still in."""
    drift: "pd.DataFrame"
    """A row for each planted change that an event shows: `kind`, `module_id`, `command`, `path`,
    `before`, `after`; and the first such event: `at`, `mid`, `number`."""
    unpaid_cause: tuple[str, str]
    """The path and the value of `application.orderAdd` that keep most orders from being paid."""


class _Played(NamedTuple):
    number: int
    mid: str
    at: "pd.Timestamp"
    event: DemoEvent


class DemoRecord:
    """The mid and the time of each demo event that was published: 24 bytes each."""

    def __init__(self, seed: int, drift_after: int | None) -> None:
        self._seed, self._drift_after = seed, drift_after
        self._prefixes, self._counters = array("Q"), array("Q")
        self._moments = array("d")

    def events(self) -> Iterator[DemoEvent]:
        """Yield the events to publish, from the first one on."""
        return demo_events(self._seed, self._drift_after)

    def add(self, mid: str, moment: float) -> None:
        """Note that the next event was published."""
        prefix, counter = divmod(int(mid), _COUNTER)
        self._prefixes.append(prefix)
        self._counters.append(counter)
        self._moments.append(moment)

    def truth(self) -> Truth:
        """Return the tables, of the events published so far; the events are made again."""
        played = list(self._played())
        return Truth(
            _events(played), _stages(played), self._drift(played), cause_of_unpaid(self._seed)
        )

    def _played(self) -> Iterator[_Played]:
        import pandas as pd

        count = len(self._moments)  # another thread goes on adding
        times = pd.to_datetime(
            [round(at * 1e6) for at in self._moments[:count]], unit="us", utc=True
        )
        places = zip(self._prefixes[:count], self._counters[:count], strict=True)
        mids = [f"{prefix:010}{counter:016}" for prefix, counter in places]
        events = islice(self.events(), count)
        yield from map(_Played, range(count), mids, times.as_unit("us"), events)

    def _drift(self, played: list[_Played]) -> "pd.DataFrame":
        after = played[self._drift_after :] if self._drift_after is not None else []
        rows = []
        for drift in DRIFTS:
            first = next((one for one in after if drift.is_shown_by(one.event)), None)
            if first is not None:
                place = {"at": first.at, "mid": first.mid, "number": first.number}
                rows.append({**vars(drift), **place})
        names = ["kind", "module_id", "command", "path", "before", "after", "at", "mid", "number"]
        return _table(rows, names)


def _events(played: list[_Played]) -> "pd.DataFrame":
    rows = [
        (number, mid, at, event.module_id, event.command, entity, name)
        for number, mid, at, event in played
        for entity, name in event.entities or [(None, None)]
    ]
    names = ["number", "mid", "server_time", "module_id", "command", "entity", "id"]
    return _table(rows, names)


def _stages(played: list[_Played]) -> "pd.DataFrame":
    rows: list[dict[str, Any]] = []
    current: dict[tuple[str, str], dict[str, Any]] = {}
    for _, _, at, event in played:
        if event.stage is None:
            continue
        entity, name = event.entities[0]
        held = current.get((entity, name))
        if held is not None and held["stage"] == event.stage:
            continue
        if held is not None:
            held |= {"end": at, "duration": at - held["start"]}
        row = {"entity": entity, "id": name, "stage": event.stage, "start": at}
        current[entity, name] = row
        rows.append(row)
    return _table(rows, ["entity", "id", "stage", "start", "end", "duration"])


_TYPES = {
    **dict.fromkeys(("at", "server_time", "start", "end"), "datetime64[us, UTC]"),
    **dict.fromkeys(("mid", "module_id", "command", "entity", "id", "stage", "kind"), "str"),
    "duration": "timedelta64[us]",
    "number": "int64",
}


def _table(rows: list[Any], names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    table = pd.DataFrame(rows, columns=names)
    return table.astype({name: _TYPES[name] for name in names if name in _TYPES})
