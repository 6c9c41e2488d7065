"""Which values are personal, by their keys: the spellings of the CRM, of chats and of tasks.

A key is compared without case, `_` and `-`. A bare `name` is a person's where the object is one,
and not where it is a file, a stage or a product; elsewhere its value must look like a name.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from bxpull_nb.privacy.vocabulary import (
    ONLY_OF_PERSONS,
    ONLY_OF_THINGS,
    PERSONS,
    THINGS,
    WRAPPERS,
)

__all__ = ["Context", "Kind", "context_of", "kind_of", "name_groups", "parent_within", "plain_key"]


class Kind(Enum):
    """The meaning of a value, by its key."""

    NAME = "the name of a person"
    MAYBE_NAME = "the name of a person or of a thing"
    MAIL = "an e-mail address"
    PHONE = "a phone number"
    BIRTHDAY = "a birthday"
    HANDLE = "a login, or a name in a messenger"
    ADDRESS = "a postal address"
    CODE = "an id, a type, a status"
    PROSE = "a text that people write"
    OTHER = "unknown"


class Context(Enum):
    """The subject of an object, by the key before it and its own keys."""

    PERSON = "a person"
    THING = "no person"
    UNKNOWN = "unknown"


_TYPE_KEYS = ("type", "TYPE", "entityType", "ENTITY_TYPE", "entityId")
_PERSON_TYPES = ("user", "contact", "employee")
_NAME = re.compile(
    r"(.*?)(firstname|lastname|secondname|middlename|surname|familyname|patronymic|fullname|"
    r"formattedname|nameformatted|displayname|fio|фио|имя|фамилия|отчество|names?)"
)
_PHONE = re.compile(r".*(phones?|phone(number|inner|mobile|work|home)|mobile|fax|callerid|msisdn)")
_MAIL = re.compile(r".*(e?mails?|emailaddress|email(home|work|mailing|other)|mailbox)")
_BIRTHDAY = re.compile(r"(.*birth(day|date)|dob|dateofbirth)")
_HANDLE = re.compile(
    r"im|messengers?|(?!last).*(skype|telegram|whatsapp|viber|icq|facebook|linkedin|twitter|"
    r"instagram|xing|vk|login|nickname)"
)
_ADDRESS = re.compile(r"address2?|(.*(street|addressline|fulladdress|deliveryaddress))")
_CODE = re.compile(
    r".*(ids?|uid|guid|code|type|status|stage|command|module|event|action|mode|lang|language|"
    r"currency|color|gender|timezone|date|time|hash|token|version|extension)"
)
_PROSE = re.compile(
    r".*(text|message|title|comments?|description|subject|body|note|details|content)"
)
_FLAG = re.compile(r"(has|is|can|show|allow|use)[a-z]+")


@lru_cache(maxsize=4096)
def plain_key(key: str) -> str:
    """Return the key in the form in which keys are compared."""
    return key.replace("_", "").replace("-", "").lower()


@lru_cache(maxsize=4096)
def kind_of(key: str, context: Context) -> Kind:
    """Return what the value under this key is, in an object of this context."""
    plain = plain_key(key)
    if _FLAG.fullmatch(plain):
        return Kind.OTHER
    if name := _NAME.fullmatch(plain):
        kind = _kind_of_name(name[1], name[2], context)
        if kind is not Kind.OTHER:
            return kind
    if _is_in(plain, PERSONS - {"from", "to"}) or (plain == "title" and context is Context.PERSON):
        return Kind.MAYBE_NAME
    kinds = {
        Kind.BIRTHDAY: _BIRTHDAY,
        Kind.PHONE: _PHONE,
        Kind.MAIL: _MAIL,
        Kind.HANDLE: _HANDLE,
        Kind.ADDRESS: _ADDRESS,
        Kind.PROSE: _PROSE,
        Kind.CODE: _CODE,
    }
    return next((kind for kind, keys in kinds.items() if keys.fullmatch(plain)), Kind.OTHER)


def _kind_of_name(prefix: str, suffix: str, context: Context) -> Kind:
    if suffix in ("fullname", "formattedname", "nameformatted", "displayname"):
        return Kind.OTHER if context is Context.THING else Kind.NAME
    if suffix not in ("name", "names"):
        return Kind.NAME
    if not prefix:
        of_context = {Context.PERSON: Kind.NAME, Context.THING: Kind.OTHER}
        return of_context.get(context, Kind.MAYBE_NAME)
    return Kind.NAME if _is_in(prefix, PERSONS - {"to"}) else Kind.OTHER


def parent_within(key: str, parent: str | None) -> str | None:
    """Return the key that names an object's subject. Ids and words like `fields` do not."""
    return parent if key.isdecimal() or plain_key(key) in WRAPPERS else key


def context_of(parent: str | None, value: Mapping[str, Any]) -> Context:
    """Return what the object under the key `parent` is about."""
    types = (value.get(key) for key in _TYPE_KEYS)
    if any(isinstance(one, str) and one.lower() in _PERSON_TYPES for one in types):
        return Context.PERSON
    if parent is not None and (context := _context_of_key(parent)) is not Context.UNKNOWN:
        return context
    keys = set(map(plain_key, value))
    if keys & ONLY_OF_THINGS:
        return Context.THING
    has_contact = any(map(_is_contact, keys))
    if keys & ONLY_OF_PERSONS or (has_contact and "title" not in keys):
        return Context.PERSON
    return Context.UNKNOWN


@lru_cache(maxsize=4096)
def _context_of_key(key: str) -> Context:
    if _is_in(plain_key(key), THINGS):
        return Context.THING
    return Context.PERSON if _is_in(plain_key(key), PERSONS) else Context.UNKNOWN


@lru_cache(maxsize=4096)
def _is_contact(plain: str) -> bool:
    return bool(_PHONE.fullmatch(plain) or _MAIL.fullmatch(plain))


def _is_in(plain: str, words: Collection[str]) -> bool:
    """Whether the key is one of the words, also in the plural, also after another word."""
    single = plain.removesuffix("list").removesuffix("info").removesuffix("data")
    forms = {plain, single, single.removesuffix("s"), single.removesuffix("ies") + "y"}
    return any(form in words for form in forms) or any(
        len(word) > 4 and form.endswith(word) for form in forms for word in words
    )


@lru_cache(maxsize=4096)
def _name_of(key: str) -> tuple[str, str] | None:
    """Return the person and the part of the name that a key names; None for another key."""
    found = _NAME.fullmatch(plain_key(key))
    return None if found is None else (found[1], found[2])


_FIRST, _LAST = {"firstname", "имя"}, {"lastname", "surname", "familyname", "фамилия"}
_SECOND = {"secondname", "middlename", "patronymic", "отчество"}


def name_groups(value: Mapping[str, Any]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the names of each person with first and last name in separate fields.

    For each: the keys of its name fields, and its names: first and last first, then others. An
    object may name several: `ASSIGNED_BY_NAME`, `CREATED_BY_NAME`.
    """
    groups: dict[str, dict[str, str]] = {}
    for key, one in value.items():
        if isinstance(one, str) and one and (found := _name_of(key)):
            person, part = found
            groups.setdefault(person, {})[key] = part
    for parts in groups.values():
        last = next((key for key, part in parts.items() if part in _LAST), None)
        first = next((key for key, part in parts.items() if part in _FIRST), None)
        first = first or next((key for key, part in parts.items() if part == "name"), None)
        if last is None or first is None:
            continue
        names = [f"{value[first]} {value[last]}"]
        for second in (key for key, part in parts.items() if part in _SECOND):
            names.append(f"{value[first]} {value[second]} {value[last]}")
            names.append(f"{value[first]} {value[second]}")
        names += [value[key] for key in parts if key not in (first, last)]
        yield list(parts), names
