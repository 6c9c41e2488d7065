"""Handle the signals that end a command: like Ctrl-C, or cleanly and then at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bxpull_nb.cli.exit_codes import INTERRUPTED
from bxpull_nb.cli.output import Output

__all__ = ["ending_on_signals", "two_signals", "until_ctrl_c"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Make a termination, or a terminal that closes, end a command like Ctrl-C."""
    # A script starts its background jobs with SIGINT ignored; that one is handled all the same.
    with _handled({signal.SIGINT, *_not_ignored()}, signal.default_int_handler):
        yield


@contextmanager
def until_ctrl_c(output: Output, farewell: str | None = None) -> Iterator[None]:
    """Take a Ctrl-C as the block's normal end; a second one interrupts later code."""
    try:
        yield
    except KeyboardInterrupt:
        output.note(f"\n{farewell}" if farewell else "")


@contextmanager
def two_signals(output: Output) -> Iterator[threading.Event]:
    """Yield an event set by the first SIGINT, SIGTERM or SIGHUP; the second ends the process.

    Received events are in the journal by then, so the second signal loses nothing either.
    """
    stop_asked = threading.Event()

    def handle(_number: int, _frame: Any) -> None:
        if stop_asked.is_set():
            os._exit(INTERRUPTED)
        stop_asked.set()
        output.note("\nEnding: writing what is left. Once more to stop at once.")

    with _handled(_not_ignored(), handle):
        yield stop_asked


def _not_ignored() -> set[int]:
    """Return the signals of this system, without those that nohup, say, has ignored."""
    numbers = {getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)}
    return {number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN}


@contextmanager
def _handled(numbers: Iterable[int], handler: Callable[[int, Any], Any]) -> Iterator[None]:
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not the main thread: signals are not ours to handle
        before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
