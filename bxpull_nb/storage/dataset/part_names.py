"""The layout of a dataset, `portal=…/date=…/part.parquet`, and the names of parts.

A part is named after its collector, its place in that collector's journal, and its content:

    portal=acme.bitrix24.com/date=2026-01-31/4f2a9c01-000003-0000012345-8d1e22f09a3b.parquet

So collectors need no lock, and one name never has two contents: writing a part once more after a
crash changes nothing, and a part may be removed when its rows are in another one. `date` is the
day (UTC) on which the portal made the event, not that of its arrival: all duplicates of an event
are in one folder, where reading finds and drops them. Events of an unknown day are in
`date=unknown`.
"""

import re
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from bxpull_nb.errors import FileFormatError
from bxpull_nb.masking import shown_path

__all__ = ["COMPACTED", "UNKNOWN", "Folder", "Part", "folders", "part_name"]

UNKNOWN = "unknown"
COMPACTED = "compact"
"""The collector in the name of a part that was merged from others."""

_NAME = re.compile(
    r"portal=(?P<portal>[^/]+)/date=(?P<date>\d{4}-\d\d-\d\d|unknown)/"
    r"(?P<by>[0-9a-z]+)-(?P<number>\d+)-(?P<offset>\d+)-[0-9a-f]{12}\.parquet"
)


class Folder(NamedTuple):
    """A folder of a dataset: the events that a portal made on one day."""

    portal: str
    date: str

    @property
    def path(self) -> str:
        """Path in the dataset."""
        return f"portal={quote(self.portal, safe='')}/date={self.date}"


class Part(NamedTuple):
    """A file of a folder."""

    name: str
    """Path in the dataset."""
    size: int
    """In bytes."""


def part_name(folder: Folder, by: str, number: int, offset: int, content: bytes) -> str:
    """Return the path of a part that begins there in the journal of `by`."""
    digest = blake2b(content, digest_size=6).hexdigest()
    return f"{folder.path}/{by}-{number:06}-{offset:010}-{digest}.parquet"


def folders(files: dict[str, int], dataset: str) -> dict[Folder, list[Part]]:
    """Return the parts by folder, both in order; FileFormatError for another kind of file.

    `dataset` is the name of the dataset in that message.
    """
    found: dict[Folder, list[Part]] = {}
    for name, size in sorted(files.items()):
        match = _NAME.fullmatch(name)
        if match is None:
            raise FileFormatError(f"{dataset} holds {shown_path(name)}, {_no_part(name)}")
        folder = Folder(unquote(match["portal"]), match["date"])
        found.setdefault(folder, []).append(Part(name, size))
    return found


def _no_part(name: str) -> str:
    """Return why the file is no part, and what to do."""
    if name.endswith(".bxj"):
        return f"a file of a journal: read that by its own folder, {name.rpartition('/')[0]}."
    return (
        "which is no part of a dataset of events. Take it out, or give the address of the folder "
        "above portal=…/date=…"
    )
