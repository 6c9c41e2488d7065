"""Control of a running sandbox's chats."""

from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.objects.users import USER_IDS
from bxpull_nb.sandbox.settings import USER_ID
from bxpull_nb.sandbox.wiring import Controls

__all__ = ["ChatControls"]

_COLLEAGUE = 7


class ChatControls(Controls):
    """The chats of a Sandbox. Every method may be called from any thread."""

    def chat_message(self, text: str, *, chat: int = 3, author: int = _COLLEAGUE) -> int:
        """Send a message to a chat and return its id; raises SettingsError for another author."""
        return self._running.company.chats.send(f"chat{chat}", _known(author), text)

    def edit_chat_message(self, number: int, text: str) -> None:
        """Change a message's text; raises SettingsError for an unknown id."""
        _check_found(number, self._running.company.chats.edit(number, text))

    def delete_chat_message(self, number: int) -> None:
        """Delete a message; raises SettingsError for an unknown id."""
        _check_found(number, self._running.company.chats.delete(number))

    def like_chat_message(self, number: int, *, user: int = _COLLEAGUE, undo: bool = False) -> None:
        """Like a message, or take the like back; raises SettingsError for an unknown id."""
        action = "delete" if undo else "add"
        _check_found(
            number, self._running.company.chats.react(number, _known(user), "like", action)
        )

    def join_chat(self, user: int, *, chat: int = 3) -> None:
        """Add a user to a chat; raises SettingsError for an unknown user."""
        self._running.company.chats.join(f"chat{chat}", _known(user))

    def chat_queue(self) -> list[dict[str, Any]]:
        """Return the chat events that are not acknowledged, as `im.v2.Event.get` writes them."""
        return [event.row() for event in self._running.company.chats.queue.left(USER_ID)]


def _known(user: int) -> int:
    if user not in USER_IDS:
        raise SettingsError(f"there is no user {user!r}: take one of {USER_IDS}.")
    return user


def _check_found(number: int, found: bool) -> None:
    if not found:
        raise SettingsError(f"there is no chat message {number!r}, or it is too old.")
