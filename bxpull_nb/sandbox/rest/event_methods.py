"""REST methods of event bindings: `events`, `event.bind`, `event.unbind`, `event.get`."""

import re
from math import isfinite
from typing import Any

from bxpull_nb.sandbox.offline.bindings import Binding, EventBindings
from bxpull_nb.sandbox.rest.error import RestRefusal, argument_error
from bxpull_nb.sandbox.rest.methods import BASIC, Call, Method

__all__ = ["EVENTS", "EventMethods", "application_only", "intval", "php_list"]

EVENTS: dict[str, tuple[str, ...]] = {
    BASIC: ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPTEST", "ONOFFLINEEVENT"),
    "crm": tuple(
        f"ONCRM{kind}{action}"
        for kind in ("DEAL", "CONTACT")
        for action in ("ADD", "UPDATE", "DELETE")
    ),
    "task": ("ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"),
    "user": ("ONUSERADD",),
}
"""The names of the portal's events by the scope that they need."""
_ONLINE_ONLY = ("ONOFFLINEEVENT",)
_TYPES = ("online", "offline")
_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,18})")


class EventMethods:
    """Bind events, and list them. `strict` refuses a binding that is there, as portals' code does.

    Only offline events happen: the sandbox calls no address of an online one.
    """

    def __init__(self, bindings: EventBindings, *, strict: bool) -> None:
        self._bindings = bindings
        self._strict = strict

    def table(self) -> dict[str, Method]:
        """Return the methods by their names."""
        runs = {
            "events": self._events,
            "event.bind": self._bind,
            "event.unbind": self._unbind,
            "event.get": self._get,
        }
        return {name: Method(BASIC, run) for name, run in runs.items()}

    def _events(self, call: Call) -> list[str]:
        """Return the events of one scope (`SCOPE`), of all (`FULL`), or of the caller's."""
        application_only(call)
        params = call.upper
        if "SCOPE" in params:
            wanted = {str(params["SCOPE"])}
        elif params.get("FULL"):
            wanted = set(EVENTS)
        else:
            wanted = {BASIC, *call.caller.scope}
        return [name for scope, names in EVENTS.items() if scope in wanted for name in names]

    def _bind(self, call: Call) -> bool:
        application_only(call)
        params = call.upper
        binding = _binding(call, params)
        if not any(binding.event in EVENTS.get(scope, ()) for scope in (BASIC, *call.caller.scope)):
            raise RestRefusal("ERROR_EVENT_NOT_FOUND", "Event not found")
        if binding.is_offline and binding.event in _ONLINE_ONLY:
            raise argument_error("Offline event cannot be registered for this event.")
        if not self._bindings.add(binding) and self._strict:
            raise RestRefusal("ERROR_CORE", "Unable to set event handler: Handler already binded")
        return True

    def _unbind(self, call: Call) -> dict[str, int]:
        """Return how many bindings were removed; `auth_type` is optional for online ones."""
        application_only(call)
        params = call.upper
        binding = _binding(call, params)
        user_id = binding.user_id if "AUTH_TYPE" in params or not call.caller.is_admin else None
        content = (binding.event, binding.handler, binding.connector)
        return {"count": self._bindings.remove(*content, user_id)}

    def _get(self, call: Call) -> list[dict[str, Any]]:
        """Return all bindings, to users without administration rights only their own."""
        application_only(call)
        caller = call.caller
        mine = (b for b in self._bindings if caller.is_admin or b.user_id == caller.user_id)
        return [binding.row() for binding in mine]


def _binding(call: Call, params: dict[str, Any]) -> Binding:
    """Return the binding that the parameters name; raises RestRefusal for a wrong one."""
    event = str(params.get("EVENT") or "").upper()
    if not event:
        raise argument_error("Argument 'EVENT' is null or empty")
    kind = str(params.get("EVENT_TYPE") or "online").lower()
    if kind not in _TYPES:
        raise argument_error("Value must be one of {online|offline}")
    if kind == "offline":
        if not call.caller.is_admin:
            raise _denied("Offline events binding requires administrator access rights")
        return Binding(event, connector=call.connector)
    handler = str(params.get("HANDLER") or "")
    if not handler:
        raise argument_error("Argument 'HANDLER' is null or empty")
    return Binding(event, handler, _user(call, intval(params.get("AUTH_TYPE"))), call.connector)


def _user(call: Call, wanted: int) -> int:
    """Return the user whose token a handler gets; only administrators may name another one."""
    caller = call.caller
    if caller.is_admin:
        return max(wanted, 0)
    if wanted > 0 and wanted != caller.user_id:
        raise _denied("Event binding with AUTH_TYPE requires administrator access rights")
    return caller.user_id


def application_only(call: Call) -> None:
    """Raise RestRefusal for a webhook, which belongs to no application."""
    if call.caller.is_webhook:
        raise RestRefusal("WRONG_AUTH_TYPE", "Current authorization type is denied for this method")


def intval(value: Any) -> int:
    """Return the value as PHP's `intval` does: the number that it begins with, or 0."""
    if isinstance(value, bool | float):
        return int(value) if isfinite(value) else 0
    found = _INTEGER.match(str(value))
    return int(found[1]) if found else 0


def php_list(value: Any) -> list[Any] | None:
    """Return the values of a list or a map, one thing to PHP; None for others."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else None


def _denied(reason: str) -> RestRefusal:
    return RestRefusal("ACCESS_DENIED", f"Access denied! {reason}")
