"""One change of an object, as the portal's events announce it."""

from typing import Any, NamedTuple

__all__ = ["Author", "Change"]


class Author(NamedTuple):
    """The author of a change to an object."""

    user_id: int = 0
    """0 for a change without a user, as automatic ones are."""
    is_application: bool = False
    """Whether the application changes it by its own token."""
    connector: str = ""
    """The `auth_connector` that the application names."""


class Change(NamedTuple):
    """One change, after it was made."""

    event: str
    """The event's name in capitals, for example `ONCRMDEALUPDATE`."""
    data: dict[str, Any]
    """The event's data: which object it is, not what it is now."""
    author: Author
    moment: float
    """Seconds since 1970."""
