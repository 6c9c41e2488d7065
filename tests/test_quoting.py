"""Inputs and foreign words reach an error by `masking` alone."""

import ast
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from bxpull_nb import errors
from bxpull_nb.masking import mask_foreign, quoted, reason_of, scrub
from tests.support.wings import PACKAGE

ELSEWHERE = ("sandbox", "protocol/codec")
"""A sandbox has settings of a test only; the words of a codec are positions."""
OURS = {*errors.__all__, "NotTried", "BodyProblem", "click.ClickException"}
PATHS = {"source", "path", "folder", "target", "self.folder", "self._path", "path.name"}
FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not str(path.relative_to(PACKAGE)).startswith((*ELSEWHERE, "__init__"))
)


def quotations(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of a raise that quotes a value directly, by `!r`."""
    for raising in (node for node in ast.walk(tree) if isinstance(node, ast.Raise)):
        shown = (node for node in ast.walk(raising) if isinstance(node, ast.FormattedValue))
        for node in shown:
            if node.conversion == ord("r") and ast.unparse(node.value) != "self":
                yield node.lineno


def foreign_words(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that show a caught exception of another library as it is."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        if handler.name is None or handler.type is None or kinds(handler.type) <= OURS:
            continue
        for node in ast.walk(handler):
            shown = node.value if isinstance(node, ast.FormattedValue) else None
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("str", "repr"):
                shown = node.args[0]
            if isinstance(shown, ast.Name) and shown.id == handler.name:
                yield shown.lineno


def foreign_causes(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of a raise that shows a caught exception of another library as its cause."""
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        if handler.name is None or handler.type is None or kinds(handler.type) <= OURS:
            continue
        for node in ast.walk(handler):
            cause = node.cause if isinstance(node, ast.Raise) else None
            if isinstance(cause, ast.Name) and cause.id == handler.name:
                yield cause.lineno


def bare_paths(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of an error or of a log line that shows a path as it is."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = ast.unparse(call.func)
        if function.rpartition(".")[2] in errors.__all__:
            parts = (node for arg in call.args for node in ast.walk(arg))
            shown = [node.value for node in parts if isinstance(node, ast.FormattedValue)]
        else:
            shown = list(call.args) if function.startswith("_log.") else []
        yield from (node.lineno for node in shown if ast.unparse(node) in PATHS)


def kinds(node: ast.expr) -> set[str]:
    """Return the names of the exceptions that a handler takes."""
    return set(map(ast.unparse, node.elts if isinstance(node, ast.Tuple) else [node]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_error_quotes_an_input_unmasked(path: Path) -> None:
    """`quoted`, `shown_path` and `reason_of` are the ways into a message, `scrub` into a cause."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert list(quotations(tree)) == []
    assert list(foreign_words(tree)) == []
    assert list(bare_paths(tree)) == []
    if path.name != "selection.py":  # the function that failed there is the user's own
        assert list(foreign_causes(tree)) == []


def test_the_search_finds_what_it_looks_for() -> None:
    """A quotation, and another library's words."""
    text = "try:\n  work()\nexcept OSError as exc:\n  raise ValueError(f'{x!r}: {exc}') from exc\n"
    assert list(quotations(ast.parse(text))) == [4]
    assert list(foreign_words(ast.parse(text))) == [4]
    assert list(foreign_causes(ast.parse(text))) == [4]
    assert list(bare_paths(ast.parse("raise FileMissing(f'no {path}')"))) == [1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("carrier pigeon", "'carrier pigeon'"),
        ("htps://acme.example/rest/1/s3cret/", "'htps://acme.example/…'"),
        ("https://u:pw@acme.example:8443/x?token=1", "'https://acme.example:8443/…'"),
        ("/rest/1/s3cret/", "a text of length 15"),
        ("s3cretsecretsecret", "'…'"),
        ("x" * 15 + " " + "y " * 50, f"'{'x' * 15} {'y ' * 22}…'"),
        (7, "7"),
        (10**20, "a number of more than 18 digits"),
        (None, "None"),
        ({"id": "s3cret"}, "a dict"),
        (b"s3cret", "a bytes"),
    ],
)
def test_an_input_is_quoted_without_its_secret(value: object, shown: str) -> None:
    """Enough to recognise it, and short."""
    assert quoted(value) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("wss://#DOMAIN#/sub/?CHANNEL_ID=46a437d2 isn't valid", "wss:///… isn't valid"),
        ("Got (http://a.example/rest/1/s3cret/)", "Got (http://a.example/…"),
        ("Illegal header value b'Bearer 0123456789abcdef0123'", "Illegal header value b'Bearer …'"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] failed", "[SSL: CERTIFICATE_VERIFY_FAILED] failed"),
        ("at http://127.0.0.1:80. Now", "at http://127.0.0.1:80. Now"),
    ],
)
def test_foreign_words_are_masked(words: str, shown: str) -> None:
    """Addresses end at their host, long codes are dots."""
    assert mask_foreign(words) == shown


def test_a_foreign_error_is_one_short_line() -> None:
    """Without words it is its kind; the system's errors have the system's words."""
    assert reason_of(ValueError()) == "ValueError"
    assert (
        reason_of(FileNotFoundError(2, "ignored", "/secret/place")) == "No such file or directory"
    )
    assert reason_of(ValueError("a\n b")) == "a b"
    assert len(reason_of(ValueError("a " * 500))) == 201


def test_a_cause_is_scrubbed() -> None:
    """Its words are masked, its path is gone, and the place where it happened stays."""
    missing = Path("/missing/rest/1") / "".join(["s3cret", "secret"])
    with pytest.raises(OSError, match="No such file or directory") as caught:
        missing.read_bytes()
    shown = "".join(traceback.format_exception(scrub(caught.value)))
    assert missing.name not in shown
    assert "in test_a_cause_is_scrubbed" in shown
    inner = KeyError("https://a.example/rest/1/s3cret/")
    assert "s3cret" not in f"{scrub(inner)!r}{inner}"
