"""Messages, chats and users as chat events carry them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.objects.users import USERS

__all__ = ["ChatMessage", "chat_data", "user_data"]

_DIRECT = 100_000
"""A dialog with one person is the chat with this number and the user's id."""
_NAMES = {3: "Sales", 8: "Отдел закупок", 11: "Office"}
_COLOURS = ("#ab7761", "#df532d", "#64a513", "#4ba984", "#6fc8e5")
_EMPTY_CHAT = {
    "avatar": "",
    "description": "",
    "extranet": False,
    "containsCollaber": False,
    "entityType": "",
    "entityId": "",
    "entityData1": "",
    "entityData2": "",
    "entityData3": "",
    "entityLink": {},
    "diskFolderId": None,
    "permissions": {},
    "parentChatId": 0,
    "parentMessageId": 0,
    "isNew": False,
    "textFieldEnabled": "Y",
    "backgroundId": None,
}
_EMPTY_USER = {
    "workPosition": "",
    "avatar": "",
    "gender": "",
    "extranet": False,
    "bot": False,
    "connector": False,
    "externalAuthId": "default",
    "status": "online",
    "idle": False,
    "lastActivityDate": False,
    "mobileLastDate": False,
    "desktopLastDate": False,
    "absent": False,
    "departments": [1],
    "website": "",
    "type": "employee",
}


@dataclass(frozen=True)
class ChatMessage:
    """One message of a chat."""

    id: int
    dialog: str
    """`chat3`, or a user's id for the dialog with that person."""
    author: int
    text: str
    moment: float
    """Seconds since 1970."""

    def data(self) -> dict[str, Any]:
        """Return the message as an event carries it."""
        return {
            "id": self.id,
            "chatId": _chat_id(self.dialog),
            "authorId": self.author,
            "date": iso_time(int(self.moment)),
            "text": self.text,
            "isSystem": False,
            "uuid": "",
            "forward": None,
            "params": {},
            "viewedByOthers": False,
        }


@lru_cache(maxsize=1000)
def chat_data(dialog: str) -> dict[str, Any]:
    """Return the chat of a dialog as an event carries it."""
    number = _chat_id(dialog)
    is_direct = number > _DIRECT
    name = user_data(number - _DIRECT)["name"] if is_direct else _NAMES.get(number, dialog)
    return {
        "id": number,
        "dialogId": dialog,
        "name": name,
        "type": "private" if is_direct else "chat",
        "messageType": "P" if is_direct else "C",
        "owner": 1,
        "color": _COLOURS[number % len(_COLOURS)],
        **_EMPTY_CHAT,
    }


@lru_cache(maxsize=1000)
def user_data(user_id: int) -> dict[str, Any]:
    """Return a user as an event carries it; an unknown id has no name."""
    row = next((user for user in USERS if user["ID"] == str(user_id)), {})
    first, last = row.get("NAME", ""), row.get("LAST_NAME", "")
    phone, birthday = row.get("PERSONAL_MOBILE"), row.get("PERSONAL_BIRTHDAY", "")[:10]
    return {
        "id": user_id,
        "active": bool(row),
        "name": f"{first} {last}".strip(),
        "firstName": first,
        "lastName": last,
        "color": _COLOURS[user_id % len(_COLOURS)],
        "birthday": "-".join(reversed(birthday.split("-")[1:])),
        "phones": {"personal_mobile": phone} if phone else False,
        "email": row.get("EMAIL", ""),
        **_EMPTY_USER,
    }


def _chat_id(dialog: str) -> int:
    if dialog.startswith("chat"):
        return int(dialog.removeprefix("chat"))
    return _DIRECT + int(dialog)
