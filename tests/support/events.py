"""Frames and journals with numbered events: what dataset tests write."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.models import Arrival, Batch, Message
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import SeenMids, Session
from bxpull_nb.storage.dataset import Uploader
from bxpull_nb.storage.dataset.part_names import Folder, folders, part_name
from bxpull_nb.storage.dataset.schema import SCHEMA, part_bytes
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.table import event_table
from bxpull_nb.storage.journal import Journal
from bxpull_nb.storage.journal.files import ActiveFile

DAY_ONE = 1_767_225_600  # 2026-01-01, in seconds
STEP = 1000  # seconds between two numbered events: 86.4 a day
PORTAL = "acme.example:8080"


def batch(numbers: Sequence[int], *, late: float = 0.35, timed: bool = True) -> Batch:
    """A frame with these events; event n was made n * 1000 seconds after the first of 2026.

    It arrived `late` seconds after the last of them was made. With `timed=False` the bodies do not
    hold the time.
    """
    frame = TextCodec().encode([Message(mid(n), _body(n, timed=timed)) for n in numbers])
    lane = Session(TextCodec(), SeenMids())
    received = int((DAY_ONE + numbers[-1] * STEP + late) * 1e6)
    return lane.receive(frame, Arrival(received, "shared", "websocket")).batch


def mid(number: int) -> str:
    """Return the message id of that event."""
    return f"1795447844{number:016}"


def write(folder: Path, batches: Iterable[Batch], **how: Any) -> None:
    """Append the batches to the journal in the folder."""
    with Journal(folder, "os", portal=PORTAL, **how) as journal:
        for one in batches:
            journal.write(one)


def collected(
    folder: Path, url: str | Path, batches: Iterable[Batch], *, part_bytes: int = 1 << 20
) -> Uploader:
    """Write the batches to a journal in the folder, and all of it to the dataset."""
    write(folder, batches)
    uploader = Uploader(folder, url, PORTAL, part_bytes=part_bytes)
    uploader.upload()
    return uploader


def tens(start: int, stop: int, **how: Any) -> list[Batch]:
    """Return batches of ten events each."""
    return [batch(range(n, n + 10), **how) for n in range(start, stop, 10)]


@contextmanager
def full_disk(name: str) -> Iterator[None]:
    """Within it, the disk has no room for the journal file of that name."""
    write = ActiveFile.write

    def refuse(self: ActiveFile, record: bytes) -> None:
        if self.path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ActiveFile, "write", refuse)
        yield


def names(url: str | Path) -> list[str]:
    """Return the names of the dataset's parts."""
    return list(Storage(url).list())


def rows_of(one: Batch) -> pd.DataFrame:
    """Return a batch as a DataFrame."""
    log = bx.EventLog()
    log.extend(one.records)
    return log.df


def content_of(frame: pd.DataFrame) -> bytes:
    """Return a part with these rows."""
    return part_bytes(event_table(frame).cast(SCHEMA))


def name_of(frame: pd.DataFrame) -> str:
    """Return the name of such a part, by the day of its first row."""
    sent = frame["server_time"][0]
    day = "unknown" if sent is pd.NaT else f"{sent:%Y-%m-%d}"
    return part_name(Folder(PORTAL, day), "test", 1, 0, content_of(frame))


def write_part(url: Path, frame: pd.DataFrame) -> None:
    """Put a part with these rows, all of one day, into the dataset."""
    Storage(url).put(name_of(frame), content_of(frame))
    assert folders(Storage(url).list(), "it")


def _body(number: int, *, timed: bool) -> str:
    time = f',"extra":{{"server_time_unix":{DAY_ONE + number * STEP}}}' if timed else ""
    return f'{{"module_id":"m","command":"c{number % 5}","params":{{"n":{number}}}{time}}}'
