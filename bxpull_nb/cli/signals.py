"""Two signals for what runs for weeks: the first ends it cleanly, the second at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["two_signals"]

_INTERRUPTED = 130


@contextmanager
def two_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets; the second ends the process.

    What has come is in the journal by then, so nothing is lost by the second one either.
    """
    asked = threading.Event()

    def handle(_number: int, _frame: Any) -> None:
        if asked.is_set():
            os._exit(_INTERRUPTED)
        asked.set()
        click.echo("\nEnding: writing what is left. Once more to stop at once.", err=True)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in taken}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
