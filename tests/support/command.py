"""The command `bxpull`, run in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from bxpull_nb.cli import main
from tests.support.paths import PROJECT

NO_PORTAL = dict.fromkeys(
    f"BXPULL_{name}"
    for name in ("URL", "TOKEN", "WEBHOOK", "REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET")
)
posix = pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")


def bxpull(*args: object, **environment: str) -> Result:
    """Run the command in this process, without the portal of this machine's environment."""
    return CliRunner().invoke(main, list(map(str, args)), env={**NO_PORTAL, **environment})


def assert_fails(result: Result, code: int, *words: str) -> None:
    """Fail unless stderr is one line with the words, stdout is empty, and the code is right."""
    assert result.stdout == ""
    assert result.stderr.startswith("bxpull: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    assert result.exit_code == code


def environment() -> dict[str, str]:
    """Return this process's environment without a portal, with the checkout on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in NO_PORTAL}
    return {**kept, "PYTHONPATH": str(PROJECT)}


@contextmanager
def running(*args: object, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command in a process, killed if the test did not end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bxpull_nb.cli", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), **more},
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", word: str) -> str:
    """Return stdout up to the line with the word, or to its end."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if word in line:
            break
    return said
