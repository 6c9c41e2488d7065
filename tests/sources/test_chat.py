"""Chat events on the sandbox: acknowledged only when they are on disk."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb.rest.auth import Webhook
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import read_journal_events
from tests.support.events import full_disk
from tests.support.rows import params
from tests.support.sources import SourcesRun, running

CHAT: dict[str, Any] = {"events": None, "options": {"chat": True}}
SCOPE = ("pull", "pull_channel", "crm", "im", "user")


def texts(run: SourcesRun) -> list[str]:
    """Return the texts of the messages, in order."""
    return [params(record)["message"]["text"] for record in run.rows]


def test_a_message_is_a_row() -> None:
    """Its content is that of the portal's event."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, **CHAT) as run:
                sandbox.chat_message("Привет")
                await run.until(lambda: run.rows)
                [row] = run.rows
                assert (row.module_id, row.command) == ("im", "ONIMV2MESSAGEADD")
                assert (row.source, row.channel) == ("chat", None)
                assert texts(run) == ["Привет"]
                assert row.mid is not None
                assert row.mid.startswith("chat-")
                assert row.server_time_unix is not None
                await run.until(lambda: not sandbox.chat_queue())

    asyncio.run(scenario())


def test_nothing_is_subscribed_unless_it_was_asked_for() -> None:
    """One reader takes the events of another."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, "crm") as run:
                assert run.rest.count("im.v2.Event.subscribe") == 0
            async with running(sandbox, **CHAT) as run:
                assert run.kinds == ["one_reader", "source_started"]
                assert run.rest.count("im.v2.Event.subscribe") == 1
                assert run.rest.count("im.v2.Event.unsubscribe") == 0

    asyncio.run(scenario())


def test_many_messages_come_in_order_and_once() -> None:
    """More than one page."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, **CHAT) as run:
                for number in range(250):
                    sandbox.chat_message(str(number))
                await run.until(lambda: len(run.rows) >= 250)
                await run.until(lambda: not sandbox.chat_queue())
                assert texts(run) == [str(number) for number in range(250)]

    asyncio.run(scenario())


def test_an_event_is_acknowledged_when_it_is_on_disk(tmp_path: Path) -> None:
    """Until then the portal keeps it."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, folder=tmp_path, **CHAT) as run:
                with full_disk("000001.bxj"):
                    sandbox.chat_message("a")
                    await run.until(lambda: "not_safe" in run.kinds)
                    assert len(sandbox.chat_queue()) == 1
                await run.until(lambda: not sandbox.chat_queue())
                assert texts(run) == ["a"]

    asyncio.run(scenario())


def test_the_next_process_has_what_came_in_between_and_nothing_twice(tmp_path: Path) -> None:
    """The last page was stored, and never acknowledged."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, folder=tmp_path, chat_every=1000.0, **CHAT) as run:
                pass
            sandbox.chat_message("a")
            async with running(sandbox, folder=tmp_path, chat_every=1000.0, **CHAT) as run:
                await run.until(lambda: run.rows)
            assert len(sandbox.chat_queue()) == 1
            sandbox.chat_message("b")
            async with running(sandbox, folder=tmp_path, **CHAT) as run:
                await run.until(lambda: not sandbox.chat_queue())
                assert run.stats("chat").duplicates == 1
        found = read_journal_events(tmp_path)
        assert found["source"].tolist() == ["chat", "chat"]

    asyncio.run(scenario())


@pytest.mark.parametrize("backfill", [False, True])
def test_the_backlog_is_taken_on_demand(backfill: bool) -> None:
    """Without `backfill` a capture begins now; what is older is acknowledged and left out."""
    now = [1_795_800_000.0]

    async def scenario() -> list[str]:
        with Sandbox(scope=SCOPE, now=lambda: now[0]) as sandbox:
            async with running(sandbox, **CHAT) as run:
                pass
            sandbox.chat_message("old")
            now[0] += 60
            async with running(sandbox, backfill=backfill, **CHAT) as run:
                sandbox.chat_message("new")
                await run.until(lambda: "new" in texts(run))
                return texts(run)

    assert asyncio.run(scenario()) == (["old", "new"] if backfill else ["new"])


def test_a_webhook_may_read_them() -> None:
    """It needs no application."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE, edition="seed") as sandbox:
            async with running(sandbox, auth=Webhook(sandbox.webhook), **CHAT) as run:
                sandbox.chat_message("a")
                await run.until(lambda: run.rows)

    asyncio.run(scenario())


def test_without_the_scope_the_others_go_on() -> None:
    """The next step is in the report."""

    async def scenario() -> None:
        with Sandbox(scope=("pull", "crm")) as sandbox:
            async with running(sandbox, "crm", options={"chat": True}) as run:
                assert run.stats("chat").state == "failed"
                assert "need the scope im" in run.text("source_failed")
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: run.rows)

    asyncio.run(scenario())


def test_a_lost_answer_is_asked_for_again() -> None:
    """The offset before was that of the last stored page."""

    async def scenario() -> None:
        with Sandbox(scope=SCOPE) as sandbox:
            async with running(sandbox, **CHAT) as run:
                for number in range(6):
                    run.rest.fails.append(("im.v2.Event.get", ("before", "after")[number % 2]))
                    sandbox.chat_message(str(number))
                    await run.until_rows(number + 1)
                assert texts(run) == list("012345")

    asyncio.run(scenario())
