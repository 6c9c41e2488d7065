"""Handle the signals that end a command: like Ctrl-C, or cleanly and then at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from bxpull_nb.cli.exit_codes import INTERRUPTED

__all__ = ["ending_on_signals", "two_signals"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Make a termination, or a terminal that closes, end a command like Ctrl-C."""
    numbers = [getattr(signal, name, None) for name in _SIGNALS]
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


@contextmanager
def two_signals() -> Iterator[threading.Event]:
    """Yield an event that the first SIGINT, SIGTERM or SIGHUP sets; the second ends the process.

    Received events are in the journal by then, so the second signal loses nothing either.
    """
    stop_asked = threading.Event()

    def handle(_number: int, _frame: Any) -> None:
        if stop_asked.is_set():
            os._exit(INTERRUPTED)
        stop_asked.set()
        click.echo("\nEnding: writing what is left. Once more to stop at once.", err=True)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in taken}
    try:
        yield stop_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
