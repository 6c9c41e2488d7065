"""Free text: e-mails and phone numbers by their form, names where they are known."""

import re
from collections.abc import Callable
from typing import Protocol
from unicodedata import is_normalized, normalize
from urllib.parse import quote, unquote

from bxpull_nb.privacy.phones import LONGEST, digits_of, is_phone

__all__ = ["MAIL", "Replacements", "mentions_in", "replaced"]

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_PARTS = {
    "own": r"(?<!\w)(?:(?:person|handle|address)-[0-9a-f]{10}(?!\w)"
    r"|mail-[0-9a-f]{10}@example\.invalid)",
    "mail": r"(?<!\w)\w[\w.+-]{0,63}(?:@|%40|＠)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",
    "kept": rf"(?<!\w)[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}(?!\w)"
    rf"|(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w.]*\d)"
    rf"|(?<![\w-])\d{{4}}-{_MONTH}-{_DAY}{_TIME}(?![\d-])"
    rf"|(?<![\w-]){_DAY}[./-]{_MONTH}[./-](?:\d{{4}}|\d\d)(?!\d|[ .-]\d\d[ .-]?\d|-){_TIME}",
    "run": r"(?<!\w)(?:\+|\(\+?)?\d(?:[().\-/ \u00a0\u2009\u202f\u2010-\u2015]*\d)*+(?!\w)",
}
_MASTER = re.compile("|".join(f"(?P<{name}>{part})" for name, part in _PARTS.items()))
_SIGNS = re.compile(r"[@＠\d]|%40")
MAIL = re.compile(_PARTS["mail"])
_BETWEEN_SPACES = re.compile(r"[^/ \u00a0\u2009\u202f]+")
_MENTION = re.compile(r"\[USER=\d[^\]]{0,40}\]([^\[\]]{1,200})\[/USER\]", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_NO_SPACE = re.compile(r"\S+")


class Replacements(Protocol):
    """The replacements of a text's parts; a part that is not personal stays as it is."""

    def mail(self, address: str) -> str:
        """Return the pseudonym of an e-mail address."""
        ...

    def phone(self, number: str) -> str:
        """Return a number of the same shape."""
        ...

    def knows_phone(self, number: str) -> bool:
        """Whether the number was met in a field for phones."""
        ...

    def known_handles(self, text: str) -> str:
        """Return the text with the handles replaced that were met in fields for them."""
        ...

    def known_names(self, text: str) -> str:
        """Return the text with the names replaced that were met in name fields."""
        ...


def mentions_in(text: str) -> list[str]:
    """Return the names that a chat's text marks as users.

    >>> mentions_in("[USER=5]Anna Berg[/USER], please call")
    ['Anna Berg']
    """
    return _MENTION.findall(text) if "[" in text else []


def replaced(text: str, by: Replacements, *, is_phone_field: bool = False) -> str:
    """Return the text without personal data that can be recognised.

    In a field for phones every number of three digits or more is one.
    """
    if not text.isascii() and not is_normalized("NFC", text):
        text = normalize("NFC", text)
    text = by.known_handles(text)
    if _SIGNS.search(text):
        is_number = _has_three_digits if is_phone_field else is_phone
        text = _by_form(text, by, is_number)
    else:
        text = by.known_names(text)
    return _NO_SPACE.sub(lambda found: _unescaped(found[0], by), text) if "%" in text else text


def _by_form(text: str, by: Replacements, is_number: Callable[[str], bool]) -> str:
    """Replace e-mails and numbers, and names in what is between them."""
    pieces, at = list[str](), 0
    for found in _MASTER.finditer(text):
        part = _part(found, by, is_number)
        if part != found[0] or found.lastgroup == "own":
            pieces += [by.known_names(text[at : found.start()]), part]
            at = found.end()
    return "".join([*pieces, by.known_names(text[at:])])


def _part(found: re.Match[str], by: Replacements, is_number: Callable[[str], bool]) -> str:
    kind, part = found.lastgroup, found[0]
    if kind == "mail":
        return by.mail(part)
    if kind == "run":
        return _numbers(part, by, is_number)
    return by.phone(part) if kind == "kept" and by.knows_phone(part) else part


def _numbers(run: str, by: Replacements, is_number: Callable[[str], bool]) -> str:
    """Replace the numbers in a run of digits and separators: of each place the longest one."""
    parts = [found.span() for found in _BETWEEN_SPACES.finditer(run)]
    pieces, at, place = list[str](), 0, 0
    while place < len(parts):
        start, after = parts[place][0], place + 1
        for stop in range(min(len(parts), place + LONGEST), place, -1):
            number = run[start : parts[stop - 1][1]]
            if by.knows_phone(number) or is_number(number):
                pieces += [run[at:start], by.phone(number)]
                at, after = parts[stop - 1][1], stop
                break
        place = after
    return "".join([*pieces, run[at:]])


def _has_three_digits(run: str) -> bool:
    return 3 <= len(digits_of(run)) <= LONGEST


def _unescaped(text: str, by: Replacements) -> str:
    """Look into the escapes of an address, such as `?q=%D0%90%D0%BD%D0%BD%D0%B0`."""
    plain = unquote(text) if _ESCAPE.search(text) else text
    if plain == text or _ESCAPE.search(plain):
        return text
    shown = replaced(plain, by)
    return text if shown == plain else quote(shown, safe=":/?&=#@+,;[]()!$*'~%")
