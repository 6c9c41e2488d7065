"""The events that a caller waits for, and those that must not come."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.captured import CapturedEvents
from bxpull_nb.capture.checks import checked_seconds
from bxpull_nb.capture.expectation import Expectation, Nearest, came, cannot_know
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.lookup import Lookup, lookup_for, rows_of
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.capture.selection import Condition, Selection, Where
from bxpull_nb.capture.several import LookupAll, expectations
from bxpull_nb.errors import ExpectationFailed, WaitTimeout, WrongThreadError
from bxpull_nb.models import Event, Record

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AwaitedEvents"]


class AwaitedEvents(CapturedEvents):
    """Waits for events of a capture: by number, by condition, all of a list, or never.

    Each wait begins after the events that an earlier one returned. `recorded`: the capture plays
    a recording, which has come to its end when it stops.
    """

    def __init__(
        self, hub: EventHub, run: CaptureRun, bridge: LoopThread, *, recorded: bool = False
    ) -> None:
        super().__init__(hub, run)
        self.bridge = bridge
        self._recorded = recorded

    @overload
    def wait(
        self,
        until: int = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame": ...
    @overload
    def wait(
        self,
        until: Condition,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> Record: ...
    def wait(
        self,
        until: int | Condition = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame | Record":
        """Return `until` further events as a DataFrame, or the event for which `until` is True.

        "Further" means: after those that an earlier wait or `expect` returned, so an event that
        arrived before the call counts. With `command`, `module_id` or `where` only events that
        meet them count; those of other commands stay new (see `expect`). Of a bounded capture the
        DataFrame holds those that are kept. Raises WaitTimeout after `timeout` seconds, and at once
        when the feed is not running; the feed's own error when that ended it; ConditionFailed when
        a function of yours raises.

        >>> feed.wait(10, timeout=5)
        >>> feed.wait(lambda event: event.command == "dealUpdate", timeout=5)
        """
        self._may_block("wait")
        wanted = Selection(command=command, module_id=module_id, where=where)
        lookup = lookup_for(until, wanted)
        self._find(lookup, checked_seconds("timeout", timeout))
        return lookup.record if callable(until) else rows_of(self.df, lookup)

    @overload
    async def wait_async(
        self,
        until: int = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame": ...
    @overload
    async def wait_async(
        self,
        until: Condition,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> Record: ...
    async def wait_async(
        self,
        until: int | Condition = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame | Record":
        """Do as `wait`, on any loop; cancelling it leaves the events for the next wait."""
        self.bridge.is_current()  # raises WrongProcessError in a fork
        wanted = Selection(command=command, module_id=module_id, where=where)
        lookup = lookup_for(until, wanted)
        limit = checked_seconds("timeout", timeout)
        if not await self._hub.waiters.wait_async(lookup, limit, lambda: self._run.running):
            raise self._hub.not_found(lookup.looked_at)
        return lookup.record if callable(until) else rows_of(self.df, lookup)

    def expect(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Where | None = None,
        within: float | None = 5.0,
        since: str | None = None,
    ) -> Event:
        """Return the first event that meets every condition, of those that are still new.

        A call with a command passes the events of that command up to the one it returns, so the
        order of `expect("a")` and `expect("b")` is free. A call without begins after the events
        that earlier calls returned, and passes all up to its own. With `since`, the label of a
        mark, every event after that mark counts. Names are compared without case; `params` are
        keys and values that must be among the event's, nested ones likewise; `where`
        is called only with events that meet the others. Raises ExpectationFailed, an
        AssertionError with the events that came nearest, when there is none `within` seconds,
        and ConditionFailed when `where` raises.

        >>> feed.expect("dealUpdate", params={"id": 15}, within=2)
        """
        self._may_block("expect")
        wanted = Expectation(
            command=command, module_id=module_id, channel=channel, params=params, where=where
        )
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        nearest = Nearest(wanted)
        lookup = Lookup(wanted, nearest.is_met_by)
        try:
            self._find(lookup, limit, start)
        except WaitTimeout:
            raise nearest.failure(self._why(limit), self._hub.waiters.earlier(lookup)) from None
        if not isinstance(lookup.record, Event):
            raise ExpectationFailed("what met the conditions is an unreadable message.")
        return lookup.record

    def expect_all(
        self, wanted: Sequence[Any], *, within: float | None = 5.0, since: str | None = None
    ) -> list[Event]:
        """Return an event for each expectation, in the list's order. They may come in any.

        An expectation is a command, a dict of the words of `expect`, or a list of conditions for
        `where`; two that are alike need two events. It begins as `expect` without a command does,
        and passes all events up to the last one that it needs. Raises ExpectationFailed, with
        what is missing, when they have not all come `within` seconds.

        >>> feed.expect_all(["dealAdd", {"command": "dealUpdate", "params": {"id": 15}}])
        """
        self._may_block("expect_all")
        lookup = LookupAll(expectations(wanted))
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        try:
            self._find(lookup, limit, start)
        except WaitTimeout:
            raise lookup.failure(self._why(limit), self._hub.waiters.earlier(lookup)) from None
        return lookup.events

    def never(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Where | None = None,
        within: float = 2.0,
        since: str | None = None,
    ) -> None:
        """Wait `within` seconds, and fail when an event comes that meets every condition.

        The conditions are those of `expect`, and like there events count that are still new, or
        those after the mark `since`. Raises ExpectationFailed with the event; and also when the
        feed is not connected at the end, since it then cannot know.

        >>> feed.never("dealDelete", within=2)
        """
        self._may_block("never")
        wanted = Expectation(
            command=command, module_id=module_id, channel=channel, params=params, where=where
        )
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        lookup = Lookup(wanted)
        try:
            self._find(lookup, limit, start)
        except WaitTimeout:
            if self._run.state == "connected" or (self._recorded and self._run.state == "stopped"):
                return
            raise cannot_know(wanted, self._run.state) from None
        raise came(wanted, lookup.record)

    def _may_block(self, method: str) -> None:
        if self.bridge.is_current():
            raise WrongThreadError(
                f"{method}() blocks, and it was called on the listener's own thread: await "
                f"wait_async() there."
            )

    def _find(self, lookup: Lookup, timeout: float | None, since: int | None = None) -> None:
        """Block until the lookup has found enough; raises what ended it before."""
        if not self._hub.waiters.wait(lookup, timeout, lambda: self._run.running, since):
            raise self._hub.not_found(lookup.looked_at)

    def _why(self, limit: float | None) -> str:
        """Return why an expected event was not found."""
        return f"none came within {limit:g} s" if self._run.running else "the feed is not running"

    def _row_of_mark(self, label: str | None) -> int | None:
        return None if label is None else self.logbook.row_of_mark(label)
