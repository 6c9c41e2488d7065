"""How a command ends: the exit codes, and one line on stderr when it failed."""

import os
import sys
from contextlib import suppress
from typing import Any

import click

from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.signals import ending_on_signals
from bxpull_nb.errors import BxPullError, SettingsError

__all__ = ["FAILED", "INCOMPLETE", "INTERRUPTED", "USAGE", "OneLineErrors"]

FAILED = 1
"""Something went wrong; the line on stderr says what."""
USAGE = 2
"""The command was typed wrong; as click has it."""
INCOMPLETE = 3
"""`listen --dataset` ended before the dataset had everything; the journal keeps the rest."""
INTERRUPTED = 130
"""A Ctrl-C that the command does not take as its normal end."""


class OneLineErrors(click.Group):
    """Commands whose failures are one line on stderr, never a traceback; see the codes above."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and exit."""
        with ending_on_signals(), showing_warnings(_warn):
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
            return INTERRUPTED
        except click.ClickException as exc:
            return _complain(exc.format_message(), exc.exit_code)
        except BxPullError as exc:
            return _complain(str(exc), USAGE if isinstance(exc, SettingsError) else FAILED)
        except OSError as exc:
            said = [exc.filename, exc.strerror or exc]
            return _complain(": ".join(str(part) for part in said if part), FAILED)
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
