"""The language of searches: words, quotes, fields, comparisons, minus and OR.

```
won "in progress"            both, anywhere in module, command, params or error
command:deal*  -module:im    a field is this; * stands for any text; a minus excludes
params.stage:WON             a value inside params, as text: 15 and "15" are one
params.sum>1000 lag>=250     greater or less; lag in milliseconds
time:2026-01-31 time<2026-01-31T12:30                     UTC; a day, a minute, a second
command:dealAdd OR command:dealDelete module:crm          all of one side, or all of the other
```

Upper and lower case are alike, except in quotes, which mean exactly this text.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from bxpull_nb.errors import QueryFailed, SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.params.path import Key, Path, Step

__all__ = ["FIELDS", "Alternatives", "Term", "field_term", "narrowed", "params_name", "parsed"]

FIELDS = {
    "module": "module_id",
    "module_id": "module_id",
    "command": "command",
    "channel": "channel",
    "sender": "sender",
    "transport": "transport",
    "source": "source",
    "mid": "mid",
    "params": "params",
    "error": "error",
    "time": "received_at",
    "received_at": "received_at",
    "server_time": "server_time",
    "lag": "lag",
}
"""Name of a field in a search -> column of events."""

ORDERED = ("received_at", "server_time", "lag")
_OPERATORS = (">=", "<=", ":", ">", "<")
_NAME = r'(?:params(?:[.\[][^:<>"\s]*(?:"(?:[^"\\]|\\.)*"[^:<>"\s]*)*)?|[A-Za-z_]\w*)'
_TOKEN = re.compile(
    rf"""
    (?P<minus>-(?=\S))?
    (?: (?P<name>{_NAME}) (?P<operator>{"|".join(_OPERATORS)}) (?!//) )?
    (?: "(?P<quoted>(?:[^"\\]|\\.)*) (?:"(?=\s|$)|$) | (?P<word>\S*) )
    """,
    re.VERBOSE | re.DOTALL,
)


class Term(msgspec.Struct, frozen=True):
    """One part of a search, which an event meets or not."""

    value: str
    """The text to look for."""
    column: str | None = None
    """The column of events; None for a word, which may be in any of four."""
    path: Path | None = None
    """A path in `params`, of a term on its values."""
    operator: str = ":"
    """`:` (is), `>`, `<`, `>=` or `<=`."""
    exact: bool = False
    """Whether the value was in quotes: upper and lower case differ, `*` is a star."""
    negated: bool = False
    """Whether events that meet it are left out."""


Alternatives = tuple[tuple[Term, ...], ...]
"""An event meets one alternative if it meets all of its terms; () is met by all events."""


def parsed(text: str) -> Alternatives:
    """Return the alternatives of a search; QueryFailed, in one sentence, for a text that is none.

    >>> parsed('won OR params.id:15')[1][0].path
    Path('id')
    """
    if not isinstance(text, str):
        raise QueryFailed(f"{quoted(text)} is no search: write a text, such as 'deal* -test'.")
    parts: list[list[Term]] = [[]]
    for found in _tokens(text.encode(errors="replace").decode()):
        if found[0] == "OR":
            parts.append([])
        else:
            parts[-1].append(_term(found))
    if len(parts) > 1 and not all(parts):
        raise QueryFailed('OR needs a word on both sides; the word itself is "OR", in quotes.')
    return tuple(map(tuple, parts)) if parts[0] else ()


def field_term(name: str, value: str) -> str:
    """Return the text of a term on a field, which `parsed` reads back.

    >>> field_term("command", "dealUpdate")
    'command:"dealUpdate"'
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}:"{escaped}"'


def narrowed(text: str, term: str) -> str:
    """Return the search with one more term, which every alternative has to meet.

    >>> narrowed("won OR lost", "module:crm")
    'won module:crm OR lost module:crm'
    """
    sides: list[list[str]] = [[]]
    for found in _tokens(text):
        if found[0] == "OR":
            sides.append([])
        else:
            sides[-1].append(found[0])
    return " OR ".join(" ".join([*side, *([] if term in side else [term])]) for side in sides)


def params_name(path: Path) -> str:
    """Return the name of a path in a search: `params.user.name`, `params."a:b"[0]`."""
    return "params" + "".join(map(_step_text, path))


def _step_text(step: Step) -> str:
    if isinstance(step, Key) and re.fullmatch(r"[\w-]+", step.name) is None:
        return f".{json.dumps(step.name, ensure_ascii=False)}"
    text = str(Path([step]))
    return text if text.startswith("[") else f".{text}"


def _tokens(text: str) -> Iterator[re.Match[str]]:
    place, end = 0, len(text)
    while place < end:
        if text[place].isspace():
            place += 1
            continue
        found = _TOKEN.match(text, place)
        assert found is not None  # noqa: S101 - a word is any run of characters
        yield found
        place = found.end()


def _term(found: re.Match[str]) -> Term:
    exact = found["quoted"] is not None
    value = re.sub(r"\\(.)", r"\1", found["quoted"], flags=re.DOTALL) if exact else found["word"]
    name, operator = found["name"], found["operator"] or ":"
    negated = found["minus"] is not None
    if name is None:
        return Term(value, exact=exact, negated=negated)
    column, path = _place(name, found[0])
    if not value and not exact:
        raise QueryFailed(f"{quoted(name + operator)} lacks a value: write it after the sign.")
    if operator != ":" and path is None and column not in ORDERED:
        raise QueryFailed(f"{quoted(name)} has no order: write {name}:{value}.")
    return Term(value, column, path, operator, exact, negated)


def _place(name: str, token: str) -> tuple[str, Path | None]:
    """Return the column that the name means, and the path in params if it is one."""
    if name.startswith(("params.", "params[")):
        rest = name.removeprefix("params").removeprefix(".")
        try:
            return "params", Path.of(rest)
        except SettingsError:
            raise QueryFailed(f"{quoted(name)} holds no path: write such as params.id.") from None
    if name not in FIELDS:
        raise QueryFailed(
            f"there is no field {quoted(name)}: write params.{name} for a value inside params, "
            f"or put {quoted(token)} in quotes to look for the text."
        )
    return FIELDS[name], None
