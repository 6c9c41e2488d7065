"""The exit codes of every command, and the help text that lists them."""

__all__ = ["DONE", "EXIT_CODES", "FAILED", "INCOMPLETE", "INTERRUPTED", "USAGE"]

DONE = 0
"""The command ended as asked."""
FAILED = 1
"""Something went wrong; the line on stderr names it.

This includes a result that stdout did not take. Notes and logs that no stream took change no code.
"""
USAGE = 2
"""The command was typed wrong; click uses this number."""
INCOMPLETE = 3
"""`listen` ended without a source that was asked for, or journal or dataset lack events.

The journal keeps what the dataset lacks. Events that its own disk did not take are counted.
"""
INTERRUPTED = 130
"""A Ctrl-C ended the command, and was not its normal end."""

EXIT_CODES = f"""Ends with {DONE} when it ended as asked, {FAILED} when something went wrong,
{USAGE} for what was typed wrong, {INCOMPLETE} when the journal or the dataset does not have
everything yet (the next run sends what the journal has, and asks the server for what its disk did
not take) or a source of --events or --chat could not run, {INTERRUPTED} when it was interrupted."""
