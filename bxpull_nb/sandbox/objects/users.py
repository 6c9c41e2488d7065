"""The users of the portal, with the personal data that portals give to applications."""

from typing import Any

__all__ = ["USERS", "USER_IDS"]

_PEOPLE = (
    ("1", "Ada", "Sandbox", "1987-12-10"),
    ("7", "Борис", "Ильин", "1979-03-04"),
    ("12", "Chiara", "Rossi", "1990-07-21"),
    ("15", "Дарья", "Орлова", "1995-01-30"),
    ("23", "Émile", "Roy", "1984-11-02"),
)


def _user(number: str, name: str, last_name: str, birthday: str) -> dict[str, Any]:
    return {
        "ID": number,
        "ACTIVE": True,
        "NAME": name,
        "LAST_NAME": last_name,
        "EMAIL": f"user{number}@sandbox.example",
        "PERSONAL_MOBILE": f"+49 30 5550{int(number):04}",
        "PERSONAL_BIRTHDAY": f"{birthday}T02:00:00+02:00",
    }


USERS = [_user(*person) for person in _PEOPLE]
"""The users as `user.get` lists them."""
USER_IDS = tuple(int(user["ID"]) for user in USERS)
"""All user ids; the first is the caller's."""
