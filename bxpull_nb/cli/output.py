"""The output of a command: all it writes to stdout and stderr; a stream that fails ends nothing."""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from bxpull_nb.cli.progress import Progress, ProgressBar

__all__ = ["Output", "stamped", "whole_text"]


class Output:
    """Writes a command's result, its log and its notes; no method raises for a failed stream.

    A stream may be closed (`>&-`), full, or a pipe without a reader; its encoding may lack a
    character, which becomes `?`. Any thread may write, and a signal handler.
    """

    def __init__(self) -> None:
        self.failed = False
        """Whether stdout did not take a part of the result; a reader that left is no failure."""
        self.reader_left = False
        """Whether stdout is a pipe without a reader any more, as after `| head`."""
        self._noted = False
        self._bar: ProgressBar | None = None
        self._lock = threading.RLock()  # a signal handler may interrupt its holder

    @property
    def on_terminal(self) -> bool:
        """Whether notes are shown on a terminal."""
        return _is_terminal(sys.stderr)

    def open(self) -> None:
        """Make the streams fit for every text, and keep closed ones from being taken by files."""
        _occupy_descriptors()
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                with suppress(OSError, ValueError):
                    stream.reconfigure(errors="replace")

    def close(self) -> None:
        """Flush both streams, and discard what a failed one still holds.

        Otherwise the interpreter tries again at its end, and changes the exit code.
        """
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and _flushed(stream) is not None:
                _discard(stream)

    def result(self, content: str | bytes, *, colour: bool | None = None) -> bool:
        """Write a part of the command's result to stdout; return whether it was taken.

        Text gets a line break, bytes are written as they are. After a failure nothing more is
        written: a result with a hole would be worse than one that ends.
        """
        if self.failed or self.reader_left:
            return False
        error = self._to_stdout(content, colour)
        self.failed = error is not None and not self.reader_left
        return error is None

    def log(self, line: bytes) -> None:
        """Write a line of the command's log to stdout; each one is tried, whatever came before."""
        self._to_stdout(line + b"\n", None)

    def note(self, text: str) -> None:
        """Write a line for a person to stderr, above the progress bar if there is one."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            _written(sys.stderr, text, None)
            if self._bar is not None:
                self._bar.refresh()

    @contextmanager
    def progress(self, total: int | None) -> Iterator["Progress"]:
        """Yield a bar on a terminal; plain lines, less often, for a file or a pipe."""
        from bxpull_nb.cli.progress import ProgressBar, ProgressLines

        if not self.on_terminal:
            lines = ProgressLines(lambda text: self.note(stamped(text)), total)
            try:
                yield lines
            finally:
                lines.close()
            return
        self._bar = bar = ProgressBar(sys.stderr, total)
        try:
            yield bar
        finally:
            self._bar = None
            bar.close()

    def _to_stdout(self, content: str | bytes, colour: bool | None) -> OSError | None:
        with self._lock:
            shared = self._bar if _is_terminal(sys.stdout) else None
            if shared is not None:
                shared.clear()
            error = _written(sys.stdout, content, colour)
            if shared is not None:
                shared.refresh()
        if isinstance(error, BrokenPipeError):
            self.reader_left = True
        elif error is not None and not self._noted:
            self._noted = True
            self.note(f"bxpull: stdout takes nothing ({error.strerror or error}).")
        return error


def stamped(text: str) -> str:
    """Return the text with the time (UTC) before it, as a line of a log."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} {text}".rstrip()


def whole_text(text: str) -> str:
    """Return the text without halves of characters, as a path has in a locale without UTF-8."""
    try:
        encoded = text.encode("utf-8", "surrogateescape")  # the bytes that the path really has
    except UnicodeEncodeError:
        encoded = text.encode("utf-8", "replace")
    return encoded.decode("utf-8", "replace")


def _written(stream: TextIO | None, content: str | bytes, colour: bool | None) -> OSError | None:
    """Write the content and flush; return the error of a stream that did not take it."""
    if stream is None:  # its descriptor was closed when the interpreter started
        return OSError(errno.EBADF, "it is closed")
    try:
        click.echo(content, file=stream, nl=isinstance(content, str), color=colour)
    except OSError as exc:
        return exc
    except (ValueError, RuntimeError):  # closed since; or interrupted by a signal handler
        return OSError(errno.EBADF, "it is closed")
    return None


def _flushed(stream: TextIO) -> OSError | None:
    try:
        stream.flush()
    except OSError as exc:
        return exc
    except ValueError:
        return OSError(errno.EBADF, "it is closed")
    return None


def _discard(stream: TextIO) -> None:
    """Lead the stream's descriptor nowhere, so that its buffer can be emptied."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _occupy_descriptors() -> None:
    """Open the descriptors 0 to 2 that are closed: a journal must not become stderr."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.close(opened)


def _is_terminal(stream: TextIO | None) -> bool:
    with suppress(OSError, ValueError):
        return stream is not None and stream.isatty()
    return False
