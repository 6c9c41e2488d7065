"""Failures of a command: one line on stderr, and an exit code."""

import sys
from typing import Any

import click

from bxpull_nb.cli.exit_codes import DONE, FAILED, INTERRUPTED, USAGE
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.output import Output
from bxpull_nb.cli.signals import ending_on_signals
from bxpull_nb.errors import BxPullError, SettingsError

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
            return _complain(output, exc.format_message(), exc.exit_code)
        except BxPullError as exc:
            code = USAGE if isinstance(exc, SettingsError) else FAILED
            return _complain(output, str(exc), code)
        except OSError as exc:
            parts = [exc.filename, exc.strerror or exc]
            return _complain(output, ": ".join(str(part) for part in parts if part), FAILED)
        except SystemExit:  # click's own answer to a closed pipe, while it writes a help text
            return DONE
        return code or DONE


def _complain(output: Output, message: str, code: int) -> int:
    output.note(f"bxpull: {' '.join(message.split())}")
    return code
