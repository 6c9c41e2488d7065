"""The command `bxpull`, also `jupyter bxpull`."""

from bxpull_nb.cli.commands import main

__all__ = ["main"]
