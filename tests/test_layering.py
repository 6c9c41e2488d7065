"""The wall between the wings: which may import which, and what each must not do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import PROJECT
from tests.support.wings import PACKAGE, WINGS, wing_of

PURE = {"errors", "masking", "models", "protocol"}
"""Wings that decide and do not wait: no I/O, no clock, no thread."""
WAITING = {"asyncio", "socket", "threading", "time", "httpx", "websockets", "subprocess"}


def imported(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """The modules a file imports, for type checking or within functions too unless `at_import`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wings(path: Path) -> set[str]:
    """The wings that a file imports."""
    parts = [name.split(".") for name in imported(path)]
    found = {part[1] for part in parts if part[0] == "bxpull_nb" and len(part) > 1}
    return found & set(WINGS)


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE
)


def test_every_wing_is_in_the_wall() -> None:
    """A new wing must be put into the wall, or it is not guarded."""
    assert {wing_of(path) for path in FILES} == set(WINGS)


def test_the_wall_has_no_circle() -> None:
    """Every wing imports only those above it in the table, except the sandbox, which is last."""
    names = list(WINGS)
    for place, name in enumerate(names):
        assert WINGS[name] - {"sandbox"} <= set(names[:place]), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """A file imports its own wing, and those the wall lets it import."""
    wing = wing_of(path)
    assert wings(path) - {wing} <= WINGS[wing]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if wing_of(p) in PURE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_what_decides_does_not_wait(path: Path) -> None:
    """Decisions have no I/O; what has I/O does not decide."""
    assert {name.split(".")[0] for name in imported(path)} & WAITING == set()


def test_pandas_is_imported_only_where_it_is_used() -> None:
    """Importing a module must not cost what only one of its functions needs."""
    heavy = {"pandas", "ipywidgets", "anywidget", "starlette", "uvicorn"}
    for path in FILES:
        if wing_of(path) in {"jupyter", "sandbox"}:
            continue
        assert {n.split(".")[0] for n in imported(path, at_import=True)} & heavy == set(), path


def test_no_test_module_is_imported() -> None:
    """Shared helpers are in `tests/support`; code in strings, for other processes, counts too."""
    for path in (PROJECT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"^\s*(?:from|import) tests\S*\.(?:test_\w+|conftest)\b", text, re.M)
        found += re.findall(r"^\s*from tests\S* import .*\btest_", text, re.M)
        assert found == [], path
