"""The writer of files: links, pipes, permissions, names, and what it refuses."""

import errno
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from bxpull_nb.errors import BxPullError, FileNotWritten, SettingsError
from bxpull_nb.files import path_of, replacing, writing


def write(target: Path, content: bytes = b"new") -> None:
    """Write a small file."""
    with writing(target) as file:
        file.write(content)


def fail(target: Path) -> None:
    """Break off in the middle of a file."""

    def write_half() -> None:
        with writing(target) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    """Through a second link too, and from another folder."""
    (tmp_path / "data").mkdir()
    real = tmp_path / "data" / "events.csv"
    real.write_bytes(b"old")
    (tmp_path / "first").symlink_to(real)
    (tmp_path / "second").symlink_to("first")
    write(tmp_path / "second")
    assert real.read_bytes() == b"new"
    assert (tmp_path / "second").readlink() == Path("first")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "data",
        "events.csv",
        "first",
        "second",
    ]


def test_a_dangling_link_makes_its_target(tmp_path: Path) -> None:
    """As every other program does."""
    (tmp_path / "link").symlink_to("events.csv")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "events.csv").read_bytes() == b"new"


def test_a_dangling_link_into_a_missing_folder_names_that_folder(tmp_path: Path) -> None:
    """The folder of the link exists; making it would not help."""
    (tmp_path / "link").symlink_to("nowhere/events.csv")
    with pytest.raises(FileNotWritten, match=r"make the folder .*nowhere"):
        write(tmp_path / "link")


def test_a_circle_of_links_is_an_error(tmp_path: Path) -> None:
    """And both links stay."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileNotWritten, match="symbolic links"):
        write(tmp_path / "a")
    assert (tmp_path / "a").is_symlink()


def test_every_name_of_a_hard_linked_file_has_the_new_content(tmp_path: Path) -> None:
    """Also when the new content is shorter; a failure before its end changes nothing."""
    (tmp_path / "a").write_bytes(b"old and long")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    fail(tmp_path / "a")
    assert (tmp_path / "b").read_bytes() == b"old and long"
    write(tmp_path / "a")
    assert (tmp_path / "b").read_bytes() == b"new"
    assert (tmp_path / "a").samefile(tmp_path / "b")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pipe_is_written_straight(tmp_path: Path) -> None:
    """And is still a pipe; a link to it as well."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        got: list[bytes] = []
        reader = threading.Thread(
            target=lambda name=name, got=got: got.append((tmp_path / name).read_bytes())
        )
        reader.start()
        write(tmp_path / name)
        reader.join(10)
        assert got == [b"new"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_reader_of_a_pipe_that_goes_away_is_an_error_of_ours(tmp_path: Path) -> None:
    """With the reason."""
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=lambda: (tmp_path / "pipe").open("rb").close()).start()
    with pytest.raises(BrokenPipeError, match="its reader has gone") as caught:
        write(tmp_path / "pipe", b"x" * 10_000_000)
    assert isinstance(caught.value, BxPullError)


def test_a_name_of_255_bytes_is_written(tmp_path: Path) -> None:
    """The longest the system takes; one more is an error with its cause."""
    target = tmp_path / ("я" * 125 + "e.csv")
    assert len(target.name.encode()) == 255
    write(target)
    assert target.read_bytes() == b"new"
    with pytest.raises(FileNotWritten, match="name too long"):
        write(target.with_name(f"x{target.name}"))


def test_a_write_protected_file_is_refused(tmp_path: Path) -> None:
    """Although the folder would allow to replace it, and although root may do everything."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    target.chmod(0o444)
    with pytest.raises(PermissionError, match="write-protected: allow writing to it") as caught:
        write(target)
    assert isinstance(caught.value, FileNotWritten)
    assert str(target) in str(caught.value)
    assert target.read_bytes() == b"old"
    assert target.stat().st_mode & 0o777 == 0o444
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_stay(tmp_path: Path, mode: int) -> None:
    """Whatever they were."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    target.chmod(mode)
    write(target)
    assert target.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """A root's export leaves the file to its user."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    os.chown(target, 12345, 23456)
    write(target)
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 23456)
    assert target.read_bytes() == b"new"


def test_a_file_whose_owner_cannot_be_kept_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's file that the group may write stays the colleague's."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old")
    before = target.stat()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("bxpull_nb.files.Path.chmod", refuse)
    write(target)
    assert target.stat().st_ino == before.st_ino
    assert target.read_bytes() == b"new"


def test_a_private_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Whatever the old one was."""
    target = tmp_path / "tokens"
    target.write_bytes(b"old")
    target.chmod(0o644)
    with replacing(target, private=True) as file:
        file.write(b"new")
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """After all that was printed before, and nothing of what failed."""
    sys.stdout.write("before\n")
    fail(Path("-"))
    write(Path("-"), b"\x00new")
    assert capfdbinary.readouterr().out == b"before\n\x00new"
    assert not Path("-").exists()


def test_an_output_that_takes_only_text_takes_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a notebook's does."""
    shown: list[str] = []

    class Cell:
        def write(self, text: str) -> None:
            shown.append(text)

        def flush(self) -> None:
            pass

    monkeypatch.setattr("sys.stdout", Cell())
    write(Path("-"), "Привет".encode())
    assert "".join(shown) == "Привет"
    with pytest.raises(SettingsError, match="choose a file name"):
        write(Path("-"), b"\xff")


@pytest.mark.parametrize(
    "path", [None, 5, b"events.csv", "", "a\0b", "~nobody-here/e", "\ud800", []]
)
def test_what_is_no_path_is_an_error_of_ours(path: object) -> None:
    """With its kind, not its content."""
    with pytest.raises(SettingsError, match="path"):
        path_of(path)


def test_a_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """With the advice to name a file."""
    with pytest.raises(IsADirectoryError, match="add a file name"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_a_write_protected_folder_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder takes no new file, and the old one may be changed."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old and longer")
    before = target.stat()
    allowed = os.access
    monkeypatch.setattr(
        "bxpull_nb.files.os.access", lambda path, mode: path != tmp_path and allowed(path, mode)
    )
    write(target)
    assert target.read_bytes() == b"new"
    assert target.stat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [target]


def test_a_mounted_file_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers get single files as mounts, which no rename replaces."""
    target = tmp_path / "events.csv"
    target.write_bytes(b"old and longer")
    before = target.stat()

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("bxpull_nb.files.Path.replace", refuse)
    write(target)
    assert target.read_bytes() == b"new"
    assert target.stat().st_ino == before.st_ino
    assert list(tmp_path.iterdir()) == [target]


def test_each_wrong_place_has_its_own_advice(tmp_path: Path) -> None:
    """Room on the disk would help against neither."""
    with pytest.raises(FileNotWritten, match="choose a shorter name"):
        write(tmp_path / ("я" * 128))
    with pytest.raises(FileNotWritten, match="choose a shorter name"):
        write(tmp_path.joinpath(*["deep"] * 1000))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(FileNotWritten, match="it is a socket"):
            write(tmp_path / "s")
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(FileNotWritten, match="lead in a circle"):
        write(tmp_path / "a")
