"""The wall between the wings of the package: which may import which."""

from pathlib import Path

from tests.support.paths import PROJECT

PACKAGE = PROJECT / "bxpull_nb"

_VALUES = {"errors", "masking", "models"}
_NET = {*_VALUES, "protocol", "environment", "http"}
_VIEWS = {"params", "privacy", "storage", "analysis", "query"}
_CAPTURE = {*_NET, *_VIEWS, "locks", "listener", "bridge", "capture"}
WINGS: dict[str, set[str]] = {
    "errors": set(),
    "masking": set(),
    "files": {"errors", "masking"},
    "locks": {"errors"},
    "bridge": {"errors"},
    "models": {"errors", "masking"},
    "protocol": {*_VALUES},
    "environment": {*_VALUES, "protocol"},
    "http": {*_VALUES, "protocol", "environment"},
    "params": {*_VALUES},
    "privacy": {*_VALUES, "protocol", "files"},
    "analysis": {*_VALUES},
    "storage": {*_VALUES, "protocol", "files", "locks", "params"},
    "query": {*_VALUES, "params", "storage", "analysis"},
    "rest": {*_NET, "files", "bridge"},
    "listener": {*_NET},
    "sources": {*_NET, "files", "rest", "listener"},
    "capture": _CAPTURE - {"http", "capture"},
    "portal": {*_CAPTURE, "rest", "sources", "sandbox"},
    "api": {*_CAPTURE, "rest", "sources", "portal", "sandbox"},
    "collector": {*_CAPTURE, "files", "sources", "portal"},
    "diagnosis": {*_CAPTURE, "rest", "portal"},
    "jupyter": {*_CAPTURE, "portal", "api", "diagnosis"},
    "cli": {*_CAPTURE, "rest", "sources", "portal", "api", "collector", "diagnosis", "sandbox"},
    "sandbox": {*_VALUES, "protocol", "locks"},
}
"""Wing -> those it may import, from the bottom up. The sandbox never imports the client."""


def wing_of(path: Path) -> str:
    """Return the wing a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")
