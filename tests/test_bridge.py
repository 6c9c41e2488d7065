"""The one bridge from blocking code to the async modules."""

import asyncio
import gc
import subprocess
import sys
import threading
import time

import pytest

from bxpull_nb.bridge import LoopThread
from bxpull_nb.errors import WrongThreadError
from tests.support.command import posix


async def thread_name() -> str:
    """The thread the coroutine runs on."""
    return threading.current_thread().name


def named(name: str) -> list[threading.Thread]:
    """The live threads of that name."""
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_work_runs_on_a_thread_of_its_own() -> None:
    """Which is a daemon, and started by the first work only."""
    bridge = LoopThread("bridge-test-own")
    assert named("bridge-test-own") == []
    assert bridge.run(thread_name()) == "bridge-test-own"
    assert [thread.daemon for thread in named("bridge-test-own")] == [True]
    bridge.stop()


def test_an_exception_reaches_the_caller() -> None:
    """As it was raised."""

    async def fail() -> None:
        raise LookupError("lost")

    bridge = LoopThread()
    with pytest.raises(LookupError, match="lost"):
        bridge.run(fail())
    bridge.stop()


def test_blocking_on_its_own_thread_is_refused() -> None:
    """It would wait for itself."""
    bridge = LoopThread()

    async def nested() -> None:
        bridge.run(thread_name())

    with pytest.raises(WrongThreadError, match="own thread"):
        bridge.run(nested())
    bridge.stop()


def test_stopping_cancels_what_runs_and_ends_the_thread() -> None:
    """Cleaning up is given its time; the thread is gone within a second."""
    bridge = LoopThread("bridge-test-stop")
    cleaned = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    future = bridge.submit(forever())
    bridge.run(thread_name())
    before = time.monotonic()
    bridge.stop()
    assert time.monotonic() - before < 1
    assert cleaned.is_set()
    assert future.cancelled()
    assert named("bridge-test-stop") == []


def test_what_cleans_up_slowly_comes_to_its_end() -> None:
    """Nobody waits that long; but a connection that is closing is not left open."""
    bridge, cleaned = LoopThread("bridge-test-slow"), threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.2)  # as a server that does not close
            cleaned.set()

    bridge.submit(forever())
    bridge.run(thread_name())
    [thread] = named("bridge-test-slow")
    bridge.stop()
    assert not cleaned.is_set()
    thread.join(10)
    assert cleaned.is_set()


def test_it_can_be_used_again_after_a_stop() -> None:
    """With a new thread."""
    bridge = LoopThread("bridge-test-again")
    bridge.run(thread_name())
    bridge.stop()
    bridge.stop()
    assert bridge.run(thread_name()) == "bridge-test-again"
    bridge.stop()


def test_a_forgotten_bridge_ends_its_thread() -> None:
    """Nobody can reach it any more, so nothing may go on."""
    bridge = LoopThread("bridge-test-forgotten")
    bridge.run(thread_name())
    [thread] = named("bridge-test-forgotten")
    del bridge
    gc.collect()
    thread.join(2)
    assert not thread.is_alive()


def test_the_interpreter_ends_quickly_with_work_under_way() -> None:
    """And writes nothing about it."""
    script = (
        "import asyncio\n"
        "from bxpull_nb.bridge import LoopThread\n"
        "bridge = LoopThread()\n"
        "bridge.submit(asyncio.Event().wait())\n"
        "bridge.run(asyncio.sleep(0))\n"
    )
    before = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert time.monotonic() - before < 10


FORKED = """
import os, signal, sys
import bxpull_nb as bx
from bxpull_nb.errors import WrongProcessError
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken

def raised(call):
    try:
        call()
    except WrongProcessError as exc:
        return "in the child, with connect()" in str(exc)
    return False

box = bx.Sandbox().start()
portal = bx.connect(box.url, token=box.token)
fresh = Portal(AccessToken(box.url, box.token))
feed = portal.feed().start()
child = os.fork()
if child == 0:
    signal.alarm(20)
    calls = [
        lambda: portal.call("profile"),
        lambda: feed.start(),
        lambda: feed.wait(1),
        lambda: feed.wait(1, timeout=1),
        lambda: feed.expect(command="x", within=1),
        lambda: feed.stop(),
        lambda: portal.close(),
        lambda: portal.bridge.stop(),
    ]
    results = [raised(call) for call in calls]
    with bx.connect(box.url, token=box.token) as own:
        results += [bool(own.call("profile")), bool(fresh.call("profile"))]
    print(results, flush=True)
    sys.exit(0 if all(results) else 1)
_, status = os.waitpid(child, 0)
portal.send_event("after")
feed.wait(1, timeout=10)
print(os.waitstatus_to_exitcode(status), len(feed), feed.stats.reconnects)
portal.close()
"""


@posix
def test_a_forked_child_needs_a_portal_of_its_own() -> None:
    """Nothing hangs there, and the parent goes on; a portal not used before the fork works."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED],
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert ended.stdout.splitlines()[-1:] == ["0 1 0"], ended.stdout + ended.stderr
    assert ended.stderr == ""
