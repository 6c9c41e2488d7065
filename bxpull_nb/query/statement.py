"""One SELECT statement: what it reads of the events, known before they are read."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import QueryFailed
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.storage.dataset.filters import Condition

if TYPE_CHECKING:
    import duckdb

__all__ = ["TABLE", "Statement", "parsed"]

TABLE = "events"
"""The name of the table that a query reads."""

_COMPARISONS = {
    "COMPARE_EQUAL": "==",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
_MIRRORED = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NAMES = ("portal", "module_id", "command")  # of these only equality decides what is read
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ALL_COLUMNS = ("STAR", "SHOW_REF", "JOIN")  # parts of a statement that may mean any column


class Statement:
    """A SELECT as DuckDB's parser reads it."""

    def __init__(self, tree: Any) -> None:
        self._top = tree["node"]
        self._nodes = list(_nodes(tree))
        self._texts = set(_texts(tree))

    @property
    def reads_once(self) -> bool:
        """Whether the events are surely read once, from the first to the last.

        So it is for one SELECT, or one on the answer of another; a WITH may be read twice.
        """
        node, depth = self._top, 1
        while (table := node.get("from_table") or {}).get("type") == "SUBQUERY":
            node, depth = table["subquery"]["node"], depth + 1
        selects = [one for one in self._nodes if str(one.get("type", "")).endswith("_NODE")]
        return _is_events(node.get("from_table")) and len(selects) == depth

    def columns(self, known: Sequence[str]) -> list[str]:
        """Return those of the columns that the statement may read, one at least."""
        if any(node.get("type") in _ALL_COLUMNS for node in self._nodes):
            return list(known)
        return [name for name in known if name.casefold() in self._texts] or list(known[:1])

    def conditions(self) -> Iterator[Condition]:
        """Yield conditions on portal, date, module and command that every row read must meet."""
        selects = [node for node in self._nodes if _is_events(node.get("from_table"))]
        if len(selects) != 1 or sum(map(_is_events, self._nodes)) != 1:
            return
        for part in _conjunction(selects[0].get("where_clause")):
            yield from _condition(part)


def parsed(connection: "duckdb.DuckDBPyConnection", query: str) -> Statement:
    """Return the statement; QueryFailed unless the text is one SELECT that can be parsed."""
    if not isinstance(query, str):
        raise QueryFailed(f"{quoted(query)} is no SQL: begin it with SELECT, WITH or FROM {TABLE}.")
    if "\0" in query:
        raise QueryFailed("the query holds a NUL character, at which SQL ends: take it out.")
    [(text,)] = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [query]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        message = str(tree.get("error_message", ""))
        if "Only SELECT" in message:
            message = f"a query only reads: begin it with SELECT, WITH or FROM {TABLE}"
        raise QueryFailed(f"the query cannot be read: {_short(message)}.")
    if len(tree.get("statements", ())) != 1:
        raise QueryFailed("the query is not one statement: write one SELECT, without others.")
    return Statement(tree["statements"][0])


def _short(message: str) -> str:
    return reason_of(QueryFailed(message)).rstrip(".!")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the tree."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for inner in tree:
            yield from _nodes(inner)


def _texts(tree: Any) -> Iterator[str]:
    """Yield every text of the tree, in lower case."""
    if isinstance(tree, str):
        yield tree.casefold()
    elif isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(inner)


def _is_events(node: Any) -> bool:
    return (
        isinstance(node, dict)
        and node.get("type") == "BASE_TABLE"
        and str(node.get("table_name", "")).casefold() == TABLE
    )


def _conjunction(where: Any) -> Iterator[dict[str, Any]]:
    """Yield the conditions that must all hold."""
    if not isinstance(where, dict):
        return
    if where.get("type") == "CONJUNCTION_AND":
        for inner in where["children"]:
            yield from _conjunction(inner)
    else:
        yield where


def _condition(node: dict[str, Any]) -> Iterator[Condition]:
    kind = node.get("type")
    if kind == "COMPARE_IN":
        name, *values = [_column(node["children"][0]), *map(_constant, node["children"][1:])]
        if name in _NAMES and None not in values:
            yield name, "in", values
    elif kind in _COMPARISONS:
        yield from _comparison(_COMPARISONS[kind], node["left"], node["right"])
    elif kind == "COMPARE_BETWEEN" and "lower" in node:
        yield from _comparison(">=", node["input"], node["lower"])
        yield from _comparison("<=", node["input"], node["upper"])


def _comparison(operator: str, left: Any, right: Any) -> Iterator[Condition]:
    if _column(left) is None:
        left, right, operator = right, left, _MIRRORED[operator]
    name, value = _column(left), _constant(right)
    if value is None:
        return
    if (name in _NAMES and operator == "==") or (name == "date" and _DAY.fullmatch(value)):
        yield name, operator, value


def _column(node: Any) -> str | None:
    if node.get("type") != "COLUMN_REF" or len(node["column_names"]) > 2:
        return None
    return str(node["column_names"][-1]).casefold()


def _constant(node: Any) -> str | None:
    """Return a constant text, also one that is cast, as in DATE '2026-01-31'."""
    if node.get("class") == "CAST":
        node = node.get("child", {})
    if node.get("class") != "CONSTANT":
        return None
    literal = node.get("literal", {}).get("text", node.get("value", {}).get("value"))
    return literal if isinstance(literal, str) else None
