"""A fork while other threads use a capture."""

import os
import subprocess
import sys

import pytest

_FORK = """
import os, threading, time
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.handlers import Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.models import LogEntry, RecordBatch, Batch, Event
from bxpull_nb.storage.eventlog import EventLog

log = EventLog(max_rows=1000)
hub, handlers = EventHub(log), Handlers()
handlers.on("c")(lambda event: None)
batch = Batch(RecordBatch.of([Event("1" * 26, "m", "c", b"{}")] * 100))
going = threading.Event()

def fill():
    while not going.is_set():
        hub.store(batch)
        handlers.offer(batch.records)
        hub.happened(LogEntry(at_us=1, kind="mark", text="x"))

log.df  # loads pandas once, not in each child
LOCKS
for _ in range(ROUNDS):
    child = os.fork()
    if not child:
        rows = len(log)
        log.df, handlers.stats, hub.rate(), hub.logbook.recent(), log.recent(0)
        os._exit(0 if rows % 100 == 0 else 3)
    until = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, 9)
            raise SystemExit("the child hangs")
        time.sleep(0.002)
going.set()
print("done")
"""

_BUSY = "[threading.Thread(target=fill, daemon=True).start() for _ in range(2)]"
_HELD = """
held, stop = threading.Event(), threading.Event()
def hold():
    with hub._lock, log._lock, hub.logbook._lock, handlers._registering:
        held.set()
        stop.wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.parametrize(("locks", "rounds"), [(_BUSY, 6), (_HELD, 1)], ids=["busy", "held"])
def test_a_forked_child_reads_what_its_parent_had(locks: str, rounds: int) -> None:
    """Nothing hangs there, even where a thread never frees a lock, and no batch is half there."""
    script = _FORK.replace("LOCKS", locks).replace("ROUNDS", str(rounds))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=80
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


_CHILD = """
import os, signal, tempfile, threading
from pathlib import Path
import bxpull_nb as bx
from bxpull_nb.errors import WrongProcessError
from bxpull_nb.models import Batch, Event
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal

sandbox, folder = Sandbox().start(), Path(tempfile.mkdtemp())
deals, chat = sandbox.deals, sandbox.chat_message("x")
portal = bx.connect(sandbox.url, token=sandbox.token)
feed = portal.listen()
sandbox.publish("c")
feed.wait(1)
replayed = bx.replay(feed.df)
replayed.wait(1)
journal = Journal(folder).open()
batch = Batch([Event("1" * 26, "m", "c", b"{}")], "frame", "text")
held = threading.Event()
def hold():
    with sandbox._portal.broker._lock, journal._writer._guard:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(30)  # a call that hangs ends it
    calls = {CALLS}
    for name, call in calls.items():
        try:
            print(name, "returned", call(), flush=True)
        except WrongProcessError as exc:
            assert "in the child" in str(exc), str(exc)
    sandbox.stop()
    print(len(sandbox.start().publish("c")), Sandbox().start().url != sandbox.url, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1], os.listdir(folder), flush=True)
os._exit(0)
"""
_CALLS = (
    "sandbox.publish('c')",
    "sandbox.publish_raw('c')",
    "sandbox.drop_connections()",
    "sandbox.lose(1)",
    "sandbox.wipe_history()",
    "sandbox.chat_message('x')",
    "sandbox.edit_chat_message(chat, 'y')",
    "sandbox.offline_queue()",
    "sandbox.deals",
    "deals.add(TITLE='x')",
    "deals.delete(1)",
    "list(deals)",
    "journal.write(batch)",
    "journal.sync()",
    "journal.began(1.0)",
    "feed.wait(1)",
    "feed.stop()",
    "feed.start()",
    "portal.call('app.info')",
    "portal.listen()",
    "replayed.wait(1)",
    "replayed.replay.seek(0)",
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_no_blocking_call_of_a_forked_child_hangs_or_touches_its_parents() -> None:
    """Each raises one error that names the next step, and a portal of the child's own works."""
    calls = "{" + ", ".join(f"{call!r}: lambda: {call}" for call in _CALLS) + "}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD.replace("{CALLS}", calls)],
        capture_output=True,
        text=True,
        timeout=80,
    )
    assert (done.stdout.splitlines()[-1][:2], done.stderr) == ("0 ", "")
    assert done.stdout.splitlines()[:-1] == ["26 True"]
