"""Locks between processes that renew the same tokens: a refresh token is good for one use."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

__all__ = ["renewing_alone", "try_file_lock"]

_log = logging.getLogger(__name__)
_LONGEST = 90.0  # seconds; a grant that takes longer than 60 s has failed
_AGAIN = 0.05  # seconds


@asynccontextmanager
async def renewing_alone(store: Any, portal: str, client_id: str) -> AsyncIterator[bool]:
    """Hold the store's lock within the block; yield False for a store that gives none.

    Waits while another process holds it, 90 seconds at most: such a process is stuck.
    """
    release = await _locked(store, portal, client_id)
    try:
        yield release is not None
    finally:
        if release is not None:
            release()


async def _locked(store: Any, portal: str, client_id: str) -> Callable[[], None] | None:
    try_lock = getattr(store, "try_lock", None)
    end = time.monotonic() + _LONGEST
    while try_lock is not None:
        try:
            release: Callable[[], None] | None = try_lock(portal, client_id)
        except (OSError, NotImplementedError) as exc:
            _log.debug("the tokens are renewed without a lock (%s)", type(exc).__name__)
            return None
        if release is not None:
            return release
        if time.monotonic() > end:
            _log.warning("another process has been renewing the tokens for %.0f s", _LONGEST)
            return None
        await asyncio.sleep(_AGAIN)
    return None


def try_file_lock(path: Path) -> Callable[[], None] | None:
    """Lock the file, and return what releases it; None while another process holds it.

    Raises OSError where no file can be written, NotImplementedError where none can be locked.
    The end of a process releases its locks, however it ends.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock.release
