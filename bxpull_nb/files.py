"""Write files that appear whole or not at all."""

import errno
import io
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from bxpull_nb.errors import FileNotWritten, SettingsError
from bxpull_nb.masking import mask_foreign, quoted, reason_of, scrub, shown_path

__all__ = [
    "STDOUT",
    "open_private",
    "path_of",
    "read_private",
    "replacing",
    "sync_folder",
    "writing",
]

STDOUT = Path("-")
"""The path that means standard output."""

_OPEN_FILES = ("/dev", "/proc")  # a link in these folders leads to an open file, not to a place
_WRONG_PLACES = {
    errno.ENAMETOOLONG: "choose a shorter name; a letter may take several bytes",
    errno.ELOOP: "its links lead in a circle; choose another name",
    errno.ENXIO: "it is a socket, or nothing reads from it; choose a file",
    errno.EROFS: "that disk cannot be written; choose another one",
}
_ADDRESS = re.compile(r"(?:https?|wss?|ftp):[/\\]", re.IGNORECASE)
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # of a file system that has none
_log = logging.getLogger("bxpull_nb")
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def path_of(path: object) -> Path:
    """Return the path with `~` expanded; raise SettingsError for a value that is no path."""
    try:
        text = os.fspath(path)  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001 - any `__fspath__`
        text = None
    if not isinstance(text, str) or not text or "\0" in text:
        raise SettingsError(
            f"a path is needed, and this is {_shown(path)}: write 'events.csv', or a Path."
        )
    if _ADDRESS.match(text):
        raise SettingsError(
            f"{quoted(text, is_address=True)} is an address of the web, and a path of a file is "
            f"needed: write 'events.csv', or a Path."
        )
    try:
        os.fsencode(text)
        return Path(text).expanduser()
    except (RuntimeError, UnicodeError) as exc:
        raise SettingsError(
            f"the path {quoted(text)} has no meaning on this system: write the whole path."
        ) from scrub(exc)


@contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `target`; `-` is standard output. See `replacing`."""
    if target != STDOUT:
        with replacing(target) as file:
            yield file
        return
    whole = io.BytesIO()  # a failed export must not print half a table
    yield whole
    with _advised(target):
        _print(whole.getvalue())


@contextmanager
def replacing(target: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a binary file that replaces `target` once all of it is written.

    A failure leaves the old file as it was. Links are followed. The new file keeps the old one's
    permissions and owner; an old file with more than one name, whose owner cannot be kept, or
    that cannot be replaced (its folder is write-protected, or the file is a mount), is written
    over in place after the new content is complete. A pipe or a device is written straight. A
    write-protected file is refused. Raises FileNotWritten, which has the system's class
    (PermissionError, say) and errno too.

    `private` makes a file that its owner alone may read, and returns when the disk has it. Nothing
    is followed or written over in place: whatever has that name, such as a link that another user
    made, is replaced.
    """
    if private:
        with _replacing_private(target) as file:
            yield file
        return
    with _advised(target):
        if _is_stream(target):
            with os.fdopen(os.open(target, os.O_WRONLY), "wb") as file:
                yield file
            return
        place = _followed(target)
        old = _checked(place)
        mode = 0o666 if old is None else old.st_mode & 0o666 | 0o600
        with _unfinished(_folder_for(place, old), mode) as (file, unfinished):
            yield file
            file.close()
            _put(unfinished, place, old)


@contextmanager
def _replacing_private(target: Path) -> Iterator[BinaryIO]:
    with _advised(target), _unfinished(target.parent, 0o600) as (file, unfinished):
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        unfinished.replace(target)
        sync_folder(target.parent)


def open_private(path: Path, flags: int) -> int:
    """Return a descriptor of a file of ours, which its owner alone may read from now on.

    `flags` are those of `os.open`. Raises OSError for a link, which is not followed, and for a
    pipe, a device and a folder: another user may have made them in a shared folder.
    """
    if path.is_symlink():
        raise OSError(f"{shown_path(path.name)} is a link, which is not followed")
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | careful | getattr(os, "O_BINARY", 0), 0o600)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(f"{shown_path(path.name)} is not a file")
        if os.name == "posix" and mode & 0o077:
            _make_private(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_private(path: Path) -> bytes:
    """Return the content of a file of ours; see `open_private`."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read()


def _make_private(descriptor: int, path: Path) -> None:
    try:
        os.fchmod(descriptor, 0o600)
    except OSError as exc:
        _log.warning("others may read %s: %s", shown_path(path), reason_of(exc))


def sync_folder(folder: Path) -> None:
    """Return when the disk has the names of the folder's files, where the system can sync them."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _unfinished(folder: Path, mode: int) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a new file in the folder, and remove what is left of it at the end.

    Its name is short, whatever the target's: together they could exceed the system's 255 bytes.
    """
    path = folder / f".bxpull-{token_hex(8)}.part"
    try:
        with os.fdopen(_new_file(path, mode), "wb") as file:
            yield file, path
    finally:
        if path.parent.is_dir():
            path.unlink(missing_ok=True)


def _put(unfinished: Path, place: Path, old: os.stat_result | None) -> None:
    """Move the finished file to its place, or copy it into a file that has to stay the same."""
    if old is None:
        unfinished.replace(place)
        return
    is_near = unfinished.parent == place.parent
    if is_near and old.st_nlink == 1 and _like(unfinished, old) and _moved(unfinished, place):
        return
    with unfinished.open("rb") as source, place.open("r+b") as file:
        shutil.copyfileobj(source, file)
        file.truncate()


def _moved(unfinished: Path, place: Path) -> bool:
    """Move the file to its place; False where a mount is there, as in a container."""
    try:
        unfinished.replace(place)
    except OSError as exc:
        if exc.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        return False
    return True


def _like(path: Path, old: os.stat_result) -> bool:
    """Give the file the owner and permissions of the old one; whether that was possible."""
    try:
        if os.name == "posix":
            now = path.stat()
            if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
                os.chown(path, old.st_uid, old.st_gid)
        path.chmod(stat.S_IMODE(old.st_mode))
    except PermissionError:
        return False
    return True


def _folder_for(place: Path, old: os.stat_result | None) -> Path:
    """Return the folder of the unfinished file: the target's, where that takes new files."""
    if old is None or os.access(place.parent, os.W_OK | os.X_OK):
        return place.parent
    return Path(tempfile.gettempdir())


def _is_stream(target: Path) -> bool:
    """Whether the target is a pipe, a device or a socket, or leads to an open file."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    if target.absolute().as_posix().startswith(tuple(f"{name}/" for name in _OPEN_FILES)):
        return not stat.S_ISDIR(mode)
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _followed(target: Path) -> Path:
    """Return the place that links lead to, which need not exist yet."""
    place = Path(os.path.realpath(target)) if target.is_symlink() else target
    if place.is_symlink():
        place.stat()  # a circle of links: raises the system's error
    return place


def _checked(place: Path) -> os.stat_result | None:
    """Return the old file's state, None without one; raise the system's error for a refusal."""
    try:
        old = place.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not old.st_mode & _WRITABLE or not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected")
    return old


def _print(content: bytes) -> None:
    """Write to standard output, which in a notebook takes text only."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is not None:
        sys.stdout.flush()
        binary.write(content)
        binary.flush()
        return
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SettingsError(
            "'-' is standard output, and here it takes only text: choose a file name, or CSV or "
            "JSON lines without packing."
        ) from None
    print(text, end="", flush=True)  # noqa: T201 - standard output was asked for


def _new_file(path: Path, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)


@contextmanager
def _advised(target: Path) -> Iterator[None]:
    """Turn an OSError into ours, of the same class and errno, with the next step."""
    try:
        yield
    except FileNotWritten:
        raise
    except OSError as exc:
        kind = type(exc)
        ours = type("FileNotWritten", (FileNotWritten, *([] if kind is OSError else [kind])), {})
        failure = ours(exc.errno, _advice(exc, target), str(target))
        failure.shown = shown_path(target)
        raise failure from scrub(exc)


def _advice(error: OSError, target: Path) -> str:
    """Return the system's message and the next step, for the user who named the file."""
    if isinstance(error, IsADirectoryError):
        todo = "add a file name to that folder"
    elif isinstance(error, FileNotFoundError | NotADirectoryError):
        folder = shown_path(_followed_or_given(target).parent)
        todo = f"make the folder {folder}, or choose another one"
    elif isinstance(error, PermissionError) and target.is_file():
        todo = "allow writing to it, or choose another name"
    elif isinstance(error, PermissionError):
        todo = "choose a folder you may write in"
    elif target == STDOUT or isinstance(error, BrokenPipeError):
        todo = "its reader has gone; choose a file"
    elif error.errno in _WRONG_PLACES:
        todo = _WRONG_PLACES[error.errno]
    else:
        todo = "nothing was written; make room, or choose another place"
    words = mask_foreign(error.strerror) if error.strerror else reason_of(error)
    return f"{words}: {todo}"


def _followed_or_given(target: Path) -> Path:
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _shown(path: object) -> str:
    return f"a {type(path).__name__}" if not isinstance(path, str) else "an empty or broken text"
