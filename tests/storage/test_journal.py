"""The log on disk: what is in it comes back, whatever happened to the process or the disk."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from bxpull_nb import errors
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.models import Arrival, Batch, Message, Position
from bxpull_nb.protocol.codec import Codec, JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.protocol.session import SeenMids, Session
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Journal, Repaired, files, read_journal, read_journal_events
from bxpull_nb.storage.journal.cursor import Cursor, read_on
from bxpull_nb.storage.journal.lost_note import Lost
from bxpull_nb.storage.journal.record import CaptureStarted, Damage, FrameHead, pack, scan
from tests.support.events import full_disk, mid
from tests.support.hostile_values import HOSTILE, SECRET

ARRIVAL = Arrival(1767225600000000, "shared", "websocket")
CODECS: list[Codec] = [TextCodec(), JsonCodec(), JsonRpcCodec(), ProtobufCodec()]


def batch(
    numbers: Sequence[int],
    codec: Codec | None = None,
    lane: Session | None = None,
    arrival: Arrival = ARRIVAL,
) -> Batch:
    """What a lane makes of a frame with these messages, and remembers."""
    chosen = codec or TextCodec()
    lane = lane or Session(chosen, SeenMids())
    bodies = [f'{{"command":"c","params":{{"n":{n},"t":"Ж🌍"}}}}' for n in numbers]
    frame = chosen.encode([Message(mid(n), b) for n, b in zip(numbers, bodies, strict=True)])
    got = lane.receive(frame, arrival)
    lane.stored(got)
    return got.batch


def fill(folder: Path, numbers: Sequence[int], **how: Any) -> list[Batch]:
    """A journal with a batch of one message for each number, and what is in it."""
    batches = [batch([n]) for n in numbers]
    with Journal(folder, **how) as journal:
        for one in batches:
            journal.write(one)
    return batches


def numbers_in(folder: Path) -> list[int]:
    """The messages of a journal, in its order."""
    return [int((r.mid or "")[10:]) for one in read_journal(folder) for r in one.records]


def test_a_record_is_these_bytes() -> None:
    """The format is written down here, apart from the code that writes it."""
    mark, length, checksum, head_length = "ff427801", "05000000", "5e26bc4c", "14000000"
    head = "9aa56672616d65c3a474657874c0c0c090c000c0"  # msgpack: ["frame", true, "text", …]
    assert pack(FrameHead(True, "text"), b"frame").hex() == (
        mark + length + checksum + head_length + head + b"frame".hex()
    )


def test_the_source_of_a_frame_is_on_disk(tmp_path: Path) -> None:
    """Two more bytes for a frame of another source, and what is on disk equals what was kept."""
    offline = batch([1], JsonCodec(), arrival=Arrival(5, None, None, "offline"))
    written = [msgspec.structs.replace(offline, position=None), batch([2])]
    with Journal(tmp_path) as journal:
        for one in written:
            journal.write(one)
    assert list(read_journal(tmp_path)) == written
    assert read_journal_events(tmp_path)["source"].tolist() == ["offline", "channel"]


def test_a_lane_does_not_resume_from_another_source(tmp_path: Path) -> None:
    """Mids of offline events are no position of a channel, and no lane's duplicates."""
    offline = batch([9], JsonCodec(), arrival=Arrival(5, None, None, "offline"))
    lane = batch([1], arrival=Arrival(5, None, "websocket"))
    with Journal(tmp_path) as journal:
        journal.write(lane)
        journal.write(offline)
        resume = journal.resume()
    assert set(resume.last) == set(resume.seen) == {None}
    assert resume.last[None].position == Position(newest=lane.records[0].mid)
    assert not resume.seen[None].knows(offline.records[0])
    assert resume.sources["offline"].knows(offline.records[0])
    assert not resume.sources["offline"].knows(lane.records[0])
    assert resume.folder == tmp_path


@pytest.mark.parametrize("durability", ["frame", "second", "os"])
def test_a_journal_knows_whether_the_disk_has_all(tmp_path: Path, durability: str) -> None:
    """A closed one does not; with a full disk it does again when there is room."""
    journal = Journal(tmp_path, durability)
    assert not journal.sync()
    with journal:
        assert journal.sync()
        with full_disk("000001.bxj"):
            journal.write(batch([1]))
            assert not journal.sync()
        journal._open_writer._retry_at = 0  # the next try is due
        assert journal.sync()
    assert numbers_in(tmp_path) == [1]


def test_a_dropped_batch_of_a_source_is_never_on_disk(tmp_path: Path) -> None:
    """So its source keeps it; a dropped batch of a channel holds up no source."""
    offline = batch([2], JsonCodec(), arrival=Arrival(5, None, None, "offline"))
    with Journal(tmp_path, memory_bytes=1) as journal:
        with full_disk("000001.bxj"):
            journal.write(batch([1]))
            journal.write(batch([3]))
        journal._open_writer._retry_at = 0  # the next try is due
        assert journal.sync()
        with full_disk("000001.bxj"):
            journal.write(batch([4]))
            journal.write(offline)
        journal._open_writer._retry_at = 0
        assert not journal.sync()
        assert journal.stats.dropped == 2
    assert numbers_in(tmp_path) == [1, 4]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_every_dialect_comes_back_as_it_was(tmp_path: Path, codec: Codec, compress: bool) -> None:
    """Frame, records and arrival, bytes as bytes and text as text."""
    written = [batch(range(1, 100), codec), batch([100], codec)]
    with Journal(tmp_path, compress=compress) as journal:
        for one in written:
            journal.write(one)
        size = journal.stats.bytes
    assert list(read_journal(tmp_path)) == written
    assert (size < 4000) is compress


@pytest.mark.slow
def test_a_frame_that_holds_little_new_comes_back(tmp_path: Path) -> None:
    """After a long break a server repeats thousands of messages in one frame."""
    lane = Session(TextCodec(), SeenMids())
    written = [batch(range(1, 30_000), lane=lane), batch(range(1, 30_001), lane=lane)]
    with Journal(tmp_path) as journal:
        for one in written:
            journal.write(one)
    again = list(read_journal(tmp_path))
    assert (len(again[1].left_out), len(again[1].records)) == (29_999, 1)
    assert again == written


def test_only_what_was_kept_comes_back(tmp_path: Path) -> None:
    """The frame holds duplicates too."""
    lane = Session(TextCodec(), SeenMids())
    written = [batch([1, 2], lane=lane), batch([2, 3, 1, 4], lane=lane)]
    with Journal(tmp_path) as journal:
        for one in written:
            journal.write(one)
    again = list(read_journal(tmp_path))
    assert again[1].left_out == (0, 2)
    assert [record.mid for record in again[1].records] == [mid(3), mid(4)]
    assert again[1].duplicates == (mid(2), mid(1))


def test_the_events_of_a_journal_are_those_of_the_log(tmp_path: Path) -> None:
    """Same columns, dtypes and values."""
    log = EventLog()
    for one in fill(tmp_path, range(50)):
        log.extend(one.records)
    pd.testing.assert_frame_equal(read_journal_events(tmp_path), log.df)


def test_files_follow_one_another(tmp_path: Path) -> None:
    """Each opens with what its reader must know."""
    fill(tmp_path, range(30), rotate_bytes=1000)
    names = [path.name for path in files.journal_files(tmp_path)]
    assert names[:2] == ["000001.bxj", "000002.bxj"]
    assert len(names) > 5
    assert numbers_in(tmp_path) == list(range(30))


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Frames may hold a channel's id."""
    folder = tmp_path / "capture"
    fill(folder, [1])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "000001.bxj").stat().st_mode & 0o777 == 0o600


def test_a_torn_tail_is_cut_off_wherever_it_was_torn(tmp_path: Path) -> None:
    """At every byte of the last record; what was before it stays, and writing goes on."""
    fill(tmp_path, [1, 2])
    path = tmp_path / "000001.bxj"
    whole = path.read_bytes()
    start = [found.end for found in scan(whole)][-2]
    for length in range(start + 1, len(whole)):
        path.write_bytes(whole[:length])
        with Journal(tmp_path, "os") as journal:
            assert journal.repaired == Repaired(cut_bytes=length - start)
            journal.write(batch([3]))
        assert numbers_in(tmp_path) == [1, 3]


def test_a_file_torn_in_its_first_bytes_is_begun_again(tmp_path: Path) -> None:
    """Killed while the file was made."""
    fill(tmp_path, [1], rotate_bytes=1)
    for torn in (b"", b"bxpull", b"bxpull journal\x01\x00", b"bxpull journal\x01\x00\xffBx"):
        (tmp_path / "000003.bxj").write_bytes(torn)
        fill(tmp_path, [2])
        assert numbers_in(tmp_path) == [1, 2]
        (tmp_path / "000003.bxj").unlink()


def test_damage_in_the_middle_is_passed_over_and_counted(tmp_path: Path) -> None:
    """One bit anywhere costs one record."""
    fill(tmp_path, range(5))
    path = tmp_path / "000001.bxj"
    whole = path.read_bytes()
    ends = [found.end for found in scan(whole)]
    for at in range(ends[2], ends[3], 3):  # the record of message 2
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        damages: list[Damage] = []
        batches = read_journal(tmp_path, damaged=damages.append)
        assert [one.records[0].mid for one in batches] == [mid(n) for n in (0, 1, 3, 4)]
        assert [(d.start, d.end, d.is_tail) for d in damages] == [(ends[2], ends[3], False)]
    with Journal(tmp_path) as journal:
        assert journal.repaired == Repaired(skipped=1)
        assert str(journal.repaired) == "damaged places that are passed over: 1"


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """In this process and in another; a reader is not refused."""
    with Journal(tmp_path) as journal:
        journal.write(batch([1]))
        with pytest.raises(
            errors.JournalInUse, match=r"another capture writes.* bx\.read_events\(\) reads it"
        ):
            Journal(tmp_path).open()
        printed = subprocess.run(
            [sys.executable, "-c", _SECOND, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        assert numbers_in(tmp_path) == [1]
    assert printed.strip() == "JournalInUse"
    fill(tmp_path, [2])


_SECOND = """
import sys
from bxpull_nb.storage.journal import Journal
try:
    Journal(sys.argv[1]).open()
except Exception as exc:
    print(type(exc).__name__)
"""


def test_a_full_disk_raises_nothing_and_is_caught_up_with(tmp_path: Path) -> None:
    """What waited in memory is written when there is room, in order."""
    now = [0.0]
    with Journal(tmp_path, "os", rotate_bytes=1, monotonic=lambda: now[0]) as journal:
        journal.write(batch([1]))
        with full_disk("000003.bxj"):
            for n in range(2, 6):
                journal.write(batch([n]))
        assert "No space left" in str(journal.error)
        assert (journal.stats.records, journal.stats.waiting) == (1, 4)
        journal.write(batch([6]))
        assert journal.stats.waiting == 5
        now[0] = 1.5
        journal.write(batch([7]))
        assert journal.error is None
        assert (journal.stats.waiting, journal.stats.waiting_bytes) == (0, 0)
    assert numbers_in(tmp_path) == [1, 2, 3, 4, 5, 6, 7]


def test_half_a_record_on_a_full_disk_is_taken_back(tmp_path: Path) -> None:
    """A write that the system broke off leaves nothing in the file."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], timeout=30, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[Errno 27] File too large 3 None 0"
    assert numbers_in(tmp_path) == list(range(20))


_LIMITED = """
import resource, sys
from bxpull_nb.storage.journal import Journal
from tests.support.events import batch
now, hard = [0.0], resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with Journal(sys.argv[1], "os", monotonic=lambda: now[0]) as journal:
    for n in range(17):
        journal.write(batch([n]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stats.bytes + 120, hard))
    for n in range(17, 20):
        journal.write(batch([n]))
    error, waiting = journal.error, journal.stats.waiting
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    now[0] = 2.0
    journal.began(1.0)
    print(error, waiting, journal.error, journal.stats.waiting)
"""


def test_what_finds_no_room_in_memory_is_counted_and_asked_for_again(tmp_path: Path) -> None:
    """The positions written afterwards stay before the gap."""
    now = [0.0]
    lane = Session(TextCodec(), SeenMids())
    made = []
    for n in range(1, 9):
        made.append(batch([n], lane=lane))
        lane.connected()
    with Journal(
        tmp_path, "os", rotate_bytes=1, memory_bytes=500, monotonic=lambda: now[0]
    ) as journal:
        journal.write(made[0])
        with full_disk("000003.bxj"):
            for one in made[1:6]:
                journal.write(one)
        dropped = journal.stats.dropped
        assert 0 < dropped < 5
        now[0] = 2.0
        journal.write(made[6])
        journal.write(made[7])
        assert journal.stats.dropped == dropped
        resume = journal.resume()
    kept = numbers_in(tmp_path)
    assert kept == [*range(1, 7 - dropped), 7, 8]
    last = resume.last["shared"]
    assert last.position is not None
    assert last.position.safe == mid(5 - dropped)  # that of the connection before
    assert mid(6) not in resume.seen


def test_what_a_full_disk_did_not_take_at_the_end_is_asked_for_by_a_later_process(
    tmp_path: Path,
) -> None:
    """The journal was opened again, and its disk had room: the gap and the note are still there."""
    lane = Session(TextCodec(), SeenMids())
    made = []
    for n in range(1, 6):
        made.append(batch([n], lane=lane))
        lane.connected()
    journal = Journal(tmp_path, "os").open()
    journal.write(made[0])
    with full_disk("000001.bxj"):
        for one in made[1:3]:
            journal.write(one)
        journal.close()
    journal.open()
    assert journal.lost_before == Lost()  # it is this process's own
    journal.write(made[3])
    journal.write(made[4])
    journal.close()
    assert numbers_in(tmp_path) == [1, 4, 5]
    with Journal(tmp_path) as later:
        last = later.resume().last["shared"]
        assert later.lost_before == journal.lost == Lost(2, 2)
    assert last.position is not None
    assert (last.position.safe or "") < mid(2)


def test_a_read_only_folder_is_an_error_of_its_own(tmp_path: Path) -> None:
    """When it is opened, not later."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.JournalNotWritable, match="cannot be written"):
        Journal(tmp_path / "file" / "capture").open()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"bxpull journal\x02\x00", errors.JournalTooNew, "later version"),
        (b"received_at,server_time", errors.FileFormatError, "not a file of a journal"),
    ],
)
def test_a_foreign_file_is_an_error(
    tmp_path: Path, content: bytes, error: type[Exception], message: str
) -> None:
    """And not touched."""
    path = tmp_path / "000001.bxj"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        Journal(tmp_path).open()
    with pytest.raises(error, match=message):
        list(read_journal(tmp_path))
    assert path.read_bytes() == content


def test_a_folder_without_a_journal_is_an_error(tmp_path: Path) -> None:
    """A folder without one, or none."""
    with pytest.raises(FileNotFoundError, match="no journal"):
        list(read_journal(tmp_path / "nowhere"))


def test_another_portal_has_another_journal(tmp_path: Path) -> None:
    """Its mids mean nothing here."""
    fill(tmp_path, [1], portal="acme")
    with pytest.raises(errors.SettingsError, match="a capture of acme, not of other"):
        Journal(tmp_path, portal="other").open()
    fill(tmp_path, [2], portal="acme")


def test_settings_are_checked(tmp_path: Path) -> None:
    """And writing to a journal that is not open is an error."""
    with pytest.raises(errors.SettingsError, match="'frame', 'second', 'os'"):
        Journal(tmp_path, "sometimes")
    with pytest.raises(errors.SettingsError, match="not open"):
        Journal(tmp_path).write(batch([1]))


@pytest.mark.parametrize(("durability", "least", "most"), [("frame", 22, 99), ("os", 1, 1)])
def test_the_disk_is_asked_as_often_as_was_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str, least: int, most: int
) -> None:
    """Once a batch, or only at the end."""
    synced = counted_syncs(monkeypatch)
    fill(tmp_path, range(20), durability=durability)
    assert least <= len(synced) <= most


def test_the_disk_has_it_a_second_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another batch, and off the writing thread."""
    monkeypatch.setattr("bxpull_nb.storage.journal.writer.SYNC_EVERY", 0.05)
    synced = counted_syncs(monkeypatch)
    with Journal(tmp_path) as journal:
        before = len(synced)
        for n in range(50):
            journal.write(batch([n]))
        within(lambda: len(synced) > before)
        assert len(synced) - before < 10


def counted_syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors the system is asked to sync."""
    synced: list[int] = []
    monkeypatch.setattr(files, "_sync_data", synced.append)
    return synced


def within(reached: Callable[[], bool]) -> None:
    """Wait for it, 5 s at most."""
    end = time.monotonic() + 5
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_resuming_knows_what_was_seen_and_where_each_lane_stood(tmp_path: Path) -> None:
    """Over several files, and with the moment the capture began."""
    seen = SeenMids()
    lanes = {kind: Session(TextCodec(), seen) for kind in ("shared", "private")}
    with Journal(tmp_path, rotate_bytes=600) as journal:
        assert journal.resume().since is None
        journal.began(1767225600.5)
        for n in range(1, 41):
            kind = ("shared", "private")[n % 2]
            journal.write(batch([n], lane=lanes[kind], arrival=Arrival(1, kind, "polling")))
            if n in (10, 11, 20, 21):
                lanes[kind].connected()
    with Journal(tmp_path) as journal:
        resume = journal.resume()
    assert resume.since == 1767225600.5
    assert all(mid(n) in resume.seen["shared"] for n in range(1, 41))
    assert {kind: last.position and last.position.safe for kind, last in resume.last.items()} == {
        "shared": mid(20),
        "private": mid(21),
    }
    again = Session(TextCodec(), resume.seen["shared"])
    again.restore(resume.last["shared"])
    assert (again.resume_point(), again.newest) == (mid(20), mid(40))
    assert batch([38, 40, 42], lane=again).left_out == (0, 1)


def test_a_capture_without_a_position_begins_at_its_beginning(tmp_path: Path) -> None:
    """Killed before its second connection: nothing is known to be safe yet."""
    with Journal(tmp_path) as journal:
        journal.write(batch([5]))
        resume = journal.resume()
    again = Session(TextCodec(), resume.seen["shared"])
    again.restore(resume.last["shared"])
    assert (again.resume_point(), again.newest) == (None, mid(5))


def test_the_beginning_is_in_every_file(tmp_path: Path) -> None:
    """So that old files may be taken away."""
    with Journal(tmp_path, rotate_bytes=200) as journal:
        journal.began(12.5)
        for n in range(9):
            journal.write(batch([n]))
    (tmp_path / "000001.bxj").unlink()
    with Journal(tmp_path) as journal:
        assert journal.resume().since == 12.5


def test_the_beginning_is_a_record_too() -> None:
    """With a head of its own."""
    assert next(iter(scan(pack(CaptureStarted(1.5)), 0))).head == CaptureStarted(1.5)  # type: ignore[union-attr]


def test_the_log_comes_after_the_journal(tmp_path: Path) -> None:
    """What the log has, the journal has."""
    stages: list[list[int]] = []
    with Journal(tmp_path) as journal:
        hub = EventHub(EventLog())
        hub.journal = journal
        hub.taps.append(lambda _: stages.append(numbers_in(tmp_path)))
        hub.store(batch([1]))
        hub.store(batch([2]))
        assert repr(journal) == f"Journal({tmp_path.name}, second, 2 records)"
    assert stages == [[1], [1, 2]]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_function_that_raises_ends_no_capture(kind: type[BaseException]) -> None:
    """The events are stored already; it is called no more, and that is logged."""
    hub, seen = EventHub(EventLog()), list[object]()

    def fail(records: Sequence[object]) -> None:
        raise kind("mine")

    hub.taps = [fail, seen.extend]
    for number in (1, 2):
        hub.store(batch([number]))
    assert (len(hub.log), len(seen), len(hub.taps)) == (2, 2, 1)
    [entry] = hub.logbook.recent()
    assert (entry.kind, f"{kind.__name__}: mine" in entry.text) == ("handler_failed", True)


def test_a_position_travels_whole() -> None:
    """Infinity too, where no time is known."""
    head = FrameHead(False, "protobuf", 1, None, None, (3,), Position())
    (found,) = scan(pack(head, b"\x00\xff"), 0)
    assert (found.head, found.body) == (head, b"\x00\xff")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name", ["folder", "durability", "portal", "compress", "rotate_bytes", "memory_bytes"]
)
def test_a_hostile_setting_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is one when the journal is made, not when the first event comes."""
    monkeypatch.chdir(tmp_path)
    shown = ""
    for number, (kind, value) in enumerate(HOSTILE.items()):
        try:
            journal = Journal(**{"folder": f"j{number}", name: value})
        except errors.SettingsError as exc:
            shown += str(exc)
            continue
        with journal:
            journal.write(batch([1]))
            assert (kind, journal.error, journal.stats.records) == (kind, None, 1)
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dialect", "morse"),
        ("dialect", ""),
        ("dialect", "chat"),
        ("unpacked", -1),
        ("unpacked", 2**40),
        ("unpacked", 2**63 - 1),
        ("unpacked", 10),
    ],
)
def test_a_frame_of_another_program_is_passed_over(tmp_path: Path, field: str, value: Any) -> None:
    """Its check sum is right: a later version may write such a record. It stays in the file."""
    fill(tmp_path, [1])
    head = msgspec.structs.replace(FrameHead(True, "text", 5, "shared"), **{field: value})
    with (tmp_path / "000001.bxj").open("ab") as file:
        file.write(pack(head, b"\xff no frame"))
    size = (tmp_path / "000001.bxj").stat().st_size
    with Journal(tmp_path) as journal:
        assert journal.repaired == Repaired()
        assert journal.resume().last
        journal.write(batch([2]))
    assert (tmp_path / "000001.bxj").stat().st_size > size
    assert len(read_journal_events(tmp_path)) == 2
    assert sum(len(one.records) for one in read_on(tmp_path, Cursor(), 1 << 20).batches) == 2
