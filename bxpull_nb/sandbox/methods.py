"""The REST methods the sandbox knows (protocol 1.2, 1.3)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bxpull_nb.sandbox.access import USER_ID, Caller
from bxpull_nb.sandbox.channels import Channels, IssuedChannel
from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.publisher import Publisher
from bxpull_nb.sandbox.refusal import Refusal
from bxpull_nb.sandbox.settings import Settings

__all__ = ["Call", "Methods"]

_COMMAND = re.compile(r"[A-Za-z0-9_:|.\-]+")
_MODULE = re.compile(r"[a-z0-9._]+")


@dataclass
class Call:
    """One REST call that has been let in."""

    caller: Caller
    params: Mapping[str, Any]
    events: dict[str, "_Event"] = field(default_factory=dict)
    """What is to be published once the answer is out; the same event twice is one entry."""


@dataclass
class _Event:
    module_id: str
    command: str
    params: Any
    kinds: dict[str, None] = field(default_factory=dict)
    """Types of channel it goes to; a dict because order matters and doubles do not."""


class Methods:
    """Method name -> what it does with a Call."""

    def __init__(
        self, settings: Settings, channels: Channels, publisher: Publisher, host: str
    ) -> None:
        self._settings = settings
        self._channels = channels
        self._publisher = publisher
        self._host = host
        self._started = int(settings.now())
        self._table: dict[str, Callable[[Call], Any]] = {
            "pull.application.config.get": self._config_get,
            "pull.application.event.add": self._event_add,
            "profile": self._profile,
            "server.time": self._server_time,
        }

    def result(self, method: str, call: Call) -> Any:
        """The `result` of the method; raises Refusal, also for a method nobody knows."""
        function = self._table.get(method.lower())
        if function is None:
            raise Refusal(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        return function(call)

    def deliver(self, call: Call) -> None:
        """Publish the call's events, as the portal does when the answer is out."""
        for event in call.events.values():
            if event.kinds:
                self._publisher.publish(
                    event.module_id, event.command, event.params, list(event.kinds)
                )

    def _config_get(self, call: Call) -> dict[str, Any]:
        self._require_application(call)
        settings = self._settings
        if not settings.configured:
            status = 200 if settings.edition == "seed" else 500
            raise Refusal(status, "SERVER_ERROR", "Push & Pull server is not configured")
        issued = [self._channels.current(kind) for kind in settings.channel_kinds]
        if settings.edition == "seed":
            return self._seed_answer(issued)
        return self._current_answer(issued)

    def _seed_answer(self, issued: Sequence[IssuedChannel]) -> dict[str, Any]:
        return {
            "server": {**self._server(), "long_polling_secure": ""},
            "channels": {channel.kind: _seed_channel(channel) for channel in issued},
        }

    def _current_answer(self, issued: Sequence[IssuedChannel]) -> dict[str, Any]:
        server = {
            **self._server(),
            "long_pooling_secure": "",  # sic: today's portals spell it so
            "mode": "personal",
            "hostname": self._host.partition(":")[0],
            "config_timestamp": self._started,
        }
        return {
            "server": server,
            "api": {"revision_web": 19, "revision_mobile": 3},
            "channels": {c.kind: {**_seed_channel(c), "public_id": None} for c in issued},
            "publicChannels": False,  # there are none below version 4
            "exp": int(min(channel.end for channel in issued)),
        }

    def _server(self) -> dict[str, Any]:
        settings, host = self._settings, self._host
        return {
            "version": settings.server_version,
            "server_enabled": True,
            "long_polling": f"http://{host}/sub/",
            "websocket_enabled": settings.websocket,
            "websocket": f"ws://{host}/sub/",
            "websocket_secure": "",
            "publish_enabled": settings.server_version >= 4,
            "publish": f"http://{host}/pubweb/",
            "publish_secure": "",
        }

    def _event_add(self, call: Call) -> bool:
        self._require_application(call)
        params = _upper_names(call.params)
        command, module_id = _command(params), _module_id(params)
        content = _event_params(params)
        kinds = self._kinds(params)
        key = msgspec.json.encode([module_id, command, content]).decode()
        event = call.events.setdefault(key, _Event(module_id, command, content))
        event.kinds.update(dict.fromkeys(kinds))
        return True

    def _kinds(self, params: Mapping[str, Any]) -> list[str]:
        """The channels the event goes to: shared, or the private ones of the users named."""
        named = params.get("USER_ID")
        if named is None:
            return ["shared"]
        users = named if isinstance(named, list) else [named]
        if not all(re.fullmatch(r"[0-9]{1,18}", str(user)) for user in users):
            raise Refusal(400, "USER_ID_ACCESS_ERROR", "You do not have access to this user")
        # Other users exist for the portal, but nobody listens to them here.
        return ["private"] if self._settings.private and USER_ID in map(int, users) else []

    def _profile(self, call: Call) -> dict[str, Any]:
        return {
            "ID": str(call.caller.user_id),
            "ADMIN": True,
            "NAME": "Ada",
            "LAST_NAME": "Sandbox",
            "PERSONAL_GENDER": "F",
            "TIME_ZONE": "",
        }

    def _server_time(self, _call: Call) -> str:
        return iso_time(int(self._settings.now()))

    def _require_application(self, call: Call) -> None:
        """In today's edition a webhook is nobody: it belongs to no application."""
        if call.caller.is_webhook and self._settings.edition == "current":
            raise Refusal(
                403,
                "WRONG_AUTH_TYPE",
                "Get access to application config available only for application authorization.",
            )


def _seed_channel(channel: IssuedChannel) -> dict[str, Any]:
    return {
        "id": channel.signed_id,
        "start": iso_time(channel.start),
        "end": iso_time(channel.end),
        "type": channel.kind,
    }


def _upper_names(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name.upper(): value for name, value in params.items()}


def _command(params: Mapping[str, Any]) -> str:
    command = params.get("COMMAND")
    if not isinstance(command, str) or not _COMMAND.fullmatch(command):
        raise Refusal(400, "COMMAND_ERROR", "Command format error: use A-Za-z0-9_:|.-")
    return command


def _module_id(params: Mapping[str, Any]) -> str:
    module_id = params.get("MODULE_ID") or "application"
    lowered = module_id.lower() if isinstance(module_id, str) else ""
    if not _MODULE.fullmatch(lowered):
        raise Refusal(400, "MODULE_ID_ERROR", "Module ID format error: use a-z0-9._")
    return lowered


def _event_params(params: Mapping[str, Any]) -> Any:
    content = params.get("PARAMS")
    if content is None or content == []:
        return []  # PHP's empty map
    if not isinstance(content, dict):
        raise Refusal(400, "PARAMS_ERROR", "Params must be an object")
    return content
