"""Streams that take nothing: a full disk, a pipe without a reader, and closed descriptors."""

import errno
import io
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from bxpull_nb.cli import main
from tests.support.command import NO_PORTAL, environment


class Failing(io.RawIOBase):
    """A file whose every write fails with the error number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def writable(self) -> bool:
        """Whether it can be opened for writing."""
        return True

    def write(self, _content: object) -> int:
        """Fail."""
        raise OSError(self._number, errno.errorcode[self._number])


class FailingStream(io.TextIOWrapper):
    """A text stream over such a file; its end is silent, for no test ends at the same moment."""

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()


def failing_stream(number: int) -> io.TextIOWrapper:
    """Return a text stream over such a file, as the interpreter makes stdout."""
    return FailingStream(io.BufferedWriter(Failing(number)), encoding="utf-8")


def run_with(
    monkeypatch: pytest.MonkeyPatch, args: list[object], **streams: io.TextIOWrapper | None
) -> int:
    """Run the command in this process with these as `stdout` and `stderr`; return its exit code."""
    for name in NO_PORTAL:
        monkeypatch.delenv(name, raising=False)
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, args)))
    code = ended.value.code
    assert isinstance(code, int)
    return code


def run_redirected(
    args: list[object], redirection: str, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command in a process whose streams the shell has redirected."""
    command = [sys.executable, "-m", "bxpull_nb.cli", *map(str, args)]
    return subprocess.run(
        ["/bin/sh", "-c", f'"$@" {redirection}', "sh", *command],
        capture_output=True,
        env={**environment(), **more},
        timeout=60,
        check=False,
    )


_IN_TURN = """
import sys
from bxpull_nb.cli import main
args = []
for arg in sys.argv[1:]:
    if arg != NEXT:
        args.append(arg)
        continue
    code = 0
    try:
        main(args)
    except SystemExit as ended:
        code = ended.code
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"{NEXT} {code}\\n")
        stream.flush()
    args = []
"""
_NEXT = "-- the end of a command --"


def run_in_turn(*commands: list[object], **more: str) -> "list[subprocess.CompletedProcess[bytes]]":
    """Run the commands in one process, which imports once, and return what each of them wrote."""
    args = [text for command in commands for text in (*map(str, command), _NEXT)]
    done = subprocess.run(
        [sys.executable, "-c", f"NEXT = {_NEXT!r}\n{_IN_TURN}", *args],
        capture_output=True,
        env={**environment(), **more},
        timeout=60,
        check=True,
    )
    seam = re.compile(_NEXT.encode() + rb" (\d+)\r?\n")
    stdout, stderr = seam.split(done.stdout), seam.split(done.stderr)
    parts = zip(stdout[1::2], stdout[::2], stderr[::2], strict=False)
    return [subprocess.CompletedProcess(args, int(code), *both) for code, *both in parts]
