"""The wall: imports point down the street, and the sandbox is a guest house."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "bxpull_nb"

STREET = (
    "masking",
    "errors",
    "models",
    "protocol",
    "http",
    "bridge",
    "rest",
    "listener",
    "storage",
    "analysis",
    "capture",
    "portal",
    "api",
    "collector",
    "diagnosis",
    "jupyter",
    "cli",
)
"""Every room may import those before it."""

GUEST_HOUSE = {"masking", "errors", "models", "protocol"}
"""What the sandbox may import: what it shares with its clients, and no client."""

PURE = {"masking", "errors", "models", "protocol"}
"""Rooms that decide and do not wait: no I/O, no clock, no thread."""
WAITING = {"asyncio", "socket", "threading", "time", "httpx", "websockets", "subprocess"}


def room_of(path: Path) -> str:
    """The room a file belongs to: a package is one room."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """The modules a file imports, for type checking or within functions too unless `at_import`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(path: Path) -> set[str]:
    """The rooms of ours that a file imports."""
    parts = [name.split(".") for name in imported(path)]
    found = {part[1] for part in parts if part[0] == "bxpull_nb" and len(part) > 1}
    return found & {*STREET, "sandbox"}


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE
)


def test_every_room_has_its_place() -> None:
    """A new room must be put into the street, or it is not guarded."""
    assert {room_of(path) for path in FILES} == {*STREET, "sandbox"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """Nobody is handed back upstairs."""
    room = room_of(path)
    allowed = GUEST_HOUSE if room == "sandbox" else set(STREET[: STREET.index(room)])
    if room in {"portal", "api", "cli"}:
        allowed = allowed | {"sandbox"}  # they start the embedded one
    assert rooms(path) - {room} <= allowed


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if room_of(p) in PURE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_what_decides_does_not_wait(path: Path) -> None:
    """Pure inside, I/O at the rim."""
    assert {name.split(".")[0] for name in imported(path)} & WAITING == set()


def test_pandas_is_imported_only_where_it_is_used() -> None:
    """Importing a room must not cost what only one of its functions needs."""
    heavy = {"pandas", "ipywidgets", "anywidget", "starlette", "uvicorn"}
    for path in FILES:
        if room_of(path) in {"jupyter", "sandbox"}:
            continue
        assert {n.split(".")[0] for n in imported(path, at_import=True)} & heavy == set(), path
