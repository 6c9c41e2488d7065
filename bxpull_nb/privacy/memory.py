"""The names, phones and handles met so far, as keyed digests: in memory, and in a journal's folder.

No name is in it. Without the key a digest leads nowhere; with it a text that comes after a restart
is searched for the names of before.
"""

import logging
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bxpull_nb.files import open_private, read_private
from bxpull_nb.masking import reason_of, shown_path

__all__ = ["Memory"]

_log = logging.getLogger("bxpull_nb")
_LINE = re.compile(r"([a-z][0-9a-f]{16}) ([\w-]*)")


class Memory:
    """A map from digests to pseudonyms, which may be kept in files too. Any thread may use it."""

    def __init__(self) -> None:
        self.kinds = set[str]()
        """The first letters of the keys."""
        self._known: dict[str, str] = {}
        self._files: dict[Path, deque[str]] = {}  # lines that the file does not have yet
        self._failing = set[Path]()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def get(self, key: str) -> str | None:
        """Return the value of a key; None for an unknown one."""
        return self._known.get(key)

    def put(self, key: str, value: str = "") -> None:
        """Keep a key and its value, until `save` in memory only."""
        if self._known.get(key) != value:
            self._known[key] = value
            self.kinds.add(key[0])
            for lines in tuple(self._files.values()):
                lines.append(f"{key} {value}\n")

    def names(self) -> int:
        """Return how many names are known: whole ones, and words that are one alone."""
        known = tuple(self._known.items())
        return sum(key[0] == "n" or (key[0] == "w" and value != "") for key, value in known)

    def keep_in(self, path: Path) -> None:
        """Read a file, and write to it from now on. Only its owner may read it.

        Raises OSError for a file that cannot be read.
        """
        if path in self._files:
            return
        text = ""
        with suppress(FileNotFoundError):
            text = read_private(path).decode("ascii", "replace")
        lines = (_LINE.fullmatch(line) for line in text.splitlines())
        stored = {line[1]: line[2] for line in lines if line}
        known = tuple(self._known.items())
        ahead = [f"{key} {value}\n" for key, value in known if stored.get(key) != value]
        self._known = {**stored, **self._known}
        self.kinds.update(key[0] for key in stored)
        half = ["\n"] * bool(text and not text.endswith("\n"))
        self._files[path] = deque([*half, *ahead])

    def save(self) -> None:
        """Write what is new; a disk that takes nothing is asked again the next time."""
        for path, lines in tuple(self._files.items()):
            batch = list(_taken(lines))
            if not batch:
                continue
            try:
                _append(path, "".join(batch))
            except OSError as exc:
                self._report(path, exc)
                half = ["\n"] * (batch[0] != "\n")  # ends the line of which half was written
                lines.extendleft(reversed([*half, *batch]))
            else:
                self._failing.discard(path)

    def _report(self, path: Path, exc: OSError) -> None:
        """Log a failure, once until the disk takes lines again."""
        if path not in self._failing:
            self._failing.add(path)
            _log.warning(
                "%s cannot be written (%s): names met now are not known after a restart, unless "
                "there is room before it ends",
                shown_path(path),
                reason_of(exc),
            )


def _taken(lines: deque[str]) -> Iterator[str]:
    with suppress(IndexError):
        while True:
            yield lines.popleft()


def _append(path: Path, text: str) -> None:
    descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        rest = memoryview(text.encode("ascii"))
        while rest:
            rest = rest[file.write(rest) :]
