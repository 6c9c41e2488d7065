"""The parameters of events: personal values learnt, then replaced; all else stays as it was."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bxpull_nb.privacy.birthdays import coarse_birthday, coarse_second
from bxpull_nb.privacy.fields import (
    Context,
    Kind,
    context_of,
    kind_of,
    name_groups,
    parent_within,
    plain_key,
)
from bxpull_nb.privacy.known_names import words_of
from bxpull_nb.privacy.phones import is_phone
from bxpull_nb.privacy.pseudonyms import Pseudonyms
from bxpull_nb.privacy.texts import MAIL, replaced

__all__ = ["Params"]

_FIELD_KEYS = ("field", "FIELD", "fieldName", "FIELD_NAME", "field_name", "key")
_VALUE_KEYS = {"value", "values", "raw", "old", "new", "from", "to", "before", "after"}
_FREELY_NAMED = {Kind.PHONE, Kind.MAIL}  # {"phones": {"work": …, "mobile": …}}
_UNSAID = {Kind.OTHER, Kind.PROSE, Kind.MAYBE_NAME}
_ABOUT_PERSON = re.compile(r"user|contact|lead(?!er)|employee|member", re.IGNORECASE)
_BARE_MAIL = re.compile(r"\S+@\S+")
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$.:-]*")
_MOBILE = re.compile(r"[78]9\d{9}")
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_WITH_ADDRESS = re.compile(r"\"?([^\"<>,;@]{2,100}?)\"?\s*<[^<>\s]+@")
_NAME_FORM = re.compile(r"[^\W\d_][^\d_!?:;/\\|@#%&*+=<>{}\[\]\"]*")
_MILLISECONDS = 10**11  # a greater number of a birthday counts them


class Params:
    """The params of one event, decoded once: `learn` from all of a batch, then `rewritten`."""

    def __init__(self, text: bytes, command: str | None, by: Pseudonyms) -> None:
        self._text = text
        self._by = by
        self._root = "user" if _ABOUT_PERSON.search(command or "") else None
        self._value: Any = None
        self._error = False
        try:
            self._value = _decoded(text.decode())
        except (ValueError, RecursionError):
            self._error = True

    def learn(self) -> None:
        """Learn the names, phones and handles in their fields."""
        if not self._error:
            try:
                self._learn(self._value, self._root, Kind.OTHER)
            except RecursionError:
                self._error = True

    def rewritten(self) -> bytes:
        """Return the params as JSON with pseudonyms; a note instead of what cannot be read."""
        if not self._error:
            try:
                changed = self._replaced(self._value, self._root, Kind.OTHER)
                return self._text if changed is self._value else msgspec.json.encode(changed)
            except RecursionError:
                pass
        return msgspec.json.encode(withheld(len(self._text)))

    def _learn(self, value: Any, key: str | None, kind: Kind) -> None:
        """Learn from a value under this key; `kind` is what its key means."""
        if isinstance(value, dict):
            self._learn_object(value, key, kind)
        elif isinstance(value, list):
            for one in value:
                self._learn(one, key, kind)
        elif isinstance(value, str):
            self._learn_text(value, kind)
        elif kind is Kind.PHONE and type(value) is int:
            self._by.learn_phone(str(value))

    def _learn_object(self, value: dict[str, Any], parent: str | None, kind: Kind) -> None:
        for _, names in self._persons(value):
            person = self._by.person(names[0])
            for name in names:
                self._by.learn_name(name, person, alone=True)
        is_of_persons = context_of(parent, {}) is Context.PERSON
        for key, inner, of in self._members(value, parent, kind):
            if is_of_persons and " " in key:
                self._by.learn_name(key, alone=True)
            self._learn(inner, parent_within(key, parent), of)

    def _persons(self, value: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
        """Return the groups of names that are no pseudonyms yet."""
        return [group for group in name_groups(value) if not self._by.has_pseudonym(group[1][0])]

    def _learn_text(self, text: str, kind: Kind) -> None:
        by = self._by
        by.learn_mentions(text)
        if kind is Kind.NAME and not MAIL.search(text):
            by.learn_name(text, alone=True)
        elif kind is Kind.MAYBE_NAME and _looks_like_a_name(text):
            by.learn_name(text, alone=False)
        elif kind is Kind.PHONE:
            by.learn_phone(text)
        elif kind is Kind.HANDLE:
            by.learn_handle(text)
        elif kind is Kind.MAIL:
            for name in _WITH_ADDRESS.findall(text):
                by.learn_name(name, alone=True)
        elif (inner := _json_within(text)) is not None:
            self._learn(inner, None, Kind.OTHER)

    def _members(
        self, value: dict[str, Any], parent: str | None, kind: Kind
    ) -> Iterator[tuple[str, Any, Kind]]:
        """Yield the members of an object, and what each is."""
        field = next((value[key] for key in _FIELD_KEYS if isinstance(value.get(key), str)), None)
        if field is not None and kind is Kind.OTHER:  # {"field": "PHONE", "value": …}
            kind = kind_of(field, Context.UNKNOWN)
        context = context_of(parent, value)
        for key, inner in value.items():
            own = Kind.NAME if key in self._by.name_fields else kind_of(key, context)
            is_value = kind in _FREELY_NAMED or key.isdecimal() or plain_key(key) in _VALUE_KEYS
            yield (
                key,
                inner,
                kind if own in _UNSAID and is_value and kind is not Kind.OTHER else own,
            )

    def _replaced(self, value: Any, key: str | None, kind: Kind) -> Any:
        """Return the value with pseudonyms; the value itself where nothing was personal."""
        if isinstance(value, dict):
            return self._replaced_object(value, key, kind)
        if isinstance(value, list):
            made = [self._replaced(one, key, kind) for one in value]
            return made if any(a is not b for a, b in zip(made, value, strict=True)) else value
        if isinstance(value, str):
            return self._replaced_text(value, kind)
        return self._replaced_number(value, kind) if type(value) is int else value

    def _replaced_object(self, value: dict[str, Any], parent: str | None, kind: Kind) -> Any:
        persons = {
            key: self._by.person(names[0]) for keys, names in self._persons(value) for key in keys
        }
        made, is_same = dict[str, Any](), True
        for key, inner, of in self._members(value, parent, kind):
            name = self._replaced_key(key)
            one = persons.get(key) or self._replaced(inner, parent_within(key, parent), of)
            is_same = is_same and name == key and one is inner
            made[_free(name, made)] = one
        return value if is_same else made

    def _replaced_key(self, key: str) -> str:
        if key.isdecimal():
            return self._replaced_digits(key)
        return key if _PLAIN_KEY.fullmatch(key) else self._by.text(key)

    def _replaced_text(self, text: str, kind: Kind) -> str:
        by = self._by
        if not text or (kind is Kind.CODE and "@" not in text and len(text.split()) == 1):
            return text
        is_mixed = MAIL.search(text) or by.has_pseudonym(text)
        if kind is Kind.NAME or (kind is Kind.MAYBE_NAME and _looks_like_a_name(text)):
            return by.text(text) if is_mixed else by.person(text)
        if kind is Kind.HANDLE and len(text) > 2 and not (MAIL.search(text) or is_phone(text)):
            return by.handle(text)
        if kind is Kind.ADDRESS:
            return by.address(text)
        if kind is Kind.BIRTHDAY and any(map(str.isdigit, text)) and not is_mixed:
            return coarse_birthday(text) or next(iter(_YEAR.findall(text)), "")
        if kind is Kind.PHONE:
            return replaced(text, by, is_phone_field=True)
        if kind is Kind.MAIL and _BARE_MAIL.fullmatch(text):
            return by.mail(text)
        if text.isdecimal() and kind is not Kind.PROSE:
            return self._replaced_digits(text)
        return self._replaced_prose(text)

    def _replaced_prose(self, text: str) -> str:
        inner = _json_within(text)
        if inner is None:
            changed = self._by.text(text)
            return text if changed == text else changed
        made = self._replaced(inner, None, Kind.OTHER)
        return text if made is inner else msgspec.json.encode(made).decode()

    def _replaced_digits(self, digits: str) -> str:
        """Return digits without separators: an id, unless they are a known or a mobile number."""
        is_number = self._by.knows_phone(digits) or _MOBILE.fullmatch(digits)
        return self._by.phone(digits) if is_number else digits

    def _replaced_number(self, number: int, kind: Kind) -> int:
        """Return a number of the same size; an id stays as it is."""
        if kind is Kind.PHONE and len(str(abs(number))) >= 3:
            made = self._by.phone(str(number))
            return int(made if made[0] != "0" else f"1{made[1:]}")
        if kind is Kind.BIRTHDAY and abs(number) >= _MILLISECONDS:
            return coarse_second(number / 1000) * 1000
        return coarse_second(number) if kind is Kind.BIRTHDAY else number


def withheld(size: int) -> str:
    """Return the note that takes the place of a text that cannot be searched for names."""
    return f"withheld: {size:,} bytes that could not be read"


def _decoded(text: str) -> Any:
    value = json.loads(text, parse_float=_raw, parse_int=_number, strict=False)
    return _without_halves(value) if "\\ud" in text.lower() else value


def _number(digits: str) -> Any:
    return int(digits) if len(digits) < 19 else _raw(digits)


def _raw(digits: str) -> msgspec.Raw:
    """Keep a number as it is written: a fraction with its zeros, an integer of any size."""
    return msgspec.Raw(digits.encode())


def _without_halves(value: Any) -> Any:
    """Return the value with a `?` for each half of a character, which UTF-8 cannot hold."""
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_halves(one) for one in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _json_within(text: str) -> Any:
    """Return the object or array that a text spells; None for other texts."""
    if text[:1] not in ("{", "[") or text[-1:] not in ("}", "]"):
        return None
    try:
        return _decoded(text)
    except ValueError:
        return None


def _looks_like_a_name(text: str) -> bool:
    """Whether the text is two to five words, all of them with or all without a capital."""
    words = words_of(text)
    if not 2 <= len(words) <= 5 or not _NAME_FORM.fullmatch(text.strip()):
        return False
    given = re.findall(r"[^\s.,]+", text)
    is_short = (len(word) < 4 for word in given)  # a particle has no capital
    capitals = (word[0].isupper() or short for word, short in zip(given, is_short, strict=True))
    return text.islower() or all(capitals)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return the name, with a number where two keys have become one."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
