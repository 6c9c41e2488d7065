"""The position of each lane in a journal, and how little is read to continue from it."""

import os
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb.models import Arrival, Batch, Message, Position
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.storage.journal import Journal, Repaired, journal_files
from bxpull_nb.storage.journal.state import file_header
from tests.support.events import full_disk, mid

RESET = Position(safe=FULL_HISTORY)


def frame(lane: str, position: Position | None, *numbers: int) -> Batch:
    """Messages of a lane, which was at this position before."""
    text = TextCodec().encode([Message(mid(n), f'{{"command":"c{n}"}}') for n in numbers])
    records = TextCodec().decode(text, Arrival(1, lane, "websocket"))
    return Batch(records, text, "text", position=position)


def at(safe: int, newest: int, audited: int | None = None) -> Position:
    """The position with these mids."""
    return Position(mid(safe), mid(safe if audited is None else audited), mid(newest))


def positions_after(folder: Path, batches: list[Batch], **how: Any) -> dict[str | None, Position]:
    """Write the batches, and return the positions from which another process continues."""
    with Journal(folder, "os", **how) as journal:
        for one in batches:
            journal.write(one)
    with Journal(folder, "os") as journal:
        last = journal.resume().last
    return {lane: batch.position or Position() for lane, batch in last.items()}


@pytest.mark.parametrize("rotate_bytes", [1, 1 << 20])
def test_a_quiet_lane_keeps_its_position_over_files(tmp_path: Path, rotate_bytes: int) -> None:
    """Not only its newest mid: an older message may still be missing."""
    batches = [frame("private", at(2, 3, 1), 4)]
    batches += [frame("shared", at(5, n - 1), n) for n in range(6, 12)]
    assert positions_after(tmp_path, batches, rotate_bytes=rotate_bytes) == {
        "private": Position(mid(2), mid(1), mid(4)),
        "shared": Position(mid(5), mid(5), mid(11)),
    }


@pytest.mark.parametrize("rotate_bytes", [1, 1 << 20])
def test_no_position_is_from_before_a_reset(tmp_path: Path, rotate_bytes: int) -> None:
    """Neither of the lane that noticed it, nor of one that has had no message since."""
    batches = [frame("private", at(7, 8), 9), frame("shared", at(5, 8), 90)]
    batches += [frame("shared", RESET, 2), frame("shared", at(1, 2), 3)]
    assert positions_after(tmp_path, batches, rotate_bytes=rotate_bytes) == {
        "private": RESET,
        "shared": at(1, 3),
    }
    newest = file_header(journal_files(tmp_path)[-1])
    assert newest is not None
    assert dict(newest.newest).get("shared", "") <= mid(2)


def test_the_beginning_of_a_lane_without_messages_is_its_position(tmp_path: Path) -> None:
    """Another process asks from there, whatever the senders' clocks show."""
    with Journal(tmp_path, "os", rotate_bytes=1) as journal:
        journal.began(12.5)
        journal.began(12.5, [("private", FULL_HISTORY)])  # it seemed to store nothing
        journal.began(12.5, [("private", mid(3))])
        for n in range(5, 9):
            journal.write(frame("shared", at(4, n), n))
    with Journal(tmp_path, "os") as journal:
        resume = journal.resume()
        assert (resume.since, journal.since) == (12.5, 12.5)
    assert resume.last["private"].position == Position(safe=mid(3))


def test_a_file_does_not_begin_with_positions_of_records_that_wait(tmp_path: Path) -> None:
    """A power cut while the disk is full would lose them unseen."""
    now = [0.0]
    with Journal(tmp_path, "os", rotate_bytes=1, monotonic=lambda: now[0]) as journal:
        journal.write(frame("shared", at(1, 1), 2))
        with full_disk("000003.bxj"):
            journal.write(frame("shared", at(1, 2), 3))
            journal.write(frame("shared", at(1, 3), 4))
            waiting = journal.stats.waiting
            last = journal.resume().last["shared"].position
        now[0] = 2.0
        journal.write(frame("shared", at(1, 4), 5))
    headers = [file_header(path) for path in journal_files(tmp_path)]
    newest = [dict(header.newest).get("shared") for header in headers if header]
    assert (waiting, last) == (2, at(1, 4))
    assert newest == [None, None, mid(2), mid(3), mid(4)][: len(newest)]


def great(lane: str, first: int, position: Position | None) -> Batch:
    """Six thousand messages of a lane."""
    return frame(lane, position, *range(first, first + 6000))


def test_only_files_with_messages_that_can_come_again_are_read(tmp_path: Path) -> None:
    """Those of a quiet lane too, however far back, and none between."""
    batches = [great("shared", 1, None), frame("private", at(6000, 6000), 6001)]
    batches += [great("shared", first, at(6000, 6000)) for first in (10_000, 20_000, 30_000)]
    last = at(25_000, 35_999)
    batches += [great("shared", 40_000, last), great("shared", 50_000, last)]
    positions_after(tmp_path, batches, rotate_bytes=1)
    with Journal(tmp_path, "os") as journal:
        seen = journal.resume().seen
    known = [first for first in range(10_000, 60_000, 10_000) if mid(first) in seen["shared"]]
    assert known == [20_000, 30_000, 40_000, 50_000]
    assert mid(1) not in seen["shared"]
    assert mid(6001) in seen["private"]


def test_all_is_read_back_to_a_reset_and_no_further(tmp_path: Path) -> None:
    """A lane that has asked nothing since it may be sent everything again."""
    batches = [great("shared", first, at(1, 2)) for first in (40_000, 50_000, 60_000)]
    batches.append(great("shared", 1, RESET))
    batches += [
        great("shared", n, Position(FULL_HISTORY, FULL_HISTORY, mid(n))) for n in (7000, 14_000)
    ]
    positions_after(tmp_path, batches, rotate_bytes=1)
    with Journal(tmp_path, "os") as journal:
        seen = journal.resume().seen["shared"]
    firsts = [1, 7000, 14_000, 40_000, 50_000, 60_000]
    assert [n for n in firsts if mid(n) in seen] == [1, 7000, 14_000]


def test_a_journal_that_opens_again_is_not_read_again(tmp_path: Path) -> None:
    """Unless another process has changed it meanwhile."""
    journal = Journal(tmp_path, "os").open()
    journal.began(1.5)
    journal.write(frame("shared", at(1, 2), 3))
    journal.close()
    [path] = journal_files(tmp_path)
    was, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-4] + b"torn")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    with journal:
        assert (journal.repaired, journal.since) == (Repaired(), 1.5)
        assert journal.resume().last["shared"].position == at(1, 3)
    path.write_bytes(content[:-4])
    with journal:
        assert journal.repaired.cut_bytes > 0
        assert journal.resume().last == {}
