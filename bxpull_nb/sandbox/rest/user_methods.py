"""REST methods of the portal's users."""

from typing import Any

from bxpull_nb.sandbox.objects.users import USERS
from bxpull_nb.sandbox.rest.methods import BASIC, Call, Method
from bxpull_nb.sandbox.rest.record_lists import listed

__all__ = ["user_methods"]


def user_methods() -> dict[str, Method]:
    """Return the methods by their names."""
    return {
        "user.get": Method("user", lambda call: listed(USERS, call, fields_are_filter=True)),
        "user.current": Method("user", lambda call: _current(call)),
        "user.admin": Method(BASIC, lambda call: call.caller.is_admin),
    }


def _current(call: Call) -> dict[str, Any]:
    return next(user for user in USERS if user["ID"] == str(call.caller.user_id))
