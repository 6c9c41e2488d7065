"""A feed's journal is free again, whatever ended the feed or kept it from starting."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb import errors
from bxpull_nb.capture import run
from bxpull_nb.capture.feed import Feed
from bxpull_nb.portal import Portal
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal, files, journal, writer
from tests.support.command import posix
from tests.support.waiting import eventually


class BrokenError(Exception):
    """A mistake in a program."""


def is_free(folder: Path) -> bool:
    """Whether another capture can take the journal now, and nothing of the last one is at work."""
    try:
        with Journal(folder):
            pass
    except errors.JournalInUse:
        return False
    return "bxpull-journal" not in [thread.name for thread in threading.enumerate()]


def names_refused(folder: Path) -> Pseudonyms:
    """Pseudonyms whose names are not read there: a link is in the place of their file."""
    names = Pseudonyms("a key of sixteen characters")
    folder.mkdir(exist_ok=True)
    (folder / f"known-names-{names._mark.hex()[:10]}").symlink_to("nowhere")
    return names


@pytest.mark.parametrize("error", [BrokenError, OSError, MemoryError, errors.FileFormatError])
@pytest.mark.parametrize(
    ("place", "name"),
    [
        (journal, "journal_files"),
        (journal, "state_of"),
        (journal, "resume_from"),
        (files.ActiveFile, "repaired"),
        (writer, "pack"),
        (run.CaptureRun, "note"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_feed_that_cannot_start_keeps_no_journal(
    place: Any,
    name: str,
    error: type[Exception],
    portal: Portal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Although the feed is still held, and starts when it is asked again."""
    if name != "pack":  # which only a new file needs
        Journal(tmp_path).open().close()
    feed = portal.feed()
    asked = feed._run.start

    async def start_broken(*args: Any, **how: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, _raising(error))
            await asked(*args, **how)

    monkeypatch.setattr(feed._run, "start", start_broken)
    with pytest.raises((error, errors.BxPullError)) as caught:
        feed.start(journal=tmp_path)
    assert error is not OSError or name == "note" or _is_ours(caught.value)
    assert is_free(tmp_path)
    monkeypatch.undo()
    assert feed.start(journal=tmp_path).running


def _raising(error: type[Exception]) -> Callable[..., None]:
    def fail(*_args: Any, **_how: Any) -> None:
        raise error("no")

    return fail


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, errors.BxPullError)


def test_names_that_cannot_be_read_keep_no_journal(portal: Portal, tmp_path: Path) -> None:
    """They are read once the journal is open."""
    feed = portal.feed(privacy=names_refused(tmp_path / "journal"))
    with pytest.raises(errors.FileFormatError, match="is a link"):
        feed.start(journal=tmp_path / "journal")
    assert is_free(tmp_path / "journal")


def test_a_journal_without_a_thread_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system had none left; the error names the journal, and its file is closed."""
    started = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "bxpull-journal":
            raise RuntimeError("can't start new thread")
        started(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(errors.JournalNotWritable, match="can't start new thread"):
            Journal(tmp_path).open()
    gc.collect()  # a file left open is a warning, which fails the test
    assert is_free(tmp_path)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A journal takes until the event to open."""
    go, opened = threading.Event(), Journal.open

    def open_late(self: Journal) -> Journal:
        assert go.wait(10)
        return opened(self)

    monkeypatch.setattr(Journal, "open", open_late)
    return go


def test_a_start_that_is_cancelled_while_the_journal_opens(
    portal: Portal, tmp_path: Path, slowly: threading.Event
) -> None:
    """The thread that opens it cannot be cancelled, so it is waited for."""
    feed = portal.feed()

    async def cancel() -> None:
        starting = asyncio.create_task(feed.start_async(journal=tmp_path))
        await asyncio.sleep(0.05)
        starting.cancel()
        asyncio.get_running_loop().call_later(0.1, slowly.set)
        await asyncio.wait([starting])

    asyncio.run(cancel())
    eventually(lambda: is_free(tmp_path))
    assert not feed.running


@posix
def test_a_start_that_is_interrupted_while_the_journal_opens(
    portal: Portal, tmp_path: Path, slowly: threading.Event
) -> None:
    """By Ctrl-C, in a notebook."""
    feed = portal.feed()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        feed.start(journal=tmp_path)
    slowly.set()
    eventually(lambda: is_free(tmp_path))
    assert not feed.running


def test_a_stop_that_is_cancelled_while_connections_close(portal: Portal, tmp_path: Path) -> None:
    """A feed that has stopped cannot be stopped again, so this stop frees it."""
    feed = portal.feed().start(journal=tmp_path)

    async def stop_twice() -> None:
        stopping = asyncio.ensure_future(feed._run.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait([stopping])

    feed.bridge.run(stop_twice())
    eventually(lambda: is_free(tmp_path))
    assert not feed.running


def end_task(feed: Feed) -> None:
    """Cancel what drives the feed, from elsewhere."""

    async def cancel() -> None:
        assert feed._run._task is not None
        feed._run._task.cancel()

    feed.bridge.run(cancel())


def break_task(feed: Feed) -> None:
    """Let the next stored event end the feed."""
    feed._hub.log.extend = _raising(BrokenError)  # type: ignore[method-assign]


@pytest.mark.parametrize("end", [end_task, break_task])
def test_a_feed_that_is_ended_from_elsewhere_keeps_no_journal(
    end: Callable[[Feed], None], portal: Portal, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Without `stop`, and the feed is still held."""
    feed = portal.feed("shared").start(journal=tmp_path)
    end(feed)
    sandbox.publish("test")
    eventually(lambda: is_free(tmp_path))
    assert not feed.running


_CHILD = """
import os, signal, subprocess, sys, time
from bxpull_nb.storage.journal import Journal

way, folder = sys.argv[1:]
journal = Journal(folder).open()

def wait_unheard():
    for number in range(3):
        os.close(number)
    time.sleep(20)
    os._exit(0)

if way.startswith("child "):
    child = os.fork()
    if child == 0:
        if way == "child closes":
            journal.close()
        elif way == "child forgets":
            del journal
        elif way == "child outlives":
            wait_unheard()
        if way != "child exits":
            os._exit(0)
        sys.exit(0)
    if way == "child outlives":
        print(child, flush=True)
        os._exit(1)
    os.waitpid(child, 0)
print(0, flush=True)
if way == "exit":
    sys.exit(0)
if way == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if way == "exec":
    os.execv("/bin/sleep", ["sleep", "20"])
time.sleep(20)
"""


@posix
@pytest.mark.parametrize(
    ("way", "free"),
    [
        ("exit", True),
        ("kill", True),
        ("exec", True),
        ("child outlives", True),
        ("child closes", False),
        ("child forgets", False),
        ("child exits", False),
    ],
)
def test_a_process_keeps_its_journal_while_it_lives(way: str, free: bool, tmp_path: Path) -> None:
    """And no longer, though a fork of it lives on; a fork takes it from no parent."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, way, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        if free:
            eventually(lambda: is_free(tmp_path))
        else:
            assert not is_free(tmp_path)
        process.kill()
    if child:
        os.kill(child, signal.SIGKILL)
