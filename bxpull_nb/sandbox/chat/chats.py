"""What people do in chats: send, edit, delete and like messages, and join."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any

from bxpull_nb.sandbox.chat.data import ChatMessage, chat_data, user_data
from bxpull_nb.sandbox.chat.queue import ChatQueue
from bxpull_nb.sandbox.demo_event import DemoEvent

__all__ = ["Chats"]

_MOST = 1000  # messages that may still be edited; the oldest are forgotten
_FIRST_ID = 900_001  # the demo traffic numbers its own from 50 001 on
_LANGUAGE = "en"


class Chats:
    """The chats of the portal; every action is an event of the queue."""

    def __init__(self, queue: ChatQueue, now: Callable[[], float]) -> None:
        self.queue = queue
        self._now = now
        self._messages: dict[int, ChatMessage] = {}
        self._next = _FIRST_ID
        self._lock = Lock()

    def send(self, dialog: str, author: int, text: str, number: int | None = None) -> int:
        """Send a message and return its id, by default the next one."""
        with self._lock:
            if number is None:
                number = self._next
                self._next += 1
            self._messages[number] = message = ChatMessage(
                number, dialog, author, text, self._now()
            )
            if len(self._messages) > _MOST:
                del self._messages[next(iter(self._messages))]
        self._add("ONIMV2MESSAGEADD", message, author, {"message": message.data()})
        return number

    def edit(self, number: int, text: str) -> bool:
        """Change a message's text; return whether there is one with that id."""
        message = self._messages.get(number)
        if message is None:
            return False
        self._messages[number] = message = replace(message, text=text)
        self._add("ONIMV2MESSAGEUPDATE", message, message.author, {"message": message.data()})
        return True

    def delete(self, number: int) -> bool:
        """Delete a message; return whether there was one with that id."""
        message = self._messages.pop(number, None)
        if message is None:
            return False
        self._add("ONIMV2MESSAGEDELETE", message, message.author, {"messageId": number})
        return True

    def react(self, number: int, user_id: int, reaction: str, action: str) -> bool:
        """Set a reaction (`add`) or take it back (`delete`); return whether the message exists."""
        message = self._messages.get(number)
        if message is None:
            return False
        content = {"reaction": reaction, "action": action, "message": message.data()}
        self._add("ONIMV2REACTIONCHANGE", message, user_id, content)
        return True

    def join(self, dialog: str, user_id: int) -> None:
        """Add a user to a chat."""
        data = {"dialogId": dialog, "chat": chat_data(dialog), "user": user_data(user_id)}
        self.queue.add("ONIMV2JOINCHAT", {**data, "language": _LANGUAGE}, self._now())

    def apply(self, event: DemoEvent) -> None:
        """Do what a demo event of the module `im` says."""
        params = event.params
        if event.command == "message":
            self.send(params["dialogId"], params["authorId"], params["text"], params["id"])
        elif event.command == "messageUpdate":
            self.edit(params["id"], params["text"])
        elif event.command == "messageLike":
            self.react(params["id"], params["authorId"], "like", "add")

    def _add(self, kind: str, message: ChatMessage, user_id: int, content: dict[str, Any]) -> None:
        about = {"chat": chat_data(message.dialog), "user": user_data(user_id)}
        self.queue.add(kind, {**content, **about, "language": _LANGUAGE}, self._now())
