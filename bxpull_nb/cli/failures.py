"""Failures of a command: one line on stderr, and an exit code."""

import os
import sys
from contextlib import suppress
from traceback import format_tb
from typing import Any

import click

from bxpull_nb.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.signals import ending_on_signals
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.masking import mask_foreign, mask_text, reason_of

__all__ = ["OneLineErrors"]


class OneLineErrors(click.Group):
    """A group of commands whose failures are one line on stderr, never a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and exit."""
        with ending_on_signals(), showing_warnings(_warn):
            code = self._exit_code(*args, **{**extra, "prog_name": "bxpull"})
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; a closed pipe, as of `| head`, is no failure."""
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
            return _complain(mask_foreign(exc.format_message()), exc.exit_code)
        except BxPullError as exc:
            return _complain(str(exc), USAGE if isinstance(exc, SettingsError) else FAILED)
        except OSError as exc:
            parts = [mask_text(str(exc.filename or "")), exc.strerror or reason_of(exc)]
            return _complain(": ".join(filter(None, parts)), FAILED)
        except Exception as exc:  # noqa: BLE001 - its words may hold a secret
            return _show_bug(exc)
        return code or DONE


def _warn(message: str) -> None:
    from tqdm import tqdm  # type: ignore[import-untyped]

    tqdm.write(f"bxpull: {message}", file=sys.stderr)  # moves a progress bar out of the way


def _complain(message: str, code: int) -> int:
    with suppress(OSError):
        click.echo(f"bxpull: {' '.join(message.split())}", err=True)
    return code


def _show_bug(error: Exception) -> int:
    """Show a mistake of this program: where it happened, and its words masked."""
    places = "".join(format_tb(error.__traceback__))
    with suppress(OSError):
        click.echo(f"{places}{type(error).__name__}: {reason_of(error)}", err=True)
    return FAILED


def _leave_stdout() -> int:
    """Discard the rest of stdout, also the part that the interpreter flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return DONE
