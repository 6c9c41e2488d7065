"""Paths into the JSON of `params`, as users of DuckDB and jq write them.

`stage`, `user.name`, `items[0].sku`; a key with other characters in quotes: `"a.b"."c d"`. `[]` or
`[*]` are all elements of an array, `{id}` or `*` all keys of a map. `$.stage` and `.stage` mean
`stage`, `["a.b"]` means `"a.b"`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = ["ANY_ID", "EACH", "All", "Index", "Key", "Path", "Step", "is_id"]

EACH = "[]"
ANY_ID = "{id}"

_ODD = r".\[\]\"{}*\\\x00-\x1f\x7f\ud800-\udfff"  # characters of a key that is written in quotes
_PLAIN = re.compile(rf"[^{_ODD}\s$/](?:[^{_ODD}]*[^{_ODD}\s])?")
_QUOTED = r"\"(?:[^\"\\]|\\.)*\""
_STEP = re.compile(
    rf"""
    \[(?P<index>-?[0-9]{{1,9}})\] | (?P<each>\[\*?\]) | \[(?P<bracket>{_QUOTED})\]
    | \.? (?: (?P<quoted>{_QUOTED}) | (?P<any>\{{id\}}|\*) | (?P<plain>[^.\[\]\"{{}}*]+) )
    """,
    re.VERBOSE | re.DOTALL,
)
_ID = re.compile(r"-?\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*\d)[0-9a-f]{24,}", re.I)


def is_id(key: str) -> bool:
    """Whether a key is an id: digits, a UUID, or 24 hex digits and more.

    Field names that end in digits, such as `UF_CRM_15` and `PROPERTY_101`, are none.
    """
    return _ID.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class Key:
    """A step to the value of a key of an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """A step to an element of an array; a negative number counts from its end."""

    at: int


@dataclass(frozen=True, slots=True)
class All:
    """A step to all elements of an array (`EACH`) or values of a map (`ANY_ID`)."""

    kind: str


Step = Key | Index | All
"""One step of a path."""


class Path(tuple[Step, ...]):
    """A path as its steps. Its text is `str(path)`, and the empty path is the whole value.

    >>> Path.of('items[0]."unit price"')
    Path('items[0].unit price')
    """

    __slots__ = ()

    @classmethod
    def of(cls, text: "str | Path") -> "Path":
        """Return the path that the text means; SettingsError for a text that is none."""
        if isinstance(text, Path):
            return text
        if not isinstance(text, str) or not text:
            raise _no_path(text)
        rest = text[1:] if text == "$" or text.startswith(("$.", "$[")) else text
        steps, place = [], 0
        while place < len(rest):
            found = _STEP.match(rest, place)
            if found is None or (place and rest[place] not in ".["):
                raise _no_path(text)
            steps.append(_step(found, text))
            place = found.end()
        return cls(steps)

    @classmethod
    def keys(cls, *names: str) -> "Path":
        """Return the path through these keys."""
        return cls(map(Key, names))

    @property
    def is_many(self) -> bool:
        """Whether the path may lead to several values."""
        return any(isinstance(step, All) for step in self)

    @property
    def json_path(self) -> str:
        """The path as DuckDB takes it: JSONPath, or a JSON pointer for an empty key."""
        if Key("") in self:
            return self._pointer
        return "$" + "".join(map(_json_path, self))

    def find(self, value: Any) -> Iterator[Any]:
        """Yield the values that the path leads to in a decoded value."""
        found = [value]
        for step in self:
            found = [inner for outer in found for inner in _inner(outer, step)]
        yield from found

    def __str__(self) -> str:
        return "".join(map(_text, self)).removeprefix(".") or "$"

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"

    @property
    def _pointer(self) -> str:
        if self.is_many:
            raise SettingsError(
                f"{self}: an empty key and a step to many values do not go together."
            )
        names = [str(getattr(step, "name", getattr(step, "at", ""))) for step in self]
        pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
        return pointer.encode(errors="replace").decode()


def _step(found: re.Match[str], text: str) -> Step:
    if found["index"]:
        return Index(int(found["index"]))
    if found["each"]:
        return All(EACH)
    if found["any"]:
        return All(ANY_ID)
    written = found["bracket"] or found["quoted"]
    if not written:
        return Key(found["plain"])
    try:
        return Key(json.loads(written, strict=False))
    except ValueError:
        raise _no_path(text) from None


def _text(step: Step) -> str:
    if isinstance(step, Index):
        return f"[{step.at}]"
    if isinstance(step, All):
        return step.kind if step.kind == EACH else f".{step.kind}"
    if _PLAIN.fullmatch(step.name):
        return f".{step.name}"
    written = json.dumps(step.name, ensure_ascii=False)
    return "." + written.encode(errors="backslashreplace").decode()  # half a character


def _json_path(step: Step) -> str:
    if isinstance(step, Index):
        return f"[{step.at}]"
    if isinstance(step, All):
        return "[*]" if step.kind == EACH else ".*"
    name = step.name.encode(errors="replace").decode()  # half a character, as in `readable`
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'."{quoted}"'


def _inner(value: Any, step: Step) -> Iterator[Any]:
    if isinstance(step, Key):
        if isinstance(value, dict) and step.name in value:
            yield value[step.name]
    elif isinstance(step, Index):
        if isinstance(value, list) and -len(value) <= step.at < len(value):
            yield value[step.at]
    elif isinstance(value, list) and step.kind == EACH:
        yield from value
    elif isinstance(value, dict) and step.kind == ANY_ID:
        yield from value.values()


def _no_path(text: object) -> SettingsError:
    return SettingsError(
        f"{quoted(text)} is no path into params: write such as stage, user.name, items[0].sku, or "
        f'"a.b" for a key with a dot.'
    )
