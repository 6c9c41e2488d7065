"""Parameters of a REST call from query and body, in every format (protocol 1.1).

The portal is a PHP program: names may contain brackets (`PARAMS[a][b]=1`), dots and spaces in them
become `_`, and maps and lists are the same: an empty map becomes `[]`, and a map numbered 0, 1, 2 …
a list. Names in JSON are not changed.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import msgspec

__all__ = ["body_params", "json_value", "php_array", "query_params"]

_NAME = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)(\[?)")
_RENAMED = str.maketrans(". [", "___")  # not allowed in the names of PHP variables
_KEY = re.compile(r"\[([^\]]*)\]")
_BOUNDARY = re.compile(r'(?i)boundary="?([^\s";,]+)')
_FIELD = re.compile(rb'(?i)content-disposition:[^\r\n]*[; ]name="([^"\r\n]*)"')
_DEEPEST = 64  # PHP's max_input_nesting_level
_MOST = 1000  # PHP's max_input_vars


def query_params(query: str) -> dict[str, Any]:
    """Return the parameters of a query, or of an urlencoded body."""
    return _nested(parse_qsl(query, keep_blank_values=True))


def body_params(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the parameters of a body: JSON, urlencoded or multipart by its content type.

    Invalid JSON, JSON that is not an object, and other content types give none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        decoded = _decoded(body)
        return {k: _php_value(v) for k, v in decoded.items()} if isinstance(decoded, dict) else {}
    if kind == "application/x-www-form-urlencoded":
        return query_params(body.decode(errors="replace"))
    if kind == "multipart/form-data":
        return _nested(_form_fields(body, content_type))
    return {}


def json_value(text: bytes) -> Any:
    """Return the JSON value as PHP reads it; None for any other text."""
    return _php_value(_decoded(text))


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


def _form_fields(body: bytes, content_type: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of every part that is not a file.

    Parsed by hand: the standard library's mail parser loses names that are not ASCII.
    """
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        return
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode()):
        head, _, value = part.partition(b"\r\n\r\n")
        name = _FIELD.search(head)
        if name and b"filename" not in head:
            yield name[1].decode(errors="replace"), value.decode(errors="replace")


def _nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the pairs as PHP nests them; a later one replaces an earlier one."""
    nested: dict[str, Any] = {}
    for name, value in islice(pairs, _MOST):
        path = _path(name)
        if path:
            _place(nested, path, value)
    return {key: _php_value(value) for key, value in nested.items()}


def _path(name: str) -> list[str]:
    """Return `a[b][]` as ["a", "b", ""]; nothing for a name that PHP ignores."""
    match = _NAME.match(name.lstrip(" "))
    if not match:
        return []
    if match[3] and not match[2]:  # a bracket without an end is a part of the name
        return [match.string.translate(_RENAMED)]
    path = [match[1].translate(_RENAMED), *_KEY.findall(match[2])]
    return path if len(path) <= _DEEPEST else []


def _place(into: dict[str, Any], path: list[str], value: str) -> None:
    *outer, last = path
    for key in outer:
        inner = into.get(key) if key else None
        if not isinstance(inner, dict):
            inner = into[key or _next_index(into)] = {}
        into = inner
    into[last or _next_index(into)] = value


def _next_index(array: dict[str, Any]) -> str:
    index = len(array)
    while str(index) in array:
        index += 1
    return str(index)


def php_array(array: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """Return the map as PHP writes it: a list if empty or numbered from 0."""
    numbered = all(key == str(index) for index, key in enumerate(array))
    return list(array.values()) if numbered else array


def _php_value(value: Any) -> Any:
    """Return the value as PHP writes it: maps that are lists in PHP become lists."""
    if isinstance(value, dict):
        return php_array({key: _php_value(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_php_value(item) for item in value]
    return value
