"""Several expectations at once, each met by an event of its own, in any order."""

from collections.abc import Mapping
from typing import Any

from bxpull_nb.capture.checks import shown
from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.capture.lookup import Lookup
from bxpull_nb.capture.selection import Selection
from bxpull_nb.errors import ExpectationFailed, SettingsError
from bxpull_nb.models import Event, Record

__all__ = ["LookupAll", "expectations"]


def expectations(wanted: Any) -> list[Expectation]:
    """Return the expectations of a list of commands, of words of `expect`, and of conditions.

    Raises SettingsError for an empty list and for other values.
    """
    try:
        if isinstance(wanted, str | bytes | Mapping):
            raise TypeError
        items = list(wanted)
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(f"{shown(wanted)} is no list of events to expect. {_HOW}") from None
    found = list(map(_expectation, items))
    if not found:
        raise SettingsError(f"the list of events to expect is empty. {_HOW}")
    return found


_HOW = (
    'Write such as ["dealAdd", {"command": "dealUpdate", "params": {"id": 15}}, '
    '[("params.stage", "==", "WON")]].'
)


def _expectation(item: Any) -> Expectation:
    if isinstance(item, str):
        return Expectation(command=item)
    if isinstance(item, Mapping):
        try:
            return Expectation(**item)
        except TypeError:
            raise SettingsError(
                f"{shown(dict(item))}: give command, module_id, channel, params and where."
            ) from None
    if isinstance(item, list | tuple) or callable(item):
        return Expectation(where=item)
    raise SettingsError(f"{shown(item)} is no event to expect. {_HOW}")


class LookupAll(Lookup):
    """Looks for an event for each expectation; passes those that it has found."""

    def __init__(self, wanted: list[Expectation]) -> None:
        super().__init__(Selection())
        self.passed = None
        self._wanted = wanted
        self._nearest = list(map(Nearest, wanted))
        self._candidates: list[set[int]] = []
        self._records: list[Record] = []
        self._place_of: dict[int, int] = {}  # expectation -> place among the candidates

    @property
    def events(self) -> list[Event]:
        """The events found, in the order of the expectations."""
        found = [self._records[self._place_of[number]] for number in range(len(self._wanted))]
        return [event for event in found if isinstance(event, Event)]

    def is_enough_with(self, row: int, record: Record) -> bool:
        """Look at the record; whether all expectations are met."""
        self._forget_from(row)
        self.looked_at += 1
        self.end = row + 1
        met = {number for number, one in enumerate(self._nearest) if one.is_met_by(record)}
        if met and isinstance(record, Event):
            self.rows.append(row)
            self._records.append(record)
            self._candidates.append(met)
            self._assign(len(self._records) - 1, set())
        return len(self._place_of) == len(self._wanted)

    def failure(self, why: str, earlier: list[Record]) -> ExpectationFailed:
        """Return the error about the first expectation without an event; it lists the others."""
        missing = [n for n in range(len(self._wanted)) if n not in self._place_of]
        error = self._nearest[missing[0]].failure(why, earlier)
        if len(self._wanted) == 1:
            return error
        count = f"{len(self._place_of)} of {len(self._wanted)} expected events came"
        others = "; ".join(str(self._wanted[number]) for number in missing)
        return ExpectationFailed(f"{count}, not {others}.\n{error}", nearest=error.nearest)

    def _forget_from(self, row: int) -> None:
        known = len(self.rows)
        super()._forget_from(row)
        if len(self.rows) < known:
            del self._records[len(self.rows) :], self._candidates[len(self.rows) :]
            self._place_of = {}
            for place in range(len(self.rows)):
                self._assign(place, set())

    def _assign(self, place: int, tried: set[int]) -> bool:
        """Give the record to an expectation; move others where that frees one (Kuhn)."""
        for number in sorted(self._candidates[place] - tried):
            tried.add(number)
            holder = self._place_of.get(number)
            if holder is None or self._assign(holder, tried):
                self._place_of[number] = place
                return True
        return False
