"""Expectations: the conditions an event must meet, and how close other events come."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from bxpull_nb.capture.checks import shown
from bxpull_nb.capture.selection import Selection, is_same_name
from bxpull_nb.errors import ConditionFailed, ExpectationFailed, SettingsError
from bxpull_nb.models import Event, Record
from bxpull_nb.models.counted import counted

__all__ = ["Expectation", "Nearest", "came", "cannot_know"]

_CONDITIONS = ("command", "module_id", "channel", "params", "where")
_SHOWN = 3
_PARAMS_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class Expectation(Selection):
    """A selection with conditions for channel and params; None means any value."""

    channel: str | None = None
    params: Mapping[str, Any] | None = None
    """Keys and values that the params must contain, nested ones too; other keys are ignored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_texts("channel")
        if self.params is not None and not isinstance(self.params, Mapping):
            raise SettingsError(f"params={shown(self.params)}: give a dict of keys and values.")

    def is_named(self, record: Record) -> bool:
        """Whether the record meets every condition apart from `where`."""
        return all(self._met(record))

    def nearness(self, record: Record) -> int:
        """Return a score of how many conditions the record meets; the command counts most.

        `where` is not asked: it is made for records that meet the other conditions.
        """
        weights = {"command": 4, "module_id": 2, "channel": 1, "params": 1}
        met = zip(self._plain(), self._met(record), strict=True)
        score = sum(weights[name] for name, is_met in met if is_met)
        return 4 * score + (self._keys_met(record) if self.params else 0)

    def _given(self) -> dict[str, Any]:
        return {name: value for name in _CONDITIONS if (value := getattr(self, name)) is not None}

    def _plain(self) -> dict[str, Any]:
        return {name: value for name, value in self._given().items() if name != "where"}

    def _met(self, record: Record) -> Iterator[bool]:
        for name, wanted in self._plain().items():
            if name == "params":
                yield _contains(record.params, wanted)
            else:
                yield is_same_name(wanted, getattr(record, name))

    def _keys_met(self, record: Record) -> int:
        params = record.params
        if not isinstance(params, Mapping) or not self.params:
            return 0
        return min(sum(_is_equal(params.get(k), value) for k, value in self.params.items()), 3)


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

    def failure(self, why: str, earlier: Sequence[Record] = ()) -> ExpectationFailed:
        """Return the error that names the expectation, the reason and the nearest records.

        Those of `earlier` that meet it were passed by a wait, or returned by a call before.
        """
        nearest = [record for _, _, record in sorted(self._best, reverse=True)]
        lines = [f"expected an event with {self._expectation}: {why}"]
        if nearest:
            lines.append(f"The nearest of {counted(self.seen, 'event')}:")
            lines += [f"  {_shown(record)}" for record in nearest]
        elif not earlier:
            lines.append("No event came at all. Is the feed connected? See feed.state.")
        met = [record for record in earlier if self._was_met_by(record)]
        if met:
            lines.append(f"{len(met):,} came earlier; a wait has passed them, or a call had them:")
            lines += [f"  {_shown(record)}" for record in met[-_SHOWN:]]
            lines.append("To find them again: feed.mark(label) before they come, and since=label.")
        elif earlier and not nearest:
            lines.append(f"No new event came; {len(earlier):,} earlier ones are in feed.df.")
        return ExpectationFailed("\n".join(lines), nearest=nearest)

    def _was_met_by(self, record: Record) -> bool:
        try:
            return self._expectation.is_met_by(record)
        except ConditionFailed:
            return False


def came(wanted: Expectation, record: Record) -> ExpectationFailed:
    """Return the error about an event that should not have come."""
    text = f"an event came that should not, with {wanted}:\n  {_shown(record)}"
    return ExpectationFailed(text, nearest=[record])


def cannot_know(wanted: Expectation, state: str) -> ExpectationFailed:
    """Return the error of a feed that is not connected, and so cannot exclude an event."""
    return ExpectationFailed(
        f"no event came with {wanted}, but the feed is {state}: one may have been missed. "
        f"Look at feed.state and feed.report()."
    )


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _contains(value[key], part) for key, part in wanted.items()
        )
    return _is_equal(value, wanted)


def _is_equal(value: Any, wanted: Any) -> bool:
    """Whether they are equal; a value that cannot be compared, such as an array, is not."""
    try:
        return bool(value == wanted)
    except Exception:  # noqa: BLE001 - any `__eq__`
        return False


def _shown(record: Record) -> str:
    params = record.params_json.decode(errors="replace")
    cut = params if len(params) <= _PARAMS_SHOWN else f"{params[:_PARAMS_SHOWN]}…"
    name = record.command if isinstance(record, Event) else f"unreadable ({record.error})"
    return f"{record.channel or '?'} {record.module_id} {name} {cut}"
