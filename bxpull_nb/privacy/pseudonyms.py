"""`Pseudonyms`: the key, the names met so far, and the pseudonym of each value."""

import hmac
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from bxpull_nb.errors import FileFormatError, SettingsError
from bxpull_nb.masking import reason_of, shown_path
from bxpull_nb.privacy.known_names import KnownNames, words_of
from bxpull_nb.privacy.memory import Memory
from bxpull_nb.privacy.phones import LONGEST, SHORTEST, digits_of, shaped, subscriber
from bxpull_nb.privacy.texts import mentions_in, replaced

__all__ = ["Pseudonyms", "checked_pseudonyms"]

_LEAST_KEY = 16  # bytes
_SHOWN = 10  # hex digits: 40 bits, so that a million persons rarely share one
_OWN_MAIL = re.compile(r"mail-[0-9a-f]{10}@example\.invalid")
_OWN = re.compile(r"(?:person|handle|address)-[0-9a-f]{10}")
_TOKEN = re.compile(r"\w(?:[\w.-]*\w)?")
_SHORTEST_HANDLE = 4
_WORDS_AT_HAND = 50_000  # whose digests need not be made again


class Pseudonyms:
    """Replaces personal data: the same person or value has the same pseudonym, by HMAC-SHA-256.

    >>> names = Pseudonyms("a key of sixteen characters or more")
    >>> names.person("Anna Berg") == names.person("BERG, Anna")
    True

    `key` is a text or bytes, at least 16 of them; without it no pseudonym leads back, and with it
    `person("Anna Berg")` finds hers again. It is not written, shown or pickled. `names` are keys of
    further fields that hold a person's name, such as `UF_CRM_DIRECTOR`. One object may serve
    several feeds, on any thread; the names that it meets in name fields are replaced in texts from
    then on, and `learn` gives it some before. Raises SettingsError for a key that is too short.
    """

    __slots__ = ("_digest", "_keyed", "_known", "_memory", "name_fields")

    def __init__(self, key: str | bytes, *, names: Iterable[str] = ()) -> None:
        self._keyed = _keyed(key)
        self._digest = lru_cache(_WORDS_AT_HAND)(partial(_digest, self._keyed))
        self._memory = Memory()
        self._known = KnownNames(
            self._memory, self._digest, lambda name: f"person-{self._hex('person', name)}"
        )
        self.name_fields = _name_fields(names)

    def person(self, name: str) -> str:
        """Return the pseudonym of a name, in any case and order of its words.

        A text without letters comes back as it is.
        """
        words = words_of(_text(name))
        return self._known.pseudonym_of(words) if words and not _OWN.search(name) else name

    def mail(self, address: str) -> str:
        """Return the pseudonym of an e-mail address: `mail-…@example.invalid`."""
        plain = unquote(_text(address)).replace("＠", "@").strip().casefold()
        if _OWN_MAIL.fullmatch(plain):
            return address
        return f"mail-{self._hex('mail', plain)}@example.invalid"

    def phone(self, number: str) -> str:
        """Return a number of the same shape, which cannot be dialled.

        The code of the country stays, and the last ten digits begin with 0. With and without the
        code a number has the same ten digits.
        """
        return shaped(_text(number), lambda digits: int.from_bytes(self._keyed(f"phone\0{digits}")))

    def handle(self, name: str) -> str:
        """Return the pseudonym of a login, or of a name in a messenger: `handle-…`."""
        plain = _text(name).strip().lstrip("@").casefold()
        return self._pseudonym("handle", plain) or name

    def address(self, text: str) -> str:
        """Return the pseudonym of a postal address: `address-…`."""
        plain = " ".join(_text(text).split()).casefold()
        return self._pseudonym("address", plain) or text

    def text(self, text: str) -> str:
        """Return free text with pseudonyms for e-mails, phones, and the names met so far."""
        return replaced(_text(text), self)

    def learn(self, *names: str) -> None:
        """Know these persons' names: they, and each of their words, are replaced in texts."""
        for name in names:
            self.learn_name(name, alone=True)

    def learn_name(self, name: str, person: str | None = None, *, alone: bool) -> None:
        """Know a name as a person's; `alone`: each of its words is a name too."""
        words = words_of(_text(name))
        if words and not _OWN.search(name):
            self._known.learn(words, person or self._known.pseudonym_of(words), alone=alone)

    def learn_phone(self, number: str) -> None:
        """Know a number from a field for phones."""
        digits = digits_of(_text(number))
        if SHORTEST <= len(digits) <= LONGEST:
            self._memory.put(f"p{self._digest(subscriber(digits))}")

    def learn_handle(self, name: str) -> None:
        """Know a name in a messenger."""
        plain = _text(name).strip().lstrip("@").casefold()
        if len(plain) >= _SHORTEST_HANDLE and not plain.isdecimal() and not _OWN.fullmatch(plain):
            self._memory.put(f"h{self._digest(plain)}")

    def learn_mentions(self, text: str) -> None:
        """Know the names that a chat's text marks as users."""
        for name in mentions_in(_text(text)):
            self.learn_name(name, alone=True)

    def remember_in(self, folder: Path) -> None:
        """Keep digests of the names met in a file there, and know those of before.

        Raises FileFormatError for a file that cannot be read, SettingsError without a Path.
        """
        if not isinstance(folder, Path):
            raise SettingsError(f"Pseudonyms: give a Path instead of a {type(folder).__name__}.")
        path = folder / f"known-names-{self._mark.hex()[:_SHOWN]}"
        try:
            self._memory.keep_in(path)
        except OSError as exc:
            raise FileFormatError(
                f"{shown_path(path)} cannot be read ({reason_of(exc)}): it holds digests of "
                "the names met so far. Give the right to read it, or remove it to begin without."
            ) from None

    def save(self) -> None:
        """Write the digests that are new to the files of `remember_in`."""
        self._memory.save()

    @staticmethod
    def has_pseudonym(name: str) -> bool:
        """Whether a pseudonym is in the name already."""
        return bool(_OWN.search(_text(name)))

    def knows_phone(self, number: str) -> bool:
        """Whether the number was met in a field for phones."""
        digits = digits_of(_text(number))
        is_possible = SHORTEST <= len(digits) <= LONGEST
        return is_possible and f"p{self._digest(subscriber(digits))}" in self._memory

    def known_names(self, text: str) -> str:
        """Return the text with the names replaced that were met so far."""
        return self._known.replaced(_text(text))

    def known_handles(self, text: str) -> str:
        """Return the text with the handles replaced that were met so far."""
        if "h" not in self._memory.kinds:
            return _text(text)
        return _TOKEN.sub(lambda found: self._known_handle(found[0]), _text(text))

    def _known_handle(self, token: str) -> str:
        is_known = f"h{self._digest(token.casefold())}" in self._memory
        return self.handle(token) if is_known else token

    def _pseudonym(self, kind: str, plain: str) -> str | None:
        """Return the pseudonym of a value; None for an empty one, and for a pseudonym."""
        is_new = plain and not _OWN.fullmatch(plain)
        return f"{kind}-{self._hex(kind, plain)}" if is_new else None

    def _hex(self, kind: str, value: str) -> str:
        return self._keyed(f"{kind}\0{value}").hex()[:_SHOWN]

    def __eq__(self, other: object) -> bool:
        """Whether both have the same key and fields, and so the same pseudonyms."""
        if not isinstance(other, Pseudonyms):
            return NotImplemented
        return self._mark == other._mark and self.name_fields == other.name_fields

    def __hash__(self) -> int:
        return hash((self._mark, self.name_fields))

    @property
    def _mark(self) -> bytes:
        return self._keyed("equal keys")

    def __repr__(self) -> str:
        return f"Pseudonyms({self._memory.names():,} names known)"

    def __reduce__(self) -> NoReturn:
        raise SettingsError(
            "Pseudonyms cannot be pickled or copied: the key must not leave the process. Make "
            "another one from the same key there."
        )


def checked_pseudonyms(privacy: object) -> Pseudonyms | None:
    """Return what `privacy=` was given; raises SettingsError for anything but Pseudonyms."""
    if privacy is None or isinstance(privacy, Pseudonyms):
        return privacy
    raise SettingsError(  # without the value: it may be the key
        f"privacy is a {type(privacy).__name__}: give privacy=bx.Pseudonyms(key)."
    )


def _text(value: object) -> str:
    """Return a method's argument; the error never has its value, which is personal."""
    if not isinstance(value, str):
        raise SettingsError(f"Pseudonyms: give a text instead of a {type(value).__name__}.")
    return value


def _name_fields(names: Iterable[str]) -> frozenset[str]:
    """Return the keys; SettingsError for what is no list of texts."""
    try:
        fields = None if isinstance(names, str) else list(names)
    except Exception:  # noqa: BLE001 - any `__iter__`
        fields = None
    if fields is None or not all(isinstance(name, str) for name in fields):
        raise SettingsError("Pseudonyms: names is a list of keys, such as ['UF_CRM_DIRECTOR'].")
    return frozenset(fields)


def _digest(keyed: Callable[[str], bytes], text: str) -> str:
    return keyed(f"known\0{text}").hex()[:16]


def _keyed(key: object) -> Callable[[str], bytes]:
    """Return the HMAC by this key; the function holds it, so that no attribute does."""
    data = key.encode(errors="surrogatepass") if isinstance(key, str) else key
    if not isinstance(data, bytes) or len(data) < _LEAST_KEY:
        raise SettingsError(
            f"Pseudonyms: the key must be a text or bytes of {_LEAST_KEY} or more. Make one by "
            f"secrets.token_hex(32), and keep it where passwords are kept."
        )
    secret = data

    def keyed(text: str) -> bytes:
        return hmac.digest(secret, text.encode(errors="surrogatepass"), "sha256")

    return keyed
