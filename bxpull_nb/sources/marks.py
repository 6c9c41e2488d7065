"""Records that a process has marked on the portal and left: found, and taken over in time."""

from collections.abc import Mapping
from typing import Any

from bxpull_nb.errors import ApiError
from bxpull_nb.listener import Timing
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["ForeignMarks"]

_SHARED = (
    "{} records of the queue are marked by another process. If another program reads the offline "
    "events of this application, each of the two gets a part of them: stop one, or give each "
    "its auth_connector. Otherwise they are taken over in {:.0f} s."
)


class ForeignMarks:
    """Looks for marked records at the start, and after a lost answer.

    A program that is at work deletes its records within seconds. So records belong to a process
    that has ended, or to a lost answer, when they are there after `timing.adopt_after` seconds.
    """

    def __init__(
        self, client: PacedClient, queue: Mapping[str, str], log: SourceLog, timing: Timing
    ) -> None:
        self.are_possible = True
        """Whether there may be records that are marked and not stored."""
        self._client = client
        self._queue = queue
        self._log = log
        self._timing = timing
        self._were_possible = True
        self._found: dict[str, float] = {}

    def asked(self) -> None:
        """Note that records are being marked, by a call whose answer may be lost."""
        self._were_possible, self.are_possible = self.are_possible, True

    def answered(self) -> None:
        """Note that the answer came."""
        self.are_possible = self._were_possible

    async def left_behind(self) -> list[str]:
        """Return the processes whose marked records are to be taken over now."""
        if not self.are_possible:
            return []
        counts, now = await self._counts(), self._timing.monotonic()
        if counts and not self._found and self._wait:
            self._log.note("queue_shared", _SHARED.format(sum(counts.values()), self._wait))
        self._found = {one: self._found.get(one, now) for one in counts}
        self.are_possible = bool(counts)
        return [one for one, since in self._found.items() if now - since >= self._wait]

    @property
    def _wait(self) -> float:
        return self._timing.adopt_after

    async def _counts(self) -> dict[str, int]:
        """Return the processes of marked records, with their number on the first page."""
        params: dict[str, Any] = {**self._queue, "filter": {">PROCESS_ID": ""}}
        try:
            rows = await self._client.call("event.offline.list", params)
        except ApiError as exc:
            self._log.note_once("marks_unknown", f"records left by a crash are not found: {exc}")
            return {}
        found = [row for row in mapping(rows).values() if isinstance(row, Mapping)]
        processes = [str(row.get("PROCESS_ID") or "") for row in found]
        return {one: processes.count(one) for one in processes if one}
