"""REST calls that have been let in: which method, with what right, and what it gave."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bxpull_nb.sandbox.rest.authentication import Caller
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.limits import OperatingTime
from bxpull_nb.sandbox.rest.pending_events import PendingEvents

__all__ = ["BASIC", "Call", "Method", "Methods", "Page", "upper_names"]

BASIC = ""
"""The scope everybody has."""


@dataclass
class Call:
    """One REST call that has been let in."""

    caller: Caller
    params: Mapping[str, Any]
    outbox: PendingEvents = field(default_factory=PendingEvents)
    """What is to be published once the answer is out."""

    @property
    def upper(self) -> dict[str, Any]:
        """The parameters by their names in capitals, for methods that do not mind the case."""
        return upper_names(self.params)


class Page(NamedTuple):
    """A part of a long list."""

    result: Any
    total: int | None
    """How many there are in all; None when nobody counted."""
    next: int | None
    """Where the next page starts; None for the last one."""


class Method(NamedTuple):
    """What may be called, and by whom."""

    scope: str
    """What the caller must have been allowed, or BASIC."""
    run: Callable[[Call], Any]
    """What gives the `result`, or a Page; it may raise RestRefusal."""


class Methods:
    """Method names and what they do."""

    def __init__(self, now: Callable[[], float], operating_limit: float | None) -> None:
        self.operating = OperatingTime(operating_limit)
        self._now = now
        self._table: dict[str, Method] = {}

    def add(self, table: Mapping[str, Method]) -> None:
        """Know these methods too."""
        self._table.update(table)

    @property
    def scopes(self) -> dict[str, str]:
        """Every method's name, and the scope it takes."""
        return {name: method.scope for name, method in self._table.items()}

    def answer(self, name: str, call: Call) -> dict[str, Any]:
        """The whole answer: `result`, `next` and `total` of a list, `time`. Raises RestRefusal."""
        name, start = name.lower(), self._now()
        self.operating.check(name, start)
        result = self._allowed(name, call).run(call)
        finish = self._now()
        self.operating.spend(name, start, finish - start)
        return {**_body(result), "time": self.operating.block(name, start, finish)}

    def _allowed(self, name: str, call: Call) -> Method:
        method = self._table.get(name)
        if method is None:
            raise RestRefusal("ERROR_METHOD_NOT_FOUND", "Method not found!")
        if method.scope not in (BASIC, *call.caller.scope):
            raise RestRefusal(
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token",
            )
        return method


def upper_names(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters by their names in capitals."""
    return {name.upper(): value for name, value in params.items()}


def _body(result: Any) -> dict[str, Any]:
    if not isinstance(result, Page):
        return {"result": result}
    counts = {"next": result.next, "total": result.total}
    told = {name: count for name, count in counts.items() if count is not None}
    return {"result": result.result, **told}
