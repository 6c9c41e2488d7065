"""Expectations: the conditions an event must meet, and how close other events come."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import msgspec

from bxpull_nb.errors import ExpectationFailed
from bxpull_nb.models import Event, Record

__all__ = ["Expectation", "Nearest"]

_SHOWN = 3
_PARAMS_SHOWN = 300


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that an event must meet, all of them; None means any value."""

    command: str | None = None
    module_id: str | None = None
    channel: str | None = None
    params: Mapping[str, Any] | None = None
    """Keys and values that the params must contain, nested ones too; other keys are ignored."""
    where: Callable[[Record], bool] | None = None

    def is_met_by(self, record: Record) -> bool:
        """Whether the record meets every condition."""
        return all(self._met(record))

    def nearness(self, record: Record) -> int:
        """Return a score of how many conditions the record meets; the command counts most."""
        weights = {"command": 4, "module_id": 2, "channel": 1, "params": 1, "where": 1}
        met = zip(self._given(), self._met(record), strict=True)
        score = sum(weights[name] for name, is_met in met if is_met)
        return 4 * score + (self._keys_met(record) if self.params else 0)

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in self._given()}
        return ", ".join(f"{name}={value!r}" for name, value in given.items()) or "any event"

    def _given(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def _met(self, record: Record) -> Iterator[bool]:
        for name in self._given():
            wanted = getattr(self, name)
            if name == "params":
                yield _contains(_params(record), wanted)
            elif name == "where":
                yield bool(wanted(record))
            else:
                yield getattr(record, name) == wanted

    def _keys_met(self, record: Record) -> int:
        params = _params(record)
        if not isinstance(params, Mapping) or not self.params:
            return 0
        return min(sum(bool(params.get(k) == value) for k, value in self.params.items()), 3)


class Nearest:
    """Keeps the few records that came nearest to an expectation."""

    def __init__(self, expectation: Expectation) -> None:
        self.seen = 0
        self._expectation = expectation
        self._order = count()
        self._best: list[tuple[int, int, Record]] = []

    def is_met_by(self, record: Record) -> bool:
        """Whether the record meets the expectation; it is ranked if not."""
        self.seen += 1
        if self._expectation.is_met_by(record):
            return True
        entry = (self._expectation.nearness(record), next(self._order), record)
        if len(self._best) < _SHOWN:
            heapq.heappush(self._best, entry)
        else:
            heapq.heappushpop(self._best, entry)
        return False

    def failure(self, why: str) -> ExpectationFailed:
        """Return the error that names the expectation, the reason and the nearest records."""
        lines = [f"expected an event with {self._expectation}: {why}"]
        if self._best:
            lines.append(f"The nearest of {self.seen:,} events:")
            lines += [f"  {_shown(record)}" for _, _, record in sorted(self._best, reverse=True)]
        else:
            lines.append("No event came at all. Is the feed connected? See feed.state.")
        nearest = [record for _, _, record in sorted(self._best, reverse=True)]
        return ExpectationFailed("\n".join(lines), nearest=nearest)


def _params(record: Record) -> Any:
    try:
        return record.params
    except (msgspec.DecodeError, RecursionError):
        return None


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _contains(value[key], part) for key, part in wanted.items()
        )
    return bool(value == wanted)


def _shown(record: Record) -> str:
    params = record.params_json.decode(errors="replace")
    cut = params if len(params) <= _PARAMS_SHOWN else f"{params[:_PARAMS_SHOWN]}…"
    name = record.command if isinstance(record, Event) else f"unreadable ({record.error})"
    return f"{record.channel or '?'} {record.module_id} {name} {cut}"
