"""A journal on a hostile or slow disk: its time, its rights, and its end."""

import gc
import os
import threading
import time
from pathlib import Path

import pytest

from bxpull_nb import errors
from bxpull_nb.models import Arrival, Batch, Message
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.storage.journal import Cursor, Journal, journal_files, read_journal, read_on
from bxpull_nb.storage.journal.files import ActiveFile
from tests.support.events import mid, tens, write


def mids_in(folder: Path) -> list[str | None]:
    """The mids of a journal, in its order."""
    return [record.mid for one in read_journal(folder) for record in one.records]


def repeated(count: int) -> Batch:
    """A frame of which only the last message is new, after `count` duplicates."""
    codec = TextCodec()
    frame = codec.encode([Message(mid(n), '{"command":"c"}') for n in range(count + 1)])
    records = codec.decode(frame, Arrival(1, "shared", "websocket"))
    return Batch(records.without(range(count)), frame, "text", (), tuple(range(count)))


@pytest.mark.parametrize("way", ["read_journal", "read_on", "resume"])
def test_a_frame_with_many_left_out_messages_is_read_in_linear_time(
    tmp_path: Path, way: str
) -> None:
    """40 000 took 16 s; the limit is a tenth of that, in time of the processor."""
    write(tmp_path, [repeated(40_000)])
    with Journal(tmp_path, "os", portal="") as journal:
        begun = time.process_time()
        if way == "read_journal":
            assert mids_in(tmp_path) == [mid(40_000)]
        elif way == "read_on":
            assert len(read_on(tmp_path, Cursor(), 1 << 30).batches) == 1
        else:
            assert mid(40_000) in journal.resume().seen["shared"]
        assert time.process_time() - begun < 1.6


@pytest.mark.parametrize("durability", ["frame", "second", "os"])
def test_a_forgotten_journal_is_closed(tmp_path: Path, durability: str) -> None:
    """Its records are on disk; its lock and its thread are gone."""
    journal = Journal(tmp_path, durability).open()
    resume = journal.resume()
    journal.began(1.5)
    for one in tens(0, 20):
        journal.write(one)
    del journal, resume
    gc.collect()
    assert "bxpull-journal" not in [thread.name for thread in threading.enumerate()]
    with Journal(tmp_path) as again:
        assert again.resume().since == 1.5
    assert mids_in(tmp_path) == [mid(n) for n in range(20)]


def test_a_sync_that_cannot_begin_does_not_end_the_syncing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No descriptor was free; a second later there is one."""
    synced = threading.Event()
    answers = iter([OSError(24, "Too many open files")])

    def duplicate(_file: ActiveFile) -> int:
        for error in answers:
            raise error
        synced.set()
        return os.open(tmp_path, os.O_RDONLY)

    monkeypatch.setattr("bxpull_nb.storage.journal.writer.SYNC_EVERY", 0.02)
    monkeypatch.setattr(ActiveFile, "duplicate", duplicate)
    with Journal(tmp_path) as journal:
        journal.write(tens(0, 10)[0])
        assert synced.wait(5)


def test_a_closed_writer_takes_nothing(tmp_path: Path) -> None:
    """A thread that writes while another one closes gets no false promise."""
    with Journal(tmp_path) as journal:
        writer = journal._writer
    assert writer is not None
    assert not writer.put(b"record", lambda _: None)


def test_files_that_others_may_read_become_private(tmp_path: Path) -> None:
    """All of the journal, when it is opened."""
    write(tmp_path, tens(0, 40), rotate_bytes=2000)
    files = journal_files(tmp_path)
    assert len(files) > 2
    for path in files:
        path.chmod(0o644)
    with Journal(tmp_path):
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """Its target stays as it is."""
    target = tmp_path / "target"
    target.write_bytes(b"")
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "000001.bxj").symlink_to(target)
    with pytest.raises(errors.JournalNotWritable, match=r"000001\.bxj is a link, which is not"):
        Journal(folder).open()
    assert target.read_bytes() == b""


def test_a_link_in_place_of_the_next_file_is_not_followed(tmp_path: Path) -> None:
    """Records wait in memory until it is gone."""
    target = tmp_path / "target"
    now = [0.0]
    with Journal(tmp_path, "os", rotate_bytes=1, monotonic=lambda: now[0]) as journal:
        link = tmp_path / "000002.bxj"
        link.symlink_to(target)
        journal.write(tens(0, 10)[0])
        assert "000002.bxj is a link" in str(journal.error)
        assert not target.exists()
        link.unlink()
        now[0] = 2.0
        journal.write(tens(10, 20)[0])
        assert journal.error is None
    assert mids_in(tmp_path) == [mid(n) for n in range(20)]


def test_a_journal_is_read_while_its_files_are_removed(tmp_path: Path) -> None:
    """As a collector does with those that every dataset has."""
    write(tmp_path, tens(0, 40), rotate_bytes=2000)
    first, second = journal_files(tmp_path)[:2]
    batches = read_journal(tmp_path)
    found = [next(batches)]
    first.unlink()
    second.unlink()
    found += batches
    assert found[-1].records[-1].mid == mid(39)
