"""Show the package's warnings in a terminal, where no logging is set up."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["showing_warnings"]


class _Warnings(logging.Handler):
    def __init__(self, show: Callable[[str], None], *, skip_entries: bool) -> None:
        super().__init__(logging.WARNING)
        self._show, self._skip_entries = show, skip_entries

    def emit(self, record: logging.LogRecord) -> None:
        """Show the message; a failure to show it does not stop the program."""
        if self._skip_entries and getattr(record, "is_log_entry", False):
            return
        try:
            self._show(record.getMessage())
        except Exception:  # noqa: BLE001 - like every handler of logging
            self.handleError(record)


@contextmanager
def showing_warnings(show: Callable[[str], None], *, skip_entries: bool = False) -> Iterator[None]:
    """Pass each warning to `show` within the block, from any thread, instead of the handlers.

    `skip_entries` leaves out warnings that are entries of the activity log too (see
    `models.IS_LOG_ENTRY`): the caller shows those entries.
    """
    log = logging.getLogger("bxpull_nb")
    before, log.handlers = log.handlers, [_Warnings(show, skip_entries=skip_entries)]
    try:
        yield
    finally:
        log.handlers = before
