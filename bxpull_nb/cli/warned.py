"""What the package warns of, told to whoever watches a command and has set up no logging."""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

__all__ = ["warnings_told"]


class _Warnings(logging.Handler):
    def __init__(self, tell: Callable[[str], None], but: Collection[str]) -> None:
        super().__init__(logging.WARNING)
        self._tell, self._but = tell, but

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, as a sentence; never in the way of what was being done."""
        if record.module in self._but:
            return
        try:
            self._tell(record.getMessage())
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)


@contextmanager
def warnings_told(tell: Callable[[str], None], but: Collection[str] = ()) -> Iterator[None]:
    """Tell each warning meanwhile, from whatever thread, in place of who was told before.

    `but` names modules whose warnings the caller hears of in another way.
    """
    log = logging.getLogger("bxpull_nb")
    before, log.handlers = log.handlers, [_Warnings(tell, but)]
    try:
        yield
    finally:
        log.handlers = before
