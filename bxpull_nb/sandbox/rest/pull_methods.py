"""The REST methods of the module `pull` (protocol 1.2, 1.3)."""

import re
from collections.abc import Mapping
from typing import Any

from bxpull_nb.sandbox.channels import Channels
from bxpull_nb.sandbox.objects.users import USER_IDS
from bxpull_nb.sandbox.rest.authentication import Caller
from bxpull_nb.sandbox.rest.config_answer import ConfigAnswer, public_entry
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import Call, Method
from bxpull_nb.sandbox.rest.params import json_value
from bxpull_nb.sandbox.settings import USER_ID, Settings

__all__ = ["PullMethods"]

_COMMAND = re.compile(r"[A-Za-z0-9_:|.\-]+")
_MODULE = re.compile(r"[a-z0-9._]+")
_USER = re.compile(r"[0-9]{1,18}")
_APPLICATION, _PERSONAL = "pull", "pull_channel"  # scopes


class PullMethods:
    """Methods for channels of the application, and of the web interface."""

    def __init__(
        self, settings: Settings, config: ConfigAnswer, channels: Channels, personal: Channels
    ) -> None:
        self._settings = settings
        self._config = config
        self._channels = channels
        self._personal = personal

    def table(self) -> dict[str, Method]:
        """Return the methods by their names."""
        return {
            "pull.application.config.get": Method(_APPLICATION, self._application_config),
            "pull.application.event.add": Method(_APPLICATION, self._event_add),
            "pull.application.push.add": Method(_APPLICATION, self._push_add),
            "pull.config.get": Method(_PERSONAL, self._personal_config),
            "pull.channel.public.get": Method(_PERSONAL, self._public_channel),
            "pull.channel.public.list": Method(
                _PERSONAL, self._public_channels, self._settings.public_list
            ),
            "pull.watch.extend": Method(_PERSONAL, self._watch_extend),
        }

    def _application_config(self, call: Call) -> dict[str, Any]:
        self._require_application(call.caller)
        if self._settings.edition == "seed" and not call.caller.is_admin:
            raise RestRefusal("ACCESS_DENIED", "Access denied!")
        return self._config.of_application(self._channels)

    def _personal_config(self, call: Call) -> dict[str, Any]:
        if not call.caller.is_webhook:
            raise RestRefusal("WRONG_AUTH_TYPE", "This method is not available for applications.")
        return self._config.of_user(self._personal)

    def _event_add(self, call: Call) -> bool:
        self._require_application(call.caller)
        params = call.upper
        command, module_id = _command(params), _module_id(params)
        content = _event_params(params)
        call.pending_events.add(module_id, command, content, self._kinds(params, call.caller))
        return True

    def _kinds(self, params: Mapping[str, Any], caller: Caller) -> list[str]:
        """Return the types of channel: shared, or private if `USER_ID` names the user."""
        named = params.get("USER_ID")
        if named is None:
            return ["shared"]
        users = named if isinstance(named, list) else [named]
        numbers = all(_USER.fullmatch(str(user)) for user in users)
        # As PHP's ===: a user who is not an administrator may not write the id as a number.
        if not numbers or not (caller.is_admin or named == str(caller.user_id)):
            raise RestRefusal("USER_ID_ACCESS_ERROR", "You do not have access to this user")
        # The portal has other users, but the sandbox has no channels of theirs.
        return ["private"] if self._settings.private and USER_ID in map(int, users) else []

    def _push_add(self, call: Call) -> bool:
        """Check a push message to telephones as the portal does; there are none here."""
        self._require_application(call.caller)
        if not call.caller.is_admin:
            raise RestRefusal("ACCESS_ERROR", "You do not have access to send push notifications")
        text = call.upper.get("TEXT")
        if not isinstance(text, str) or not text.strip():
            raise RestRefusal("TEXT_ERROR", "Text can't be empty")
        return True

    def _public_channel(self, call: Call) -> dict[str, Any] | bool:
        """Return one user's public address, or `false`."""
        params = call.upper
        found = self._public_entries([params.get("USER_ID", call.caller.user_id)], params)
        return next(iter(found.values()), False)

    def _public_channels(self, call: Call) -> dict[str, Any] | list[Any]:
        params = call.upper
        users = params.get("USERS")
        return self._public_entries(users if isinstance(users, list) else [users], params) or []

    def _public_entries(self, users: list[Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return addresses by user: the application's (`APPLICATION=Y`) or the web interface's."""
        if self._settings.server_version < 4 or not self._settings.private:
            return {}
        channels = self._channels if params.get("APPLICATION") == "Y" else self._personal
        known = [user for user in USER_IDS if str(user) in map(str, users)]
        return {str(user): public_entry(channels.public_channel(user)) for user in known}

    def _watch_extend(self, call: Call) -> dict[str, bool] | list[Any]:
        """Return every tag of `TAGS`, a list or a map whose values count, as in PHP."""
        tags = call.upper.get("TAGS")
        if isinstance(tags, dict):
            tags = list(tags.values())
        names = tags if isinstance(tags, list) else [tags] if tags else []
        return {str(name): True for name in names} or []

    def _require_application(self, caller: Caller) -> None:
        """Refuse webhooks in the current edition, as they belong to no application."""
        if caller.is_webhook and self._settings.edition == "current":
            raise RestRefusal(
                "WRONG_AUTH_TYPE",
                "Get access to application config available only for application authorization.",
            )


def _command(params: Mapping[str, Any]) -> str:
    command = params.get("COMMAND")
    if not isinstance(command, str) or not _COMMAND.fullmatch(command):
        raise RestRefusal("COMMAND_ERROR", "Command format error: use A-Za-z0-9_:|.-")
    return command


def _module_id(params: Mapping[str, Any]) -> str:
    module_id = params.get("MODULE_ID") or "application"
    if not isinstance(module_id, str) or not _MODULE.fullmatch(module_id):
        raise RestRefusal("MODULE_ID_ERROR", "Module ID format error: use a-z0-9._")
    return module_id


def _event_params(params: Mapping[str, Any]) -> Any:
    """Return `PARAMS`, a map or a list, which PHP does not distinguish; a text is parsed first."""
    content = params.get("PARAMS")
    if content is None:
        return []  # PHP's empty map
    if isinstance(content, str):
        content = json_value(content.encode(errors="replace"))
    if not isinstance(content, dict | list):
        raise RestRefusal("PARAMS_ERROR", "Params must be an object or a list")
    return content
