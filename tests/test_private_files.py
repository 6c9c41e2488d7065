"""Files of ours in a folder where other users may write: links, pipes, modes, a full disk."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bxpull_nb import errors
from bxpull_nb.files import open_private, replacing, sync_folder, writing
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.privacy.memory import Memory
from bxpull_nb.rest.auth import FileStore, TokenPair
from bxpull_nb.sources.noted import ProcessNote
from bxpull_nb.storage.dataset import Uploader
from bxpull_nb.storage.journal import Journal
from bxpull_nb.storage.journal.lost_note import Lost, LostNote
from tests.support.command import posix
from tests.support.events import PORTAL, tens, write

pytestmark = posix
KEY = "a key of sixteen characters"
APPLICATION = ("https://acme.example", "app.1")


def keep_names(folder: Path) -> None:
    """Write the file of the names met."""
    names = Pseudonyms(KEY)
    names.remember_in(folder)
    names.learn("Anna Berg")
    names.save()


def keep_lost(folder: Path) -> None:
    """Write the note of lost events."""
    LostNote(folder).write(Lost(3, 3, 3))


def keep_process(folder: Path) -> None:
    """Write the note of the process whose records are being stored."""
    ProcessNote(folder, None).write("process-1")


def keep_ledger(folder: Path) -> None:
    """Write the uploaded place of a journal."""
    write(folder, tens(0, 20))
    Uploader(folder, folder.parent / "dataset", PORTAL).upload()


def keep_journal(folder: Path) -> None:
    """Write a journal's file."""
    write(folder, tens(0, 10))


def keep_tokens(folder: Path) -> None:
    """Write the tokens of an application."""
    FileStore(folder).save(*APPLICATION, TokenPair(access_token="a", refresh_token="b"))


def lock_tokens(folder: Path) -> None:
    """Write the lock of these tokens."""
    release = FileStore(folder).try_lock(*APPLICATION)
    assert release is not None
    release()


def name_of_names() -> str:
    """The name of the file of `keep_names`."""
    return f"known-names-{Pseudonyms(KEY)._mark.hex()[:10]}"


TOKENS = FileStore("x").path(*APPLICATION).name
WRITERS: dict[str, Callable[[Path], None]] = {
    name_of_names(): keep_names,
    "lost.json": keep_lost,
    "offline-process.json": keep_process,
    "dataset.json": keep_ledger,
    "000001.bxj": keep_journal,
    "journal.lock": keep_journal,
    TOKENS: keep_tokens,
    TOKENS.replace(".json", ".lock"): lock_tokens,
}
SECRET = [name for name in WRITERS if not name.endswith(".lock")]


def attempt(name: str, folder: Path) -> None:
    """Write the file; a refusal is one of ours, or of the lock, which the caller handles."""
    refusal = OSError if name.endswith(".lock") else errors.BxPullError
    with suppress(refusal, errors.BxPullError):
        WRITERS[name](folder)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_that_was_made_before_is_not_followed(
    name: str, is_there: bool, tmp_path: Path
) -> None:
    """Its target stays as it was: content, permissions, and whether it exists."""
    folder, target = tmp_path / "shared", tmp_path / "of another user"
    folder.mkdir()
    if is_there:
        target.write_bytes(b"")
        target.chmod(0o644)
    (folder / name).symlink_to(target)
    attempt(name, folder)
    assert target.exists() == is_there
    if is_there:
        assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"", 0o644)


@pytest.mark.parametrize("name", SECRET)
def test_a_pipe_that_was_made_before_blocks_nothing(name: str, tmp_path: Path) -> None:
    """It has no reader, so that opening it to write would wait for ever."""
    folder = tmp_path / "shared"
    folder.mkdir()
    os.mkfifo(folder / name)
    writer = threading.Thread(target=attempt, args=(name, folder), daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, mode) for name in SECRET for mode in (0o644, 0o666)),
        *((name, 0o400) for name in ("offline-process.json", "dataset.json", TOKENS)),
    ],
)
def test_a_file_that_was_made_before_becomes_private(name: str, mode: int, tmp_path: Path) -> None:
    """It is the owner's alone once there is a secret in it."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / name).write_bytes(b"")
    (folder / name).chmod(mode)
    WRITERS[name](folder)
    assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0
    assert (folder / name).stat().st_size > 0


def test_a_link_is_refused_also_when_it_comes_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the check, and before the file is opened."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    monkeypatch.setattr(Path, "is_symlink", lambda _path: False)
    with pytest.raises(OSError, match="symbolic links"):
        open_private(tmp_path / "link", os.O_WRONLY | os.O_CREAT)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o200])
def test_an_unfinished_export_is_as_private_as_the_file_it_replaces(
    mode: int, tmp_path: Path
) -> None:
    """Others may not read the part that is being written either."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    target.chmod(mode)
    with writing(target) as file:
        [part] = tmp_path.glob(".bxpull-*.part")
        assert stat.S_IMODE(part.stat().st_mode) & 0o077 & ~mode == 0
        file.write(b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_the_disk_has_the_name_of_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after a renewal must not bring the used refresh token back."""
    synced: list[Path] = []
    monkeypatch.setattr("bxpull_nb.files.sync_folder", synced.append)
    with replacing(tmp_path / "tokens", private=True) as file:
        file.write(b"new")
    assert synced == [tmp_path]


def test_a_file_system_that_syncs_no_folders_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a network; another failure is one."""

    def refuse(number: int) -> None:
        def fsync(_descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    refuse(22)
    sync_folder(tmp_path)
    refuse(5)
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)


# --- the names met, on a full disk


def test_names_are_all_on_disk_after_a_disk_was_full(tmp_path: Path) -> None:
    """It took half of a line; the line after it is not glued to that. One warning is logged."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "50\n"), done.stderr
    assert done.stderr.count("cannot be written (File too large)") == 1
    again = Memory()
    again.keep_in(tmp_path / "names")
    assert [again.get(f"n{n:016x}") for n in range(50)] == [f"person-{n}" for n in range(50)]


_FILL = """
import logging, resource, sys
from pathlib import Path
from bxpull_nb.privacy.memory import Memory
logging.basicConfig()
path = Path(sys.argv[1], "names")
memory = Memory()
memory.keep_in(path)
for n in range(50):
    room = 300 if n < 40 else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    memory.put(f"n{n:016x}", f"person-{n}")
    memory.save()
print(memory.names())
"""


def test_names_that_come_while_others_are_written_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another feed's thread."""
    memory = Memory()
    memory.keep_in(tmp_path / "names")
    memory.put(f"n{1:016x}", "person-1")
    opened = open_private

    def open_late(path: Path, flags: int) -> int:
        memory.put(f"n{2:016x}", "person-2")
        return opened(path, flags)

    monkeypatch.setattr("bxpull_nb.privacy.memory.open_private", open_late)
    memory.save()
    monkeypatch.undo()
    memory.save()
    again = Memory()
    again.keep_in(tmp_path / "names")
    assert [again.get(f"n{n:016x}") for n in (1, 2)] == ["person-1", "person-2"]


# --- the uploaded place


def test_a_place_that_could_not_be_noted_is_not_taken_as_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next upload fails too, or notes it: an end without an error would be untrue."""
    folder = tmp_path / "journal"
    write(folder, tens(0, 20))
    uploader = Uploader(folder, tmp_path / "dataset", PORTAL)
    with monkeypatch.context() as patch:
        patch.setattr("bxpull_nb.files.sync_folder", _no_room)
        for _ in range(2):
            with pytest.raises(errors.FileNotWritten):
                uploader.upload()
    uploader.upload()
    assert Uploader(folder, tmp_path / "dataset", PORTAL).pending() == 0
    assert len(list((tmp_path / "dataset").rglob("*.parquet"))) == 1


def _no_room(_folder: Path) -> None:
    raise OSError(28, "No space left on device")


def test_an_unreadable_place_uploads_the_journal_again(tmp_path: Path) -> None:
    """A folder has its name; the parts go to the dataset, and the place is an error of ours."""
    folder = tmp_path / "journal"
    write(folder, tens(0, 20))
    (folder / "dataset.json").mkdir()
    uploader = Uploader(folder, tmp_path / "dataset", PORTAL)
    with pytest.raises(errors.FileNotWritten, match="folder"):
        uploader.upload()
    assert len(list((tmp_path / "dataset").rglob("*.parquet"))) == 1


def test_a_journal_s_older_files_may_not_be_links(tmp_path: Path) -> None:
    """Nor pipes: each is named."""
    write(tmp_path, tens(0, 40), rotate_bytes=2000)
    first = tmp_path / "000001.bxj"
    first.rename(tmp_path / "away")
    first.symlink_to("away")
    with pytest.raises(errors.JournalNotWritable, match=r"000001\.bxj is a link"):
        Journal(tmp_path).open()
    first.unlink()
    os.mkfifo(first)
    with pytest.raises(errors.JournalNotWritable, match=r"000001\.bxj is not a file"):
        Journal(tmp_path).open()
