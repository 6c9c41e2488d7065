"""How a command ends: with an exit code, and with one line on stderr when it failed."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from bxpull_nb.cli.warned import warnings_told
from bxpull_nb.errors import BxPullError, SettingsError

__all__ = ["OneLineErrors"]

_INTERRUPTED = 130


class OneLineErrors(click.Group):
    """Commands whose failures are one line on stderr, never a traceback.

    Exit code 2 for what was typed wrong, 1 for what went wrong, 130 for a Ctrl-C that a command
    does not take as its normal end.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and exit."""
        with _one_way_to_interrupt(), warnings_told(_warn):
            code = self._exit_code(*args, **{**extra, "prog_name": "bxpull"})
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for; a reader who has seen enough, as `| head`, is no failure."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            return _leave_stdout()
        return result

    def _exit_code(self, *args: Any, **extra: Any) -> int:
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except (click.Abort, KeyboardInterrupt):
            return _INTERRUPTED
        except click.ClickException as exc:
            return _complain(exc.format_message(), exc.exit_code)
        except BxPullError as exc:
            return _complain(str(exc), 2 if isinstance(exc, SettingsError) else 1)
        except OSError as exc:
            said = [exc.filename, exc.strerror or exc]
            return _complain(": ".join(str(part) for part in said if part), 1)
        return code or 0


def _warn(message: str) -> None:
    from tqdm import tqdm  # type: ignore[import-untyped]

    tqdm.write(f"bxpull: {message}", file=sys.stderr)  # a bar makes room for it


def _complain(message: str, code: int) -> int:
    with suppress(OSError):
        click.echo(f"bxpull: {' '.join(message.split())}", err=True)
    return code


def _leave_stdout() -> int:
    """Nobody reads on: say nothing more, not even when the interpreter flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return 0


@contextmanager
def _one_way_to_interrupt() -> Iterator[None]:
    """Make a termination, or a terminal that closes, end a command as Ctrl-C does."""
    numbers = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not the main thread: signals are not ours to handle
        for number in filter(None, numbers):
            # A script starts its background jobs with SIGINT ignored; nohup does so with SIGHUP.
            if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
