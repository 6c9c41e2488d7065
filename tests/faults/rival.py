"""A second process that wants the journal of a capture."""

import multiprocessing
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from bxpull_nb.errors import BxPullError
from bxpull_nb.storage.journal import Journal

__all__ = ["Rival"]


class Rival:
    """The second process; it ends with the `with` block."""

    def __init__(self, folder: Path) -> None:
        spawning = multiprocessing.get_context("forkserver")
        spawning.set_forkserver_preload(["tests.faults.rival"])
        self._ours, theirs = spawning.Pipe()
        self._theirs = theirs
        self._process = spawning.Process(target=_contend, args=(folder, theirs), daemon=True)

    def contend(self) -> str:
        """Have it open the journal and close it again; return its error's name, or `opened`."""
        self._ours.send("open")
        answer: str = self._ours.recv()
        return answer

    def __enter__(self) -> "Rival":
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._ours.close()


def _contend(folder: Path, orders: Connection) -> None:
    with suppress(EOFError):
        while orders.recv():
            orders.send(_open(folder))


def _open(folder: Path) -> str:
    try:
        with Journal(folder):
            return "opened"
    except BxPullError as exc:
        return type(exc).__name__
