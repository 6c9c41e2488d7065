"""A forked child: it finds locks free, and leaves its parent's connections and files alone.

A fork copies memory, and one thread of all. A lock that another thread holds at that moment would
be held in the child for ever. So the thread that forks takes the locks first, and both processes
release them: for that moment other threads wait.
"""

import os
import threading
import time
import weakref
from typing import Any, TypeVar

from bxpull_nb.errors import WrongProcessError

__all__ = ["check_process", "fork_safe"]

Lock = TypeVar("Lock")
_SECONDS = 0.5  # that a fork waits in all; a lock that is not free by then is replaced
_known: "weakref.WeakKeyDictionary[Any, int]" = weakref.WeakKeyDictionary()
_guard = threading.Lock()  # of `_known`
_taken = threading.local()


def check_process(process: int, whose: str) -> None:
    """Raise WrongProcessError, with `whose` in it, unless this process has the id `process`."""
    if process != os.getpid():
        raise WrongProcessError(f"this process was forked {whose}")


def fork_safe(lock: Lock, rank: int) -> Lock:
    """Return the lock; a fork takes locks of a lower rank before it.

    A thread that holds one may take only locks of a higher rank.
    """
    with _guard:
        _hook()
        _known[lock] = rank
    return lock


def _hook() -> None:
    if not _known.get(_guard) and hasattr(os, "register_at_fork"):
        _known[_guard] = -1  # the first of all
        os.register_at_fork(before=_take, after_in_parent=_release, after_in_child=_renew)


def _take() -> None:
    until = time.monotonic() + _SECONDS
    _taken.locks = []
    for lock in sorted(_known.copy(), key=lambda one: _known.get(one, 0)):
        if lock.acquire(timeout=max(until - time.monotonic(), 0)):
            _taken.locks.append(lock)


def _release() -> None:
    for lock in reversed(_taken.locks):
        lock.release()


def _renew() -> None:
    """Release the locks in the child, and free those that another thread of the parent held."""
    _release()
    for lock in list(_known):
        if lock not in _taken.locks:
            lock._at_fork_reinit()
