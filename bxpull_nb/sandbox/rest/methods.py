"""Authenticated REST calls: finding the method, checking scope and limits, the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bxpull_nb.sandbox.objects.change import Author
from bxpull_nb.sandbox.rest.authentication import Caller
from bxpull_nb.sandbox.rest.error import RestRefusal, wrong_license
from bxpull_nb.sandbox.rest.faults import RestFaults
from bxpull_nb.sandbox.rest.limits import OperatingTime
from bxpull_nb.sandbox.rest.pending_events import PendingEvents

__all__ = ["BASIC", "Call", "Method", "Methods", "Page", "upper_names"]

BASIC = ""
"""The scope that every caller has."""


@dataclass
class Call:
    """One authenticated REST call."""

    caller: Caller
    params: Mapping[str, Any]
    pending_events: PendingEvents = field(default_factory=PendingEvents)
    """Events to publish after the answer is sent."""

    @property
    def upper(self) -> dict[str, Any]:
        """The parameters by their names in capitals, for methods that ignore the case."""
        return upper_names(self.params)

    @property
    def connector(self) -> str:
        """The `auth_connector` that the application names, which has its own offline events."""
        return str(self.params.get("auth_connector") or "")

    @property
    def author(self) -> Author:
        """The caller as the author of a change; a webhook is not the application."""
        return Author(self.caller.user_id, not self.caller.is_webhook, self.connector)


class Page(NamedTuple):
    """One page of a long list."""

    result: Any
    total: int | None
    """Number of all items; None if they were not counted."""
    next: int | None
    """Start of the next page; None for the last one."""


class Method(NamedTuple):
    """A function that callers with a scope may call."""

    scope: str
    """The scope that the caller needs, or BASIC."""
    run: Callable[[Call], Any]
    """Returns the `result`, or a Page; may raise RestRefusal."""
    for_applications: bool = True
    """Whether applications have it; for them it does not exist otherwise."""


class Methods:
    """The REST methods by their names.

    Without `connectors` (a plan that lacks them) no caller may name an `auth_connector`.
    """

    def __init__(
        self, now: Callable[[], float], operating_limit: float | None, *, connectors: bool = True
    ) -> None:
        self.operating = OperatingTime(operating_limit)
        self.faults = RestFaults()
        self._connectors = connectors
        self._now = now
        self._table: dict[str, Method] = {}

    def add(self, table: Mapping[str, Method]) -> None:
        """Add methods."""
        self._table.update(table)

    def scopes(self, caller: Caller) -> dict[str, str]:
        """Return the name of every method that exists for the caller, and the scope it needs."""
        found = self._table.items()
        return {name: method.scope for name, method in found if _exists(method, caller)}

    def answer(self, name: str, call: Call) -> dict[str, Any]:
        """Return the answer: `result`, `next` and `total`, `time`; raises RestRefusal."""
        name, start = name.lower(), self._now()
        if call.connector and not self._connectors:
            raise wrong_license("auth_connector")
        self.faults.check(name)
        self.operating.check(name, start)
        result = self._allowed(name, call).run(call)
        finish = self._now()
        self.operating.spend(name, start, finish - start)
        return {**_body(result), "time": self.operating.block(name, start, finish)}

    def _allowed(self, name: str, call: Call) -> Method:
        method = self._table.get(name)
        if method is None or not _exists(method, call.caller):
            raise RestRefusal("ERROR_METHOD_NOT_FOUND", "Method not found!")
        if method.scope not in (BASIC, *call.caller.scope):
            raise RestRefusal(
                "insufficient_scope",
                "The request requires higher privileges than provided by the access token",
            )
        return method


def _exists(method: Method, caller: Caller) -> bool:
    return method.for_applications or caller.is_webhook


def upper_names(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters by their names in capitals."""
    return {name.upper(): value for name, value in params.items()}


def _body(result: Any) -> dict[str, Any]:
    if not isinstance(result, Page):
        return {"result": result}
    body = {"result": result.result, "next": result.next, "total": result.total}
    return {name: value for name, value in body.items() if value is not None}
