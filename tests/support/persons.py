"""Invented persons, and events that carry their data in every way that a portal does."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Person", "events_of", "found_in", "persons"]

_LATIN = ["bar", "dol", "ker", "lin", "mos", "nav", "pel", "rud", "sol", "tam", "vor", "zeb"]
_CYRILLIC = ["бар", "дол", "кер", "лин", "мос", "нав", "пел", "руд", "сол", "там", "вор", "зеб"]
_PHONES = (
    "+7 ({}) {}-{}-{}",
    "8 {} {}-{}-{}",
    "+7{}{}{}{}",
    "8{}{}{}{}",
    "+7-{}-{}-{}-{}",
    "7 {}.{}.{}.{}",
    "({}) {} {}{}",
)


@dataclass(frozen=True)
class Person:
    """One person's data, as it must appear nowhere."""

    first: str
    last: str
    mail: str
    phone: str
    birthday: str
    handle: str

    @property
    def digits(self) -> str:
        """The number without the code of its country."""
        return "".join(filter(str.isdigit, self.phone))[-10:]


def persons(count: int) -> list[Person]:
    """Return persons with Latin and Cyrillic names that are no words of any language."""
    rng = random.Random(18)
    return [_person(rng, number, is_cyrillic=number % 2 == 1) for number in range(count)]


def _person(rng: random.Random, number: int, *, is_cyrillic: bool) -> Person:
    syllables = _CYRILLIC if is_cyrillic else _LATIN
    first, last = ("".join(rng.choices(syllables, k=3)).capitalize() for _ in "fl")
    mail = f"{''.join(rng.choices(_LATIN, k=3))}.{number}@{rng.choice(_LATIN)}.example"
    digits = str(rng.randint(9_000_000_000, 9_999_999_999))
    parts = digits[:3], digits[3:6], digits[6:8], digits[8:]
    born = f"19{rng.randint(50, 99)}-{rng.randint(2, 12):02}-{rng.randint(2, 28):02}"
    handle = f"{''.join(rng.choices(_LATIN, k=4))}_{number}"
    return Person(first, last, mail, rng.choice(_PHONES).format(*parts), born, handle)


def events_of(person: Person, number: int) -> Iterator[tuple[str, Any]]:
    """Yield commands and params: fields first, then texts in other spellings."""
    first, last, mail, phone = person.first, person.last, person.mail, person.phone
    shapes: list[Any] = [
        {"user": {"id": number, "name": f"{first} {last}", "first_name": first, "last_name": last}},
        {"object": {"ID": str(number), "NAME": first.upper(), "LAST_NAME": last.upper()}},
        {"users": {str(number): {"name": f"{first} {last}", "email": mail, "lastName": last}}},
        {"data": json.dumps({"NAME": first, "LAST_NAME": last, "EMAIL": mail})},
        {"author": {"fullName": f"{last} {first}", "workPhone": phone}},
    ]
    yield "userUpdate", shapes[number % len(shapes)]
    yield (
        "contactUpdate",
        {
            "NAME": first,
            "LAST_NAME": last,
            "PHONE": [{"ID": "1", "VALUE": phone, "VALUE_TYPE": "WORK"}],
            "EMAIL": [{"ID": "2", "VALUE": mail.upper()}],
            "IM": [{"VALUE": f"@{person.handle}"}],
            "BIRTHDATE": f"{person.birthday}T00:00:00+03:00",
            "ASSIGNED_BY_ID": "15",
        },
    )
    bare = "".join(filter(str.isdigit, phone))
    texts = [
        f"{first.lower()} {last.lower()} wrote from {mail.title()}, call {phone}!",
        f"{last.upper()}, {first.upper()}: {bare} or tel:{phone}",
        f"https://portal.example/?who={first}%20{last}&m={mail.replace('@', '%40')}",
        f"[b]{first}_{last}[/b] <{mail}>;{phone}/{phone} @{person.handle.upper()}",
        json.dumps({"note": f"{first} {last}", "call": phone}),
    ]
    yield "messageAdd", {"message": {"id": number, "text": texts[number % len(texts)]}}
    yield "listUpdate", {"members": {mail: 1, phone: 2, f"{first} {last}": 3}}


def found_in(text: str, people: list[Person]) -> list[str]:
    """Return the planted texts that a text holds, in any case."""
    text = text.casefold()
    words = set(re.findall(r"[^\W\d_]+", text))  # a search for each would take minutes
    pieces = set(re.findall(r"[^\s\"',;:<>()=?&@][^\s\"',;:<>()=?&]*", text))
    numbers = set(re.findall(r"(?=(\d{10}))", re.sub(r"(?<=\d)[ ().-]{1,2}(?=\d)", "", text)))
    return [one for person in people for one in _found(person, words, pieces, numbers)]


def _found(person: Person, words: set[str], pieces: set[str], numbers: set[str]) -> Iterator[str]:
    named = (name for name in (person.first, person.last) if name.casefold() in words)
    marked = (one for one in (person.mail, person.handle) if one.casefold() in pieces)
    yield from (*named, *marked)
    if person.digits in numbers:
        yield person.phone
    if person.birthday in pieces or f"{person.birthday}t00" in pieces:
        yield person.birthday
