"""The exit codes of every command, and the help text that lists them."""

__all__ = ["DONE", "EXIT_CODES", "FAILED", "INCOMPLETE", "INTERRUPTED", "USAGE"]

DONE = 0
"""The command ended as asked."""
FAILED = 1
"""Something went wrong; the line on stderr names it."""
USAGE = 2
"""The command was typed wrong; click uses this number."""
INCOMPLETE = 3
"""`listen --dataset` ended before the dataset had everything; the journal keeps the rest."""
INTERRUPTED = 130
"""A Ctrl-C ended the command, and was not its normal end."""

EXIT_CODES = f"""Ends with {DONE} when it ended as asked, {FAILED} when something went wrong,
{USAGE} for what was typed wrong, {INCOMPLETE} when the dataset does not have everything yet (the
journal has it, and the next run sends it), {INTERRUPTED} when it was interrupted."""
