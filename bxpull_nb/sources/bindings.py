"""The bindings of offline events: made at each start, ended on demand."""

from collections.abc import Iterator
from typing import Any

from bxpull_nb.errors import ApiError, SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.rest.batch import BatchResult
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.event_names import is_scope, not_known
from bxpull_nb.sources.options import Sources
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["Bindings"]

_THERE = "already binded"
"""Words of the portal's refusal to bind an event a second time."""
_NOT_FOUND = "ERROR_EVENT_NOT_FOUND"


class Bindings:
    """The offline events of one feed: `bound` after `bind`."""

    def __init__(self, client: PacedClient, options: Sources, log: SourceLog) -> None:
        self.bound: list[str] = []
        """The names in capitals."""
        self._client = client
        self._options = options
        self._log = log

    async def bind(self) -> None:
        """Bind every event that was asked for, and log those that the portal does not know.

        Raises the portal's refusal, and SettingsError when it knows no name.
        """
        wanted = await self._wanted()
        answer = await self._for_each("event.bind", wanted)
        for name, error in answer.errors.items():
            if isinstance(error, ApiError) and error.code.upper() == _NOT_FOUND:
                self._log.note("event_unknown", f"{name} cannot be bound: {error.description}")
            elif not (isinstance(error, ApiError) and _THERE in error.description):
                raise error
        self.bound = [name for name in wanted if not _is_unknown(answer, name)]
        if not self.bound:
            raise SettingsError(
                f"the portal knows no event of {', '.join(map(quoted, self._options.events))}: "
                f"portal.call('events') lists those that it gives to this application."
            )

    async def unbind(self) -> None:
        """End the bindings; one that is not there is no error. Raises the portal's refusal."""
        names, self.bound = self.bound, []
        if names:
            await self._for_each("event.unbind", names)

    async def _wanted(self) -> list[str]:
        """Return the names of the events, of scopes too, that the portal knows."""
        known = _names(await self._client.call("events"))
        found, unknown = list[str](), list[str]()
        for name in self._options.events:
            if name.upper() in known:
                found.append(name.upper())
            elif is_scope(name) and (of_scope := await self._of_scope(name, known)):
                found += of_scope
            else:
                unknown.append(name)
        for name in unknown:
            self._log.note("event_unknown", not_known(name, known))
        return list(dict.fromkeys(found))

    async def _of_scope(self, scope: str, known: list[str]) -> list[str]:
        """Return the events of a scope that the application may bind."""
        names = _names(await self._client.call("events", {"SCOPE": scope}))
        return [name for name in names if name in known]

    async def _for_each(self, method: str, names: list[str]) -> BatchResult:
        whole = BatchResult()
        for start in range(0, len(names), 50):
            calls = {name: (method, self._params(name)) for name in names[start : start + 50]}
            answer = await self._client.batch(calls)
            whole.results |= answer.results
            whole.errors |= answer.errors
        return whole

    def _params(self, event: str) -> dict[str, Any]:
        return dict(_params(event, self._options.auth_connector))


def _params(event: str, connector: str | None) -> Iterator[tuple[str, str]]:
    yield "event", event
    yield "event_type", "offline"
    if connector is not None:
        yield "auth_connector", connector


def _names(answer: Any) -> list[str]:
    return [value.upper() for value in mapping(answer).values() if isinstance(value, str)]


def _is_unknown(answer: BatchResult, name: str) -> bool:
    error = answer.errors.get(name)
    return isinstance(error, ApiError) and error.code.upper() == _NOT_FOUND
