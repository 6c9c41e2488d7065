"""Failures of a command: one line on stderr, and an exit code."""

import sys
from traceback import format_tb
from typing import Any

import click

from bxpull_nb.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.output import Output
from bxpull_nb.cli.signals import ending_on_signals
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.masking import mask_foreign, mask_text, reason_of

__all__ = ["OneLineErrors"]


class OneLineErrors(click.Group):
    """A group of commands whose failures are one line on stderr, never a traceback.

    The commands get the run's Output as their context's object. A closed pipe, as of `| head`, is
    no failure; a result that stdout did not take is one.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and exit."""
        output = Output()
        output.open()

        def warn(text: str) -> None:
            output.note(f"bxpull: {text}")

        with ending_on_signals(), showing_warnings(warn):
            code = self._exit_code(output, *args, **{**extra, "prog_name": "bxpull"})
        output.close()
        sys.exit(FAILED if code == DONE and output.failed else code)

    def _exit_code(self, output: Output, *args: Any, **extra: Any) -> int:
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False, "obj": output})
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except click.ClickException as exc:
            return _complain(output, mask_foreign(exc.format_message()), exc.exit_code)
        except BxPullError as exc:
            code = USAGE if isinstance(exc, SettingsError) else FAILED
            return _complain(output, str(exc), code)
        except OSError as exc:
            parts = [mask_text(str(exc.filename or "")), exc.strerror or reason_of(exc)]
            return _complain(output, ": ".join(filter(None, parts)), FAILED)
        except SystemExit:  # click's own answer to a closed pipe, while it writes a help text
            return DONE
        except Exception as exc:  # noqa: BLE001 - its words may hold a secret
            return _show_bug(output, exc)
        return code or DONE


def _complain(output: Output, message: str, code: int) -> int:
    output.note(f"bxpull: {' '.join(message.split())}")
    return code


def _show_bug(output: Output, error: Exception) -> int:
    """Show a mistake of this program: where it happened, and its words masked."""
    places = "".join(format_tb(error.__traceback__))
    output.note(f"{places}{type(error).__name__}: {reason_of(error)}")
    return FAILED
