"""Clean what people typed, pasted, or kept in an env file: marks, blanks, invisible characters."""

from typing import Any
from unicodedata import category

__all__ = ["bare", "bare_or_none"]

_MARKS = "\"'`<>" + "".join(map(chr, (0xB4, 0x201A, 0x201E, 0x2032, 0x2033, 0xFF02, 0xFF07)))
_CATEGORIES = {"Pi", "Pf", "Cf", "Cc", "Zs", "Zl", "Zp"}
"""Of Unicode: opening and closing quotation marks, invisible characters, blanks."""
_BOM_MISREAD = "\xef\xbb\xbf"
"""A byte order mark of UTF-8, read in another encoding."""


def bare(text: str) -> str:
    """Return `text` without quotation marks, blanks and invisible characters around it.

    No address and no token begins or ends with one of them, so they belong to the place that the
    text was copied from.

    >>> bare(" «https://acme.example» ")
    'https://acme.example'
    """
    text = text.removeprefix(_BOM_MISREAD)
    start, end = 0, len(text)
    while start < end and _is_around(text[start]):
        start += 1
    while start < end and _is_around(text[end - 1]):
        end -= 1
    return text[start:end]


def bare_or_none(value: Any) -> Any:
    """Return the text bare; None for an empty one; another value as it is."""
    return (bare(value) or None) if isinstance(value, str) else value


def _is_around(character: str) -> bool:
    return character in _MARKS or category(character) in _CATEGORIES
