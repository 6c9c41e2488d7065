"""Write files that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

__all__ = ["replacing", "sync_folder"]


@contextmanager
def replacing(target: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a binary file that replaces `target` once all of it is written.

    A failure leaves the old file as it was. `private` makes it readable by its owner only, and
    waits until the disk has it. An OSError keeps its class and its errno, and gets advice.
    """
    unfinished = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        with os.fdopen(_new_file(unfinished, 0o600 if private else 0o666), "wb") as file:
            yield file
            if private:
                file.flush()
                os.fsync(file.fileno())
        if target.exists() and not private:
            shutil.copymode(target, unfinished)
        unfinished.replace(target)
    except OSError as exc:
        raise OSError(exc.errno, _advice(exc, target), str(target)) from exc
    finally:
        if unfinished.parent.is_dir():
            unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Return when the disk has the names of the folder's files; POSIX only."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_file(path: Path, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)


def _advice(error: OSError, target: Path) -> str:
    """Return the system's message and the next step, for the user who named the file."""
    if isinstance(error, IsADirectoryError):
        todo = "add a file name to that folder"
    elif isinstance(error, FileNotFoundError | NotADirectoryError):
        todo = f"make the folder {target.parent}, or choose another one"
    elif isinstance(error, PermissionError):
        todo = "choose a folder you may write in"
    else:
        todo = "nothing was written; make room, or choose another place"
    return f"{error.strerror or error}: {todo}"
