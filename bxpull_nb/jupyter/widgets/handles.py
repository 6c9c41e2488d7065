"""What a value of an event can be used for: a search, and lines of code to copy."""

import json
import shlex
from functools import reduce
from typing import Any

import msgspec

from bxpull_nb.models import Record
from bxpull_nb.params.path import Index, Key, Path
from bxpull_nb.query.search_text import FIELDS, field_term, params_name

__all__ = ["HANDLED", "Handles", "field_handles", "value_handles"]

HANDLED = ("command", "module", "channel", "sender", "mid", "transport", "source")
"""The facts of an event that a search can name."""
_METHOD = "pull.application.event.add"


class Handles(msgspec.Struct, frozen=True):
    """The uses of one value."""

    name: str
    """The field in a search and, of a value inside params, the column."""
    term: str | None
    """The search for events with this value; None for an object or an array."""
    copies: list[tuple[str, str]]
    """Label and text of each thing to copy."""


def field_handles(field: str, value: str) -> Handles:
    """Return the uses of a column's value, such as the command of an event."""
    column, term = FIELDS[field], field_term(field, value)
    known = column in ("command", "module_id", "channel")
    copies = [
        ("value", value),
        ("Python: expect", f"feed.expect({column}={value!r})"),
        ("pandas", f'feed.df[feed.df["{column}"] == {value!r}]'),
        ("SQL", f"select * from events where {column} = {_sql(value)}"),  # noqa: S608 - to copy
    ]
    return Handles(field, term, [one for one in copies if known or "expect" not in one[0]])


def value_handles(record: Record, params: Any, path: Path, address: str) -> Handles | None:
    """Return the uses of the value at a path of params; None without a value.

    `address` is that of the portal, for the command line that sends the event again.
    """
    found = list(path.find(params))
    if not found:
        return None
    value, name = found[0], params_name(path)
    scalar = not isinstance(value, dict | list)
    copies = [("JSON", _json(value)), ("path", f"params.{path}")]
    if scalar and value is not None:
        copies += [
            ("Python: expect", _expect(record, path, value)),
            ("pandas", _pandas(path, value)),
            ("SQL", _query(record, path, value)),
        ]
    copies.append(("cURL: send again", _curl(record, params, address)))
    return Handles(name, _value_term(name, value) if scalar else None, copies)


def _value_term(name: str, value: Any) -> str:
    return field_term(name, value) if isinstance(value, str) else f"{name}:{_json(value)}"


def _expect(record: Record, path: Path, value: Any) -> str:
    command = "" if record.command is None else f"{record.command!r}, "
    if any(isinstance(step, Index) for step in path):
        return f"feed.expect({command}where=[({f'params.{path}'!r}, '==', {value!r})])"
    names = [step.name for step in path if isinstance(step, Key)]
    nested: Any = reduce(lambda inner, name: {name: inner}, reversed(names), value)
    return f"feed.expect({command}params={nested!r})"


def _pandas(path: Path, value: Any) -> str:
    column = f"params.{path}"
    spread = f"bx.expand_params(feed.df, paths=[{str(path)!r}])"
    return f"{spread}.loc[lambda df: df[{column!r}] == {value!r}]"


def _query(record: Record, path: Path, value: Any) -> str:
    command = "" if record.command is None else f"command = {_sql(record.command)} and "
    text = value if isinstance(value, str) else _json(value)
    where = f"{command}(params ->> {_sql(path.json_path)}) = {_sql(text)}"
    return f"select * from events where {where}"  # noqa: S608 - to copy


def _curl(record: Record, params: Any, address: str) -> str:
    body = {"COMMAND": record.command, "MODULE_ID": record.module_id, "PARAMS": params}
    return (
        f'curl "{address}/rest/{_METHOD}?auth=$TOKEN" -H "Content-Type: application/json" '
        f"-d {shlex.quote(_json(body))}"
    )


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
