"""The progress of a capture: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TextIO

__all__ = ["Progress", "ProgressBar", "ProgressLines"]

_LINE_EVERY = 60.0  # seconds between two lines, which stay in the file
_BAR_EVERY = 0.1  # seconds


class Progress(Protocol):
    """Shows how many events have come."""

    def show(self, count: int, words: str) -> None:
        """Show the number and the state in words; called several times a second."""
        ...


class ProgressLines:
    """Writes a line at the start, one a minute, and one at the end."""

    def __init__(
        self,
        write: Callable[[str], None],
        total: int | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._monotonic = write, monotonic
        self._of = "" if total is None else f"/{total:,}"
        self._next = float("-inf")
        self._newest = self._written = ""

    def show(self, count: int, words: str) -> None:
        """Note the state, and write it if a minute has passed since the last line."""
        self._newest = f"{count:,}{self._of} events · {words}"
        if self._monotonic() >= self._next:
            self._next = self._monotonic() + _LINE_EVERY
            self.close()

    def close(self) -> None:
        """Write the newest state, unless the last line was the same."""
        if self._newest != self._written:
            self._written = self._newest
            self._write(self._newest)


class ProgressBar:
    """Keeps a bar on a terminal; a terminal that is gone costs nothing."""

    def __init__(self, stream: TextIO, total: int | None) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        self._bar = tqdm(
            total=total,
            unit=" events",
            mininterval=_BAR_EVERY,
            dynamic_ncols=True,
            file=_Forgiving(stream),
        )

    def show(self, count: int, words: str) -> None:
        """Move the bar."""
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(count - self._bar.n)
        self._bar.refresh()

    def clear(self) -> None:
        """Take the bar away for a line that is written now."""
        self._bar.clear()

    def refresh(self) -> None:
        """Draw the bar again."""
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class _Forgiving:
    """A stream whose failures are ignored, also on the bar's own thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()
