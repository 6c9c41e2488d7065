"""The bridge from blocking code (a cell, a script) to the async modules.

All async code of a portal runs on one event loop, on a daemon thread of its own: a listener on
the kernel's loop would stop while a cell runs, and the push server would close its connection.
"""

import asyncio
import atexit
import contextvars
import os
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from bxpull_nb.errors import WrongProcessError, WrongThreadError

__all__ = ["LoopThread"]

T = TypeVar("T")

_END_TIMEOUT = 0.9  # seconds that `stop` waits for the thread, which is a daemon
_CLEANUP_TIMEOUT = 5.0  # seconds that cancelled work has to close its connections


class LoopThread:
    """An event loop on a daemon thread, started by its first work.

    It ends by `stop`, when the object is collected, or with the interpreter. A forked child has
    no such thread, and its parent's connections are not its own: once the loop was started,
    every use in a child raises WrongProcessError.
    """

    def __init__(self, name: str = "bxpull") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._process = 0  # of the thread; 0 without one

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start the coroutine on the loop; the future gives its result to any thread."""
        self._check_process(work)
        return asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result; blocks the caller, and cancels the work on Ctrl-C.

        Raises WrongThreadError on the loop's own thread, which would wait for itself, and
        WrongProcessError in a forked child.
        """
        self._check_process(work)
        if self.is_current():
            work.close()
            raise WrongThreadError(
                "this call blocks, and it was made on the listener's own thread (in a callback, "
                "say). Make it from another thread, or await the async form."
            )
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result, awaited on any loop; cancelling cancels the work."""
        self._check_process(work)
        if self.is_current():
            return await work
        return await asyncio.wrap_future(self.submit(work))

    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread; raises WrongProcessError in a fork."""
        self._check_process()
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def stop(self) -> None:
        """Cancel all work, end the loop and the thread; later work starts new ones."""
        self._check_process()
        with self._lock:
            if self._end is not None:
                self._end()
            self._loop = self._end = None
            self._process = 0

    def _check_process(self, work: Coroutine[Any, Any, Any] | None = None) -> None:
        """Raise WrongProcessError in a forked child, before any lock is taken there."""
        if self._process in (0, os.getpid()):
            return
        if work is not None:
            work.close()
        raise WrongProcessError(
            "this process was forked after the portal was connected: connection and listener "
            "are its parent's. Make a portal here, in the child, with connect()."
        )

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._process = os.getpid()
                # In the caller's context, so that prints go to the cell that started it.
                context = contextvars.copy_context()
                thread = threading.Thread(
                    target=context.run, args=(_run, loop), name=self._name, daemon=True
                )
                thread.start()
                self._end = weakref.finalize(self, _end, loop, thread, self._process)
                atexit.register(self._end)
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread, process: int) -> None:
    if loop.is_closed() or process != os.getpid():
        return
    loop.call_soon_threadsafe(lambda: loop.create_task(_wind_down(loop)))
    if threading.current_thread() is not thread:
        thread.join(_END_TIMEOUT)


async def _wind_down(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all tasks, wait for their clean-up, then stop the loop."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLEANUP_TIMEOUT)
    await loop.shutdown_asyncgens()
    loop.stop()
