"""How a dataset is laid out: `portal=…/date=…/part.parquet`, and what a part's name says.

A part is named after who wrote it, where in that collector's journal it begins, and its content:

    portal=acme.bitrix24.com/date=2026-01-31/4f2a9c01-000003-0000012345-8d1e22f09a3b.parquet

So no two collectors need a lock, and one name never stands for two contents: writing a part once
more, after a crash, changes nothing, and a part that was read may be removed when its rows are
in another one. `date` is the day (UTC) on which the portal made the event, not that of its
arrival: every copy of an event, whoever brought it and when, stands in the same folder, where
reading finds and drops it. Events of which that day is not known stand under `date=unknown`.
"""

import re
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from bxpull_nb.errors import FileFormatError

__all__ = ["COMPACTED", "UNKNOWN", "Folder", "Part", "folders", "part_name"]

UNKNOWN = "unknown"
COMPACTED = "compact"
"""Who wrote a part that was made of others."""

_NAME = re.compile(
    r"portal=(?P<portal>[^/]+)/date=(?P<date>\d{4}-\d\d-\d\d|unknown)/"
    r"(?P<by>[0-9a-z]+)-(?P<number>\d+)-(?P<offset>\d+)-[0-9a-f]{12}\.parquet"
)


class Folder(NamedTuple):
    """A partition: the events that a portal made on one day."""

    portal: str
    date: str

    @property
    def path(self) -> str:
        """Its path in the dataset."""
        return f"portal={quote(self.portal, safe='')}/date={self.date}"


class Part(NamedTuple):
    """A file of a partition."""

    name: str
    """Its path in the dataset."""
    size: int
    """Bytes."""


def part_name(folder: Folder, by: str, number: int, offset: int, content: bytes) -> str:
    """The path of a part that begins at that place of the journal of `by`."""
    digest = blake2b(content, digest_size=6).hexdigest()
    return f"{folder.path}/{by}-{number:06}-{offset:010}-{digest}.parquet"


def folders(files: dict[str, int], where: str) -> dict[Folder, list[Part]]:
    """The parts by partition, both in order; FileFormatError for a file that is none.

    `where` is what to call the dataset.
    """
    found: dict[Folder, list[Part]] = {}
    for name, size in sorted(files.items()):
        match = _NAME.fullmatch(name)
        if match is None:
            raise FileFormatError(f"{where} holds {name}, {_no_part(name)}")
        folder = Folder(unquote(match["portal"]), match["date"])
        found.setdefault(folder, []).append(Part(name, size))
    return found


def _no_part(name: str) -> str:
    """Why, and what to do."""
    if name.endswith(".bxj"):
        return f"a file of a journal: read that by its own folder, {name.rpartition('/')[0]}."
    return (
        "which is no part of a dataset of events. Take it out, or give the address of the folder "
        "above portal=…/date=…"
    )
