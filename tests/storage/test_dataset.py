"""A dataset: written by several collectors without a lock, and compacted meanwhile."""

import json
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.models import BadFrame, Batch
from bxpull_nb.storage.dataset import Uploader, uploader
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.journal import Cursor, journal_files, read_journal_events, read_on
from bxpull_nb.storage.journal.record import PREAMBLE
from tests.support.events import (
    PORTAL,
    batch,
    collected,
    mid,
    names,
    rows_of,
    tens,
    write,
    write_part,
)


def test_one_collector_s_dataset_equals_its_journal(tmp_path: Path) -> None:
    """Value by value, with the same dtypes, however it was cut into parts."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 300), part_bytes=9000)
    assert len(names(tmp_path / "ds")) > 10
    pd.testing.assert_frame_equal(
        bx.read_events(tmp_path / "ds"), read_journal_events(tmp_path / "a")
    )


def test_a_part_is_found_by_portal_and_by_the_portal_s_day(tmp_path: Path) -> None:
    """The path holds both, and the part alone is a file that can be read."""
    uploader = collected(
        tmp_path / "a", tmp_path / "ds", [batch([0, 1, 100]), batch([5], timed=False)]
    )
    found = names(tmp_path / "ds")
    assert [name.split("/")[:2] for name in found] == [
        ["portal=acme.example%3A8080", f"date={day}"]
        for day in ("2026-01-01", "2026-01-02", "unknown")
    ]
    assert all(f"/{uploader.collector}-000001-" in name for name in found)
    part = bx.read_events(tmp_path / "ds" / found[0])
    assert part["mid"].tolist() == [mid(0), mid(1)]


def test_a_part_written_again_changes_nothing(tmp_path: Path) -> None:
    """A crash after the part and before the cursor: the same name, the same content."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 50))
    before = {name: (tmp_path / "ds" / name).read_bytes() for name in names(tmp_path / "ds")}
    state = tmp_path / "a" / "dataset.json"
    kept = json.loads(state.read_bytes())
    state.write_text(json.dumps({**kept, "cursors": {}}))
    assert Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).upload() == 50
    assert {n: (tmp_path / "ds" / n).read_bytes() for n in names(tmp_path / "ds")} == before


def test_what_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    """By this process, and by the next one."""
    uploader = collected(tmp_path / "a", tmp_path / "ds", tens(0, 50))
    assert (uploader.upload(), uploader.pending()) == (0, 0)
    write(tmp_path / "a", tens(50, 70))
    assert uploader.pending() > 0
    assert Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).upload() == 20
    assert len(bx.read_events(tmp_path / "ds")) == 70


def test_two_datasets_from_one_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each has its own cursor; a warning says once that the journal is kept for both."""
    collected(tmp_path / "a", tmp_path / "one", tens(0, 50))
    assert caplog.messages == []
    assert Uploader(tmp_path / "a", tmp_path / "two", PORTAL).upload() == 50
    assert Uploader(tmp_path / "a", tmp_path / "one", PORTAL).upload() == 0
    (message,) = caplog.messages
    assert "was sent to another dataset before" in message
    assert f"remove {tmp_path / 'a' / 'dataset.json'} first" in message


@pytest.mark.parametrize("url", ["s3://bucket/ds", "memory://ds"])
def test_a_slash_at_the_end_is_the_same_place(url: str) -> None:
    """Else all would be sent once more."""
    assert Storage(f"{url}/").url == Storage(url).url == url


def test_journal_files_go_when_the_dataset_has_them(tmp_path: Path) -> None:
    """But for the newest, which a listener goes on from; the dataset has all."""
    write(tmp_path / "a", tens(0, 500), rotate_bytes=5000)
    before = len(journal_files(tmp_path / "a"))
    assert before > 10
    Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).upload()
    assert len(journal_files(tmp_path / "a")) == 5
    assert len(bx.read_events(tmp_path / "ds")) == 500


def test_a_new_journal_in_the_folder_is_sent_from_its_start(tmp_path: Path) -> None:
    """Its files were removed, the cursor was not."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 50))
    for path in journal_files(tmp_path / "a"):
        path.unlink()
    write(tmp_path / "a", tens(50, 150))
    assert Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).upload() == 100
    assert len(bx.read_events(tmp_path / "ds")) == 150


@pytest.mark.parametrize("state", ["", "{", '{"collector": 1}'])
def test_a_damaged_cursor_costs_duplicates_only(tmp_path: Path, state: str) -> None:
    """All is sent once more, by another name; reading drops it."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 50))
    (tmp_path / "a" / "dataset.json").write_text(state)
    Uploader(tmp_path / "a", tmp_path / "ds", PORTAL).upload()
    pd.testing.assert_frame_equal(
        bx.read_events(tmp_path / "ds"), read_journal_events(tmp_path / "a")
    )


def test_a_part_is_made_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames and records of one block are in memory, of all others only the columns."""
    monkeypatch.setattr(uploader, "_BLOCK_BYTES", 1 << 18)
    write(tmp_path / "a", tens(0, 10_000), rotate_bytes=1 << 20)
    size = sum(path.stat().st_size for path in journal_files(tmp_path / "a"))
    collector = Uploader(tmp_path / "a", tmp_path / "ds", PORTAL)
    tracemalloc.start()
    assert collector.upload() == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 2_000_000
    assert peak < 8 * size  # 28 times its size, were it read at once
    days = [name.split("/")[1] for name in names(tmp_path / "ds")]
    assert len(days) == len(set(days))  # one part, of three files
    pd.testing.assert_frame_equal(
        bx.read_events(tmp_path / "ds"), read_journal_events(tmp_path / "a")
    )


@pytest.mark.parametrize("block", [1, 100, 1000, 4096, 10_000])
def test_blocks_change_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """A record larger than a block is read whole, and damage is passed over, as without blocks."""
    write(tmp_path / "a", tens(0, 300), rotate_bytes=20_000)
    damaged = journal_files(tmp_path / "a")[1]
    content = bytearray(damaged.read_bytes())
    content[3000:3010] = b"?" * 10
    damaged.write_bytes(content)
    for name, size in (("one", 1 << 30), ("ds", block)):
        monkeypatch.setattr(uploader, "_BLOCK_BYTES", size)
        (tmp_path / "a" / "dataset.json").unlink(missing_ok=True)
        assert Uploader(tmp_path / "a", tmp_path / name, PORTAL).upload() == 290
    assert len(names(tmp_path / "ds")) == len(names(tmp_path / "one"))
    pd.testing.assert_frame_equal(bx.read_events(tmp_path / "ds"), bx.read_events(tmp_path / "one"))


def test_a_record_that_is_half_written_is_left_for_the_next_time(tmp_path: Path) -> None:
    """Byte by byte: never half a record, never one twice."""
    write(tmp_path / "whole", tens(0, 20))
    content = (tmp_path / "whole" / "000001.bxj").read_bytes()
    growing = tmp_path / "growing"
    growing.mkdir()
    cursor, found = Cursor(), 0
    for size in [*range(len(PREAMBLE), len(content), 97), len(content)]:
        (growing / "000001.bxj").write_bytes(content[:size])
        chunk = read_on(growing, cursor, 1 << 20)
        cursor, found = chunk.end, found + sum(len(b.records) for b in chunk.batches)
        assert not chunk.has_more
    assert (found, cursor.offset) == (20, len(content))


@pytest.mark.parametrize("most", [1, 100, 4000])
def test_reading_in_small_pieces(tmp_path: Path, most: int) -> None:
    """Records larger than a piece, and several files."""
    write(tmp_path / "a", tens(0, 100), rotate_bytes=6000)
    cursor, mids, has_more = Cursor(), [], True
    while has_more:
        chunk = read_on(tmp_path / "a", cursor, most)
        cursor, has_more = chunk.end, chunk.has_more
        mids += [record.mid for one in chunk.batches for record in one.records]
    assert mids == [mid(n) for n in range(100)]


def test_damage_is_passed_over(tmp_path: Path) -> None:
    """In the middle of a file and at the end of one that has a successor."""
    write(tmp_path / "a", tens(0, 100), rotate_bytes=6000)
    first, second = journal_files(tmp_path / "a")[:2]
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 0xFF
    first.write_bytes(data)
    second.write_bytes(second.read_bytes()[:-20])
    uploader = Uploader(tmp_path / "a", tmp_path / "ds", PORTAL)
    assert uploader.upload() == 80
    assert len(read_journal_events(tmp_path / "a")) == 80


def test_a_gap_of_one_is_filled_by_another(tmp_path: Path) -> None:
    """Three that were each down for a while: every event once, as it arrived first."""
    spans = {"a": [(0, 40), (80, 120)], "b": [(20, 100)], "c": [(0, 20), (60, 120)]}
    for number, (name, ranges) in enumerate(spans.items()):
        batches = [one for span in ranges for one in tens(*span, late=0.5 + number)]
        collected(tmp_path / name, tmp_path / "ds", batches, part_bytes=3000)
    events = bx.read_events(tmp_path / "ds")
    assert events["mid"].tolist() == [mid(n) for n in range(120)]
    assert events["lag"].min() == pd.Timedelta("500ms")
    late = events[events["mid"].between(mid(40), mid(59))]
    assert (late["lag"].dt.microseconds == 500_000).all()
    assert (late["lag"].dt.seconds % 1000 == 1).all()  # those that a missed are of b


def test_of_two_duplicates_the_readable_one_stays(tmp_path: Path) -> None:
    """Even if it came later."""
    first = batch([0])
    event = first.records[0]
    table = pd.concat([rows_of(first), rows_of(first)], ignore_index=True)
    table.loc[0, "error"] = "torn"
    table.loc[1, "received_at"] = table["received_at"][1] + pd.Timedelta("1h")
    write_part(tmp_path / "ds", table)
    events = bx.read_events(tmp_path / "ds")
    assert (len(events), events["mid"][0]) == (1, event.mid)
    assert events["error"].isna().all()


def test_rows_without_a_mid_all_stay(tmp_path: Path) -> None:
    """Nothing shows that they are the same."""
    bad = BadFrame("torn", "why", None, batch([0]).records[0].arrival)
    write_part(tmp_path / "ds", pd.concat([rows_of(Batch([bad]))] * 3, ignore_index=True))
    assert len(bx.read_events(tmp_path / "ds")) == 3


@pytest.mark.parametrize("compacted", [False, True])
def test_rows_without_a_mid_are_not_doubled_by_a_kill(tmp_path: Path, compacted: bool) -> None:
    """Killed between a part and the cursor, or between a merged part and the old ones' end."""
    bad = BadFrame("torn", "why", None, batch([0]).records[0].arrival)
    first, second = (rows_of(Batch([bad] * count)) for count in (2, 3))  # the journal went on
    write_part(tmp_path / "ds", first)
    write_part(tmp_path / "ds", second)
    assert len(names(tmp_path / "ds")) == 2
    if compacted:
        bx.compact(tmp_path / "ds")
    assert len(bx.read_events(tmp_path / "ds")) == 3


def test_after_a_wipe_an_old_mid_is_another_event(tmp_path: Path) -> None:
    """The server counted from the beginning again."""
    before, after = rows_of(batch([0])), rows_of(batch([0]))
    after["server_time"] += pd.Timedelta("3h")
    after["received_at"] += pd.Timedelta("3h")
    write_part(tmp_path / "ds", pd.concat([before, after, after], ignore_index=True))
    assert len(bx.read_events(tmp_path / "ds")) == 2


def test_portals_do_not_mix(tmp_path: Path) -> None:
    """The same mids of two portals are different events."""
    write(tmp_path / "a", tens(0, 20))
    for portal in ("one.example", "two.example"):
        state = tmp_path / "a" / "dataset.json"
        state.unlink(missing_ok=True)
        Uploader(tmp_path / "a", tmp_path / "ds", portal).upload()
    events = bx.read_events(tmp_path / "ds", columns=["portal", "mid"])
    assert events["portal"].value_counts().to_dict() == {"one.example": 20, "two.example": 20}
    one = bx.read_events(tmp_path / "ds", where=[("portal", "==", "one.example")])
    assert len(one) == 20


def test_compaction_changes_no_event(tmp_path: Path) -> None:
    """Fewer parts, no duplicates, the same events; once more does nothing."""
    for name in "ab":
        collected(tmp_path / name, tmp_path / "ds", tens(0, 300), part_bytes=9000)
    before, parts = bx.read_events(tmp_path / "ds"), len(names(tmp_path / "ds"))
    lines: list[str] = []
    done = bx.compact(tmp_path / "ds", tell=lines.append)
    assert (done.before, done.after, done.copies) == (parts, 4, 300)
    assert (len(names(tmp_path / "ds")), len(lines)) == (4, 4)
    pd.testing.assert_frame_equal(bx.read_events(tmp_path / "ds"), before)
    assert str(done) == (
        f"{parts} parts became 4, 300 copies dropped, {done.bytes / 1e6:.1f} MB saved"
    )
    assert str(bx.compact(tmp_path / "ds")).startswith("nothing to merge")


def test_a_large_part_is_left_alone(tmp_path: Path) -> None:
    """And small ones become parts of about the target's size."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 80), part_bytes=2000)
    sizes = list(Storage(tmp_path / "ds").list().values())
    target = 3 * max(sizes)
    bx.compact(tmp_path / "ds", target_bytes=target)
    left = Storage(tmp_path / "ds").list()
    assert 1 < len(left) < len(sizes)
    assert bx.compact(tmp_path / "ds", target_bytes=min(left.values())).before == 0
    assert len(bx.read_events(tmp_path / "ds")) == 80


def test_a_lazy_dataframe_survives_a_compaction(tmp_path: Path) -> None:
    """Its parts are gone when it is computed: the same rows are in others."""
    collected(tmp_path / "a", tmp_path / "ds", tens(0, 100), part_bytes=5000)
    lazy = bx.read_events(tmp_path / "ds", engine="dask")
    bx.compact(tmp_path / "ds")
    assert lazy["mid"].compute().tolist() == [mid(n) for n in range(100)]
