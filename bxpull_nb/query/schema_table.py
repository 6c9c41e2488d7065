"""The catalogue of paths as a DataFrame that writes itself as Markdown and JSON Schema.

Imported only when such a table is made: it is a class of pandas, which loads slowly.
"""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bxpull_nb.params.path import Path
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.path_stats import TYPES, PathStats

if TYPE_CHECKING:
    import pandas as pd
    from pandas import DataFrame
else:
    pd = import_module("pandas")
    DataFrame = pd.DataFrame

__all__ = ["SchemaTable", "table_of"]

_DTYPES = {
    "module_id": "str",
    "command": "str",
    "path": "str",
    "types": "str",
    "counts": "object",
    "events": "int64",
    "share": "float64",
    "distinct": "int64",
    "estimated": "bool",
    "examples": "object",
    "least": "object",
    "greatest": "object",
    "first": "datetime64[us, UTC]",
    "last": "datetime64[us, UTC]",
}
_SHOWN = ("path", "types", "share", "distinct", "examples", "least", "greatest")


class SchemaTable(DataFrame):
    """The table of `bx.schema`; a part of its rows is one too."""

    @property
    def _constructor(self) -> Any:
        return SchemaTable

    def to_markdown(self, *args: Any, **options: Any) -> str:  # type: ignore[override]
        """Return a heading and a table for each command, as Markdown.

        With arguments it is the method of any DataFrame.
        """
        if args or options:
            return str(DataFrame(self).to_markdown(*args, **options))
        parts = []
        for name, rows in _by_command(self):
            lines = ["| " + " | ".join(_SHOWN) + " |", "|" + "---|" * len(_SHOWN)]
            for _, row in rows.iterrows():
                lines.append("| " + " | ".join(_cell(row, column) for column in _SHOWN) + " |")
            parts.append(f"## {name}\n\n" + "\n".join(lines) + "\n")
        return "\n".join(parts)

    def to_json_schema(self) -> dict[str, Any]:
        """Return a JSON Schema (2020-12) with a definition for each command.

        Keys that all objects of a path have are required. Other keys are allowed: events not
        seen yet may have them.
        """
        from bxpull_nb.query.shape import shape_of

        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {
                name: shape_of(DataFrame(rows)).to_json_schema() for name, rows in _by_command(self)
            },
        }


def table_of(walk: Walk, stats: dict[int, PathStats], counts: dict[int, int]) -> SchemaTable:
    """Return the table of these paths, by module, command and path."""
    names = {number: name for name, number in walk.roots.items()}
    rows = [
        _row(names[walk.root_of[number]], walk.paths[number], one, counts[walk.root_of[number]])
        for number, one in stats.items()
        if walk.paths[number] or set(one.types) != {"object"}
    ]
    rows.sort(key=lambda row: (row["module_id"] or "", row["command"] or "", row["path"]))
    columns = {name: [row[name] for row in rows] for name in _DTYPES}
    return SchemaTable(
        {name: pd.Series(columns[name], dtype=kind) for name, kind in _DTYPES.items()}
    )


def _row(name: Any, path: Path, one: PathStats, events: int) -> dict[str, Any]:
    module, command = name
    types = {kind: one.types[kind] for kind in TYPES if one.types[kind]}
    return {
        "module_id": module,
        "command": command,
        "path": str(path),
        "types": " | ".join(types),
        "counts": types,
        "events": one.events,
        "share": one.events / events,
        "distinct": one.distinct,
        "estimated": one.is_estimated,
        "examples": one.examples,
        "least": one.least,
        "greatest": one.greatest,
        "first": _moment(one.first),
        "last": _moment(one.last),
    }


def _moment(microseconds: int | None) -> Any:
    return None if microseconds is None else pd.Timestamp(microseconds, unit="us", tz="UTC")


def _by_command(table: SchemaTable) -> "Iterator[tuple[str, pd.DataFrame]]":
    """Yield the rows of each command, under `module.command`."""
    modules, commands = (table[name].fillna("?") for name in ("module_id", "command"))
    for name, rows in table.groupby(modules + "." + commands, sort=False):
        yield str(name), rows


def _cell(row: Any, column: str) -> str:
    value = row[column]
    if column == "share":
        return f"{value:.0%}" if value in (0, 1) else f"{value:.1%}"
    if column == "distinct":
        return f"about {value:,}" if row["estimated"] else f"{value:,}"
    if column == "examples":
        value = ", ".join(json.dumps(one, ensure_ascii=False) for one in value)
    text = "" if value is None else str(value)
    text = text if len(text) <= 60 else f"{text[:59]}…"
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")
