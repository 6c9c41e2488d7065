"""What a journal costs: `python -m tests.benchmarks.journal [--events N]`.

For frames of one and of fifty messages: microseconds and bytes per event of what the journal
does, and of what it could do instead.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import click
import pyarrow as pa

from bxpull_nb.models import Arrival, Batch, Message
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.storage.journal import Journal, read_journal

_BODY = (
    '{{"module_id":"crm","command":"dealUpdate","params":{{"ID":"{n}","STAGE":"C1:WON","title":'
    '"Сделка {n}","fields":{{"OPPORTUNITY":{n}.50,"CURRENCY":"EUR"}}}},"extra":'
    '{{"server_time_unix":1795448999.{n},"server_name":"acme","revision_web":19}}}}'
)
Write = Callable[[Path, list[Batch]], None]


def batches(events: int, size: int) -> list[Batch]:
    """Batches of so many messages, as a server of version 3 sends them."""
    codec, arrival = TextCodec(), Arrival(1795448999000000, "shared", "websocket")
    made = []
    for first in range(0, events, size):
        numbers = range(first, first + size)
        messages = [Message(f"1795447844{n:016}", _BODY.format(n=n)) for n in numbers]
        frame = codec.encode(messages)
        made.append(Batch(codec.decode(frame, arrival), frame, codec.dialect))
    return made


def by_journal(durability: str) -> Write:
    """As it is."""

    def write(folder: Path, made: list[Batch]) -> None:
        with Journal(folder, durability) as journal:
            for batch in made:
                journal.write(batch)

    return write


def by_compression(folder: Path, made: list[Batch]) -> None:
    """Each frame compressed alone, so that a damaged record costs no other."""
    codec = pa.Codec("zstd", 1)
    with (folder / "zstd").open("wb", buffering=0) as file:
        for batch in made:
            packed = codec.compress(str(batch.frame).encode(), asbytes=True)
            file.write(crc32(packed).to_bytes(4, "little") + packed)


def by_sqlite(folder: Path, made: list[Batch]) -> None:
    """A row a frame, a transaction each, nothing synced."""
    with closing(sqlite3.connect(folder / "db")) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=off")
        db.execute("create table frame (at integer, frame blob)")
        for batch in made:
            with db:
                db.execute("insert into frame values (1, ?)", (batch.frame,))


_WAYS: dict[str, Write] = {
    "raw, os": by_journal("os"),
    "raw, second": by_journal("second"),
    "raw, frame": by_journal("frame"),
    "zstd-1 a frame": by_compression,
    "sqlite wal": by_sqlite,
}


@click.command()
@click.option("--events", default=200_000, show_default=True)
def main(events: int) -> None:
    """Measure, and print a line for each way."""
    for size in (1, 50):
        made = batches(events if size > 1 else events // 10, size)
        count = sum(len(batch.records) for batch in made)
        for name, write in _WAYS.items():
            with TemporaryDirectory() as folder:
                begun = time.perf_counter()
                write(Path(folder), made)
                passed = time.perf_counter() - begun
                written = sum(path.stat().st_size for path in Path(folder).iterdir())
                said = f"{passed / count * 1e6:7.2f} us {written / count:6.0f} bytes an event"
                if name.startswith("raw, os"):
                    begun = time.perf_counter()
                    assert sum(len(batch.records) for batch in read_journal(folder)) == count
                    said += f", read {(time.perf_counter() - begun) / count * 1e6:.2f} us"
                click.echo(f"{size:3} a frame  {name:16} {said}")


if __name__ == "__main__":
    main()
