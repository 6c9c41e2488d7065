"""`bxpull doctor`: what it prints, and its exit code."""

import re

import pytest
from click.testing import CliRunner

from bxpull_nb.cli import main
from bxpull_nb.sandbox import Sandbox
from tests.support.command import bxpull

ESCAPE = "\x1b["


def test_a_healthy_portal(sandbox: Sandbox) -> None:
    """A line a check, then the summary; exit code 0."""
    result = bxpull("doctor", BXPULL_URL=sandbox.url, BXPULL_TOKEN=sandbox.token)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(re.findall(r"^✓ ok {9}\w", result.stdout, re.MULTILINE)) == 9 + 3  # sources
    assert "all is well (9 ok); by websocket" in result.stdout.splitlines()[-1]
    assert sandbox.token not in result.stdout


def test_the_embedded_sandbox() -> None:
    """Among its demo traffic."""
    result = bxpull("doctor", "--sandbox")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("sandbox: all is well")


def test_something_fails(sandbox: Sandbox) -> None:
    """The findings on stdout all the same; exit code 1, and no word of a traceback."""
    token = "0123456789abcdef0123456789abcdef"
    result = bxpull("doctor", "--url", sandbox.url, "--token", token)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "✗ failed     token accepted" in result.stdout
    assert "→ Log in again for a fresh token" in result.stdout
    assert "something fails (1 ok, 1 failed, 7 not tried)" in result.stdout
    assert token not in result.stdout


def test_no_portal_is_named() -> None:
    """What was typed wrong is exit code 2."""
    result = bxpull("doctor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("bxpull: which portal?")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_never_the_only_sign(sandbox: Sandbox, no_color: str, coloured: bool) -> None:
    """Sign and word are there without it, and NO_COLOR switches it off."""
    environment = {
        "BXPULL_URL": sandbox.url,
        "BXPULL_TOKEN": sandbox.token,
        "BXPULL_WEBHOOK": None,
        "NO_COLOR": no_color,
    }
    result = CliRunner().invoke(main, ["doctor"], env=environment, color=True)
    assert (ESCAPE in result.stdout) is coloured
    assert re.sub(r"\x1b\[\d+m", "", result.stdout).startswith("✓ ok         portal answers")


def test_a_terminal_without_the_signs(sandbox: Sandbox) -> None:
    """Gets the words."""
    environment = {"BXPULL_URL": sandbox.url, "BXPULL_TOKEN": sandbox.token, "BXPULL_WEBHOOK": None}
    result = CliRunner(charset="ascii").invoke(main, ["doctor"], env=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith("? ok         portal answers")
