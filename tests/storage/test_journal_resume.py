"""A listener that resumes from a journal loses and doubles nothing."""

import asyncio
import json
import time
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal, read_journal, read_journal_events
from tests.support.listening import BOTH, EVERYWHERE, QUICK_AUDIT, Capture, run
from tests.support.rows import params


def listen(
    sandbox: Sandbox, folder: Path, first: int, count: int, before: int, **how: Any
) -> Capture:
    """Listen by a journal until `count` events, from `first` on published, are in the capture.

    `before` of them are published before the listener starts.
    """

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        publish(sandbox, range(first + before, first + count))
        await capture.until(lambda: len(capture.records) >= count)

    publish(sandbox, range(first, first + before))
    with Journal(folder, "os") as journal:
        how.setdefault("timing", QUICK_AUDIT)
        return run(sandbox, scenario, resume=journal.resume(), journal=journal, **how)


def publish(sandbox: Sandbox, numbers: range) -> None:
    """Numbered events on both channels."""
    for n in numbers:
        sandbox.publish("a", {"n": n}, channel=BOTH[n % 2])


def numbers_in(folder: Path) -> list[int]:
    """`n` of every event in the journal, sorted."""
    return sorted(params(r)["n"] for batch in read_journal(folder) for r in batch.records)


@pytest.mark.parametrize(("version", "transport"), EVERYWHERE)
def test_three_processes_make_one_capture(tmp_path: Path, version: int, transport: str) -> None:
    """What was published in between comes first, and only that."""
    with Sandbox(server_version=version) as sandbox:
        publish(sandbox, range(-5, 0))  # before the capture
        runs = [listen(sandbox, tmp_path, 0, 20, 0, transport=transport)]
        runs += [listen(sandbox, tmp_path, n, 20, 10, transport=transport) for n in (20, 40)]
    assert [capture.numbers for capture in runs] == [
        list(range(first, first + 20)) for first in (0, 20, 40)
    ]
    assert numbers_in(tmp_path) == list(range(60))
    assert len(read_journal_events(tmp_path)) == 60


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_reset_of_an_earlier_process_is_not_found_again(tmp_path: Path, transport: str) -> None:
    """The journal holds two messages under each mid that comes now."""
    with Sandbox() as sandbox:
        listen(sandbox, tmp_path, 0, 40, 0, transport=transport)
        sandbox.wipe_history()
        resets = [
            listen(sandbox, tmp_path, n, 20, 0, transport=transport).listener.stats.resets
            for n in (40, 60)
        ]
    assert resets == [1, 0]
    assert numbers_in(tmp_path) == list(range(80))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_capture_that_ended_before_its_first_event_goes_on(
    tmp_path: Path, transport: str
) -> None:
    """From the moment it began, which the journal knows."""
    with Sandbox() as sandbox:
        publish(sandbox, range(-5, 0))
        listen(sandbox, tmp_path, 0, 0, 0, transport=transport)
        capture = listen(sandbox, tmp_path, 0, 6, 4, transport=transport)
    assert capture.numbers == list(range(6))


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_process_that_ended_while_the_history_seemed_empty_decides_by_position(
    tmp_path: Path, is_killed: bool
) -> None:
    """A slow server could still have shown its history; the senders' clocks are a minute behind."""
    kept = tmp_path / "kept"

    async def seems_empty(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        assert not any(lane.session.has_begun for lane in capture.listener.lanes)
        if is_killed:
            copytree(tmp_path / "journal", kept)

    async def goes_on(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: len(capture.records) == 3)

    with Sandbox() as sandbox:
        timing = QUICK_AUDIT | {"late": 8.0}
        with Journal(tmp_path / "journal", "os") as journal:
            first = run(sandbox, seems_empty, transport="websocket", journal=journal, timing=timing)
        resume = first.listener.resume_state()
        if is_killed:
            with Journal(kept, "os") as journal:
                resume = journal.resume()
        for n in range(3):
            extra = {"server_time_unix": time.time() - 60}
            body = json.dumps({"command": "a", "params": {"n": n}, "extra": extra})
            sandbox.publish_raw(body, channel="shared")
        capture = run(sandbox, goes_on, transport="websocket", resume=resume, timing=timing)
    assert capture.numbers == [0, 1, 2]
    assert "beginning_unknown" not in [entry.kind for entry in capture.target.entries]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_channel_that_joins_later_begins_at_the_beginning(tmp_path: Path, transport: str) -> None:
    """Of the capture, as far as the server still has it."""
    with Sandbox() as sandbox:
        publish(sandbox, range(-5, 0))
        first = listen(sandbox, tmp_path, 0, 0, 0, channels=("shared",), transport=transport)
        assert first.numbers == []
        capture = listen(sandbox, tmp_path, 0, 12, 10, transport=transport)
    assert capture.numbers == list(range(12))


def test_what_the_last_connection_never_got_comes_with_the_next_process(tmp_path: Path) -> None:
    """The server stored it, but did not deliver it: the safe position is older than the newest."""

    async def scenario(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: capture.listener.ready)
        publish(sandbox, range(4))
        await capture.until(lambda: len(capture.records) == 4)
        await capture.until_alone(sandbox)
        sandbox.lose(3)
        publish(sandbox, range(4, 9))
        await capture.until(lambda: len(capture.records) == 6)

    async def next_one(capture: Capture, _task: asyncio.Task[None]) -> None:
        await capture.until(lambda: len(capture.records) == 3)

    with Sandbox() as sandbox:
        with Journal(tmp_path, "os") as journal:
            run(sandbox, scenario, transport="websocket", resume=journal.resume(), journal=journal)
        with Journal(tmp_path, "os") as journal:
            capture = run(
                sandbox, next_one, transport="websocket", resume=journal.resume(), journal=journal
            )
    assert capture.numbers == [4, 5, 6]
    assert numbers_in(tmp_path) == list(range(9))
