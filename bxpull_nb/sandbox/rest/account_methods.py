"""The REST methods without a scope: user, application, scopes, methods, time."""

from typing import Any

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.rest.application import Application
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import BASIC, Call, Method, Methods
from bxpull_nb.sandbox.settings import Settings

__all__ = ["AccountMethods"]

_PLAN_FEATURES = ("rest_offline_extended", "rest_auth_connector")


class AccountMethods:
    """`profile`, `app.info`, `scope`, `methods`, `method.get`, `feature.get`, `server.time`.

    `url` is the portal's address.
    """

    def __init__(
        self, settings: Settings, application: Application, methods: Methods, url: str
    ) -> None:
        self._settings = settings
        self._application = application
        self._methods = methods
        self._url = url

    def table(self) -> dict[str, Method]:
        """Return the methods by their names."""
        table = {
            "profile": self._profile,
            "app.info": self._app_info,
            "scope": self._scope,
            "methods": self._list_methods,
            "method.get": self._method_get,
            "feature.get": self._feature_get,
            "server.time": self._server_time,
        }
        return {name: Method(BASIC, run) for name, run in table.items()}

    def _profile(self, call: Call) -> dict[str, Any]:
        return {
            "ID": str(call.caller.user_id),
            "ADMIN": call.caller.is_admin,
            "NAME": "Ada",
            "LAST_NAME": "Sandbox",
            "PERSONAL_GENDER": "F",
            "TIME_ZONE": "",
        }

    def _app_info(self, call: Call) -> dict[str, Any]:
        """Return the portal's fields in capitals, and those of the token server's method."""
        caller, application = call.caller, self._application
        portal = {"SCOPE": list(caller.scope), "LANGUAGE_ID": "en", "LICENSE": "en_sandbox"}
        if caller.token_end is None:
            return portal
        scope, end = ",".join(caller.scope), application.tokens.expires
        return {
            **portal,
            "ID": 1,
            "CODE": application.client_id,
            "VERSION": 1,
            "STATUS": "L",
            "INSTALLED": True,
            "PAYMENT_EXPIRED": "N",
            "DAYS": None,
            "client_id": application.client_id,
            "scope": scope,
            "expires": iso_time(min(caller.token_end, end)),
            "install": self._install(scope),
            "user_id": caller.user_id,
        }

    def _install(self, scope: str) -> dict[str, Any]:
        return {
            "installed": True,
            "version": 1,
            "status": "L",
            "scope": scope,
            "domain": self._url.partition("//")[2],
            "uri": self._url,
            "client_endpoint": f"{self._url}/rest/",
            "member_id": self._application.member_id,
            "member_type": "bitrix24",
        }

    def _scope(self, call: Call) -> list[str]:
        if call.upper.get("FULL") in (True, "Y", "1", "true"):
            return sorted({scope for scope in self._methods.scopes(call.caller).values() if scope})
        return list(call.caller.scope)

    def _list_methods(self, call: Call) -> list[str]:
        """Return the methods of a scope (`SCOPE`), of all (`FULL`), or of the caller's."""
        params, scopes = call.upper, self._methods.scopes(call.caller)
        if "SCOPE" in params:
            wanted = {str(params["SCOPE"])}
        elif params.get("FULL"):
            wanted = set(scopes.values())
        else:
            wanted = {BASIC, *call.caller.scope}
        return sorted(name for name, scope in scopes.items() if scope in wanted)

    def _method_get(self, call: Call) -> dict[str, bool]:
        scopes = self._methods.scopes(call.caller)
        scope = scopes.get(str(call.upper.get("NAME", "")).lower())
        return {
            "isExisting": scope is not None,
            "isAvailable": scope in (BASIC, *call.caller.scope),
        }

    def _feature_get(self, call: Call) -> dict[str, str]:
        """Return whether the portal's plan has a feature; it has all that are not known."""
        code = str(call.upper.get("CODE") or "")
        if code in ("", "0"):
            raise RestRefusal("CODE_EMPTY", "CODE can't be empty")
        has = code not in _PLAN_FEATURES or self._settings.offline_extended
        return {"value": "Y" if has else "N"}

    def _server_time(self, _call: Call) -> str:
        return iso_time(int(self._settings.now()))
