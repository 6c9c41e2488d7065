"""The names, phones and handles met so far, as keyed digests: in memory, and in a journal's folder.

No name is in it. Without the key a digest leads nowhere; with it a text that comes after a restart
is searched for the names of before.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

__all__ = ["Memory"]

_LINE = re.compile(r"([a-z][0-9a-f]{16}) ([\w-]*)")


class Memory:
    """A map from digests to pseudonyms, which may be kept in files too. Any thread may use it."""

    def __init__(self) -> None:
        self.kinds = set[str]()
        """The first letters of the keys."""
        self._known: dict[str, str] = {}
        self._files: dict[Path, list[str]] = {}  # lines that the file does not have yet

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
            for lines in self._files.values():
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
        text = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
        lines = (_LINE.fullmatch(line) for line in text.splitlines())
        stored = {line[1]: line[2] for line in lines if line}
        known = tuple(self._known.items())
        ahead = [f"{key} {value}\n" for key, value in known if stored.get(key) != value]
        self._known = {**stored, **self._known}
        self.kinds.update(key[0] for key in stored)
        self._files[path] = ["\n", *ahead] if text and not text.endswith("\n") else ahead

    def save(self) -> None:
        """Write what is new; a disk that takes nothing is asked again the next time."""
        for path, lines in self._files.items():
            if lines:
                with suppress(OSError):
                    _append(path, "".join(lines))
                    lines.clear()


def _append(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
