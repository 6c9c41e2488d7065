"""Splits a JSON array into its items by brackets and strings alone, whatever the items are."""

import re
from itertools import pairwise

__all__ = ["items_of", "whole_items"]

_PART = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]+|[\]}]+|[",]', re.DOTALL)


def items_of(text: str) -> list[str] | None:
    r"""Return the items of an array, or the one object; None where a bracket or quote is open.

    A strict reader refuses a whole array for one item: for `NaN`, for half a character such as
    `"\ud800"`, for 100 000 brackets. This takes linear time at any depth.
    """
    text = text.strip()
    borders, depth, end = [0], 0, 0
    for part in _PART.finditer(text) if text[:1] in ("[", "{") else ():
        first, end = part[0][0], part.end()
        if part[0] == '"':
            return None
        if first in "[{":
            depth += len(part[0])
        elif first in "]}":
            depth -= len(part[0])
            if depth <= 0:
                break
        elif first == "," and depth == 1:
            borders.append(part.start())
    if not end or depth or end != len(text):
        return None
    if text.startswith("{"):
        return [text]
    return [text[a + 1 : b] for a, b in pairwise([*borders, end - 1])]


def whole_items(text: str) -> str | None:
    """Return a cut array of objects up to its last whole one, as an array; None without any.

    An array that is not cut is returned as it is.
    """
    depth, end = 0, 0
    for part in _PART.finditer(text):
        if part[0] == '"':
            break
        if part[0][0] in "[{":
            depth += len(part[0])
        elif part[0][0] in "]}":
            depth -= len(part[0])
            if depth <= 0:
                return text
            if depth == 1:
                end = part.end()
    return f"{text[:end]}]" if end else None
