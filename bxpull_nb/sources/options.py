"""The sources that a caller asks for besides the channels, as one value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = ["SHARED_QUEUE", "Sources"]

SHARED_QUEUE = (
    "Two readers of one queue get a part each: stop one, or give each its auth_connector."
)
"""The next step where two read the same offline events, or the same user's chat events."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The sources of a feed besides its channels; none by default, which is falsy.

    >>> bool(Sources()), bool(Sources(chat=True))
    (False, True)
    """

    events: tuple[str, ...] = ()
    """Names of offline events, or scopes: `crm` is all events of that scope."""
    chat: bool = False
    """Whether to read the user's chat events."""
    enrich: bool = False
    """Whether to read the object of each offline event, as `params.object`."""
    auth_connector: str | None = None
    """The name of a queue of one's own; None for the application's."""
    unbind: bool = False
    """Whether to end the bindings and the subscription when the feed stops."""

    def __bool__(self) -> bool:
        return bool(self.events) or self.chat

    def shared_with(self, other: "Sources") -> str:
        """Return the queues that both read, in words; an empty text for none."""
        same = self.events and other.events and self.auth_connector == other.auth_connector
        offline = ["the queue of offline events"] if same else []
        return " and ".join([*offline, *["the chat events"] * (self.chat and other.chat)])

    @classmethod
    def of(
        cls,
        events: Sequence[str] | str | None = None,
        *,
        chat: bool = False,
        enrich: bool = False,
        auth_connector: str | None = None,
        unbind: bool = False,
    ) -> "Sources":
        """Return the checked options; raises SettingsError for those that cannot be used."""
        names = _names(events)
        for name, value in (("chat", chat), ("enrich", enrich), ("unbind", unbind)):
            if not isinstance(value, bool):
                raise SettingsError(f"{name}={quoted(value)}: give True or False.")
        if not names and (enrich or auth_connector is not None):
            word = "enrich" if enrich else "auth_connector"
            raise SettingsError(f'{word} is for offline events: name some, like events="crm".')
        if auth_connector is not None:
            auth_connector = _text("auth_connector", auth_connector)
        return cls(
            events=names, chat=chat, enrich=enrich, auth_connector=auth_connector, unbind=unbind
        )


def _names(events: Any) -> tuple[str, ...]:
    """Return the names without repetition."""
    if events is None:
        return ()
    given = [events] if isinstance(events, str) else events
    if not isinstance(given, list | tuple | set | frozenset) or not given:
        raise SettingsError(
            f'events={quoted(events)}: give names, like ["ONCRMDEALUPDATE"], or a scope, like '
            f'"crm".'
        )
    ordered = sorted(given) if isinstance(given, set | frozenset) else given
    return tuple(dict.fromkeys(_text("events", name) for name in ordered))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{name}: {quoted(value)} is no name. Give a text.")
    return value.strip()
