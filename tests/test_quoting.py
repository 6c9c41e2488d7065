"""Inputs and foreign words reach an error by `masking` alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bxpull_nb import errors
from bxpull_nb.masking import mask_foreign, quoted, reason_of
from tests.support.wings import PACKAGE

ELSEWHERE = ("sandbox", "protocol/codec")
"""A sandbox has settings of a test only; the words of a codec are positions."""
OURS = {*errors.__all__, "NotTried", "BodyProblem", "click.ClickException"}
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


def kinds(node: ast.expr) -> set[str]:
    """Return the names of the exceptions that a handler takes."""
    return set(map(ast.unparse, node.elts if isinstance(node, ast.Tuple) else [node]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_error_quotes_an_input_by_itself(path: Path) -> None:
    """`quoted` and `reason_of` are the two ways into a message."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert list(quotations(tree)) == []
    assert list(foreign_words(tree)) == []


def test_the_search_finds_what_it_looks_for() -> None:
    """A quotation, and another library's words."""
    text = "try:\n  work()\nexcept OSError as exc:\n  raise ValueError(f'{x!r}: {exc}') from exc\n"
    assert list(quotations(ast.parse(text))) == [4]
    assert list(foreign_words(ast.parse(text))) == [4]


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
