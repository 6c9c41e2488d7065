"""Offline events on the sandbox: nothing is lost, nothing is doubled, the queue is emptied."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.rest.auth import Webhook
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import read_journal_events
from tests.support.events import full_disk
from tests.support.rows import params
from tests.support.sources import SourcesRun, renewing, running


def deals(run: SourcesRun) -> list[int]:
    """Return the ids of the deals that offline events are about, sorted."""
    return sorted(int(params(record)["FIELDS"]["ID"]) for record in run.rows)


def test_a_change_is_a_row() -> None:
    """Module and command by the event's name, the portal's time, the user who made the change."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox) as run:
                before = int(datetime.now(UTC).timestamp())
                sandbox.change_deal(15, STAGE_ID="WON")
                await run.until(lambda: run.rows)
                [row] = run.rows
                await run.until(lambda: not sandbox.offline_queue())
                assert (row.module_id, row.command) == ("crm", "ONCRMDEALUPDATE")
                assert params(row) == {"FIELDS": {"ID": "15"}}
                assert row.source == "offline"
                assert row.sender == "user:1"
                assert row.server_time_unix is not None
                assert before <= row.server_time_unix <= before + 60
                assert row.mid is not None
                assert row.mid.endswith("-1")
                assert len(row.mid) == 32 + len("-1")
                assert (row.channel, row.arrival.transport) == (None, None)

    asyncio.run(scenario())


def test_the_doorbell_rings_the_reading() -> None:
    """The queue is not read otherwise: the next reading is far away."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox) as run:
                for number in range(1, 6):
                    sandbox.change_deal(number, STAGE_ID="WON")
                    await run.until_rows(number)
                await run.until(lambda: run.stats().announced == 5)
                assert run.stats().collapsed == 0
                assert "doorbell_missing" not in run.kinds

    asyncio.run(scenario())


def test_a_doorbell_of_another_queue_is_not_heard() -> None:
    """The count of another connector is not that of this queue."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox) as run:
                sandbox.publish(
                    "event_offline",
                    [{"connector_id": "other", "count": 3}],
                    module_id="rest",
                )
                await run.until(lambda: run.target.records)
                assert not run.driver._bell.was_heard
                assert run.stats().announced == 0

    asyncio.run(scenario())


def test_without_a_doorbell_the_queue_is_read_regularly() -> None:
    """That is logged once, though not of a row that the reading at the start finds."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, offline_every=0.05) as run:
                for number in (1, 2):
                    sandbox.change_deal(number, STAGE_ID="WON")
                    await run.until_rows(number)
                await run.until(lambda: "doorbell_missing" in run.kinds)
                await run.until(lambda: not sandbox.offline_queue())
                assert Counter(run.kinds)["doorbell_missing"] == 1
                assert "read every 0 s" in run.text("doorbell_missing")

    asyncio.run(scenario())


def test_changes_between_two_readings_are_one_row() -> None:
    """The queue keeps the last state; the counters show how many changes it swallowed."""

    async def scenario() -> None:
        with Sandbox(doorbell="merged", doorbell_delay=0.4) as sandbox:
            async with running(sandbox) as run:
                for title in "abc":
                    sandbox.change_deal(7, TITLE=title)
                await run.until(lambda: run.rows)
                assert deals(run) == [7]
                await run.until(lambda: run.stats().announced == 3)
                assert run.stats().collapsed == 2
                assert "at least 2 changes became one" in str(run.stats())

    asyncio.run(scenario())


def test_more_than_fifty_records_are_taken_in_turns() -> None:
    """Until the queue is empty, each once."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, offline_every=0.05) as run:
                for number in range(1, 121):
                    sandbox.change_deal(number, STAGE_ID="WON")
                await run.until(lambda: len(run.rows) >= 120)
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == list(range(1, 121))
                asked = [p for name, p in run.rest.calls if name == "event.offline.get"]
                assert {(one["clear"], one["limit"]) for one in asked} == {(0, 50)}

    asyncio.run(scenario())


LOST = [
    (f"event.offline.{name}", when) for name in ("get", "clear") for when in ("before", "after")
]


@pytest.mark.parametrize("fault", LOST, ids="-".join)
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_lost_answer_loses_and_doubles_nothing(
    tmp_path: Path, fault: tuple[str, str], on_disk: bool
) -> None:
    """Records that were marked or stored meanwhile are asked for again."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            folder = tmp_path if on_disk else None
            async with running(sandbox, offline_every=0.05, folder=folder) as run:
                run.rest.fails.append(fault)
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: not run.rest.fails)
                sandbox.change_deal(4, STAGE_ID="WON")
                await run.until(lambda: len(run.rows) >= 2)
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == [3, 4]
                assert "source_retried" in run.kinds
                assert run.stats().state == "running"

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", LOST, ids="-".join)
def test_the_next_process_finishes_what_one_left(tmp_path: Path, fault: tuple[str, str]) -> None:
    """By the note in the journal's folder, or the portal's list; known records are dropped."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, folder=tmp_path, offline_every=0.05) as run:
                run.rest.fails.append(fault)
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: not run.rest.fails)
            sandbox.change_deal(4, STAGE_ID="WON")
            async with running(sandbox, folder=tmp_path, offline_every=0.05) as run:
                await run.until(lambda: not sandbox.offline_queue())
        found = read_journal_events(tmp_path)
        offline = found[found["source"] == "offline"]
        assert sorted(offline["params"]) == ['{"FIELDS":{"ID":"3"}}', '{"FIELDS":{"ID":"4"}}']
        assert not (tmp_path / "offline-process.json").exists()

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_batch_loses_and_doubles_nothing(when: str) -> None:
    """Under load one call deletes stored records, and takes the next."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, offline_every=0.05) as run:
                run.rest.fails += [("batch", when), ("batch", when)]
                for number in range(1, 201):
                    sandbox.change_deal(number, STAGE_ID="WON")
                await run.until(lambda: not run.rest.fails)
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == list(range(1, 201))

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["before", "after"])
def test_stored_records_are_deleted_without_asking_for_them_again(
    tmp_path: Path, when: str
) -> None:
    """Also by the next process, whose journal may have got much longer meanwhile."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, folder=tmp_path, offline_every=0.05) as run:
                fault = ("event.offline.clear", when)
                run.rest.fails += [fault, ("feature.get", "before")] * 3
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: not run.rest.fails)
            async with running(sandbox, folder=tmp_path) as run:
                await run.until(lambda: not sandbox.offline_queue())
                assert run.stats().duplicates == 0
                asked = [p for name, p in run.rest.calls if name == "event.offline.get"]
                assert all("process_id" not in params for params in asked)
        found = read_journal_events(tmp_path)
        assert found["source"].tolist().count("offline") == 1

    asyncio.run(scenario())


def test_a_refused_deletion_is_made_again() -> None:
    """The records that came with the refusal are not lost either."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            async with running(sandbox, offline_every=0.05) as run:
                sandbox.fail_rest("ERROR_CORE", 3, method="event.offline.clear")
                for number in range(1, 121):
                    sandbox.change_deal(number, STAGE_ID="WON")
                await run.until(lambda: len(run.rows) >= 120)
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == list(range(1, 121))
                assert "source_retried" in run.kinds

    asyncio.run(scenario())


def test_a_later_change_of_the_same_object_is_no_duplicate() -> None:
    """`MESSAGE_ID` is the same, and so may be the second in which both were made."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox) as run:
                for count in (1, 2, 3):
                    sandbox.change_deal(7, TITLE=str(count))
                    await run.until_rows(count)
                assert deals(run) == [7, 7, 7]
                assert run.stats().duplicates == 0
                assert len({record.mid for record in run.rows}) == 3

    asyncio.run(scenario())


def test_records_stay_on_the_portal_while_the_disk_is_full(tmp_path: Path) -> None:
    """Memory is no place for the only copy."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox, folder=tmp_path) as run:
                with full_disk("000001.bxj"):
                    sandbox.change_deal(3, STAGE_ID="WON")
                    await run.until(lambda: "not_safe" in run.kinds)
                    assert run.rest.count("event.offline.clear") == 0
                    [record] = sandbox.offline_queue()
                    assert record["PROCESS_ID"]
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == [3]

    asyncio.run(scenario())


def test_an_expired_token_is_renewed_meanwhile() -> None:
    """By the REST client, and without a word of the source."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox, auth=renewing(sandbox)) as run:
                sandbox.expire_token()
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: run.rows)
                await run.until(lambda: not sandbox.offline_queue())
                assert run.kinds == ["source_started"]

    asyncio.run(scenario())


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"])
def test_limits_are_respected_and_logged(code: str) -> None:
    """The call waits as the portal asks, and is then made again."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox, sleep=sleep) as run:
                if code == "OPERATION_TIME_LIMIT":
                    sandbox.use_operating_time("event.offline.get", 481)
                else:
                    sandbox.fail_rest(code, method="event.offline.get")
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: "limited" in run.kinds)
                assert run.kinds[:2] == ["source_started", "limited"]
                assert code in run.text("limited")
                assert waits[0] >= (500 if code == "OPERATION_TIME_LIMIT" else 1)
                calls = run.rest.count
                await run.until(lambda: run.rows or calls("event.offline.get") >= 2)

    asyncio.run(scenario())


def test_a_queue_of_ones_own() -> None:
    """Every call names the connector."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox, options={"auth_connector": "mine"}) as run:
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: run.rows)
                await run.until(lambda: not sandbox.offline_queue())
                offline = [p for name, p in run.rest.calls if name.startswith("event.offline")]
                assert {p["auth_connector"] for p in offline} == {"mine"}
                assert run.driver._bell.was_heard

    asyncio.run(scenario())


def test_unbind_ends_what_was_bound() -> None:
    """At the end of the feed, when that was asked for."""

    async def scenario(unbind: bool) -> list[Any]:
        with Sandbox() as sandbox:
            async with running(sandbox, options={"unbind": unbind}) as run:
                assert len(run.driver.sources[0].bindings.bound) == 6  # type: ignore[union-attr]
            async with running(sandbox, "task") as run:
                answer: list[Any] = await run.rest.call("event.get")
                return sorted(one["event"] for one in answer)

    tasks = ["ONTASKADD", "ONTASKDELETE", "ONTASKUPDATE"]
    assert asyncio.run(scenario(unbind=True)) == tasks
    assert len(asyncio.run(scenario(unbind=False))) == 9


def test_an_update_of_the_application_is_mended_by_the_next_start() -> None:
    """Its bindings were gone."""

    async def scenario() -> None:
        with Sandbox(event_rules="portal") as sandbox:
            async with running(sandbox):
                pass
            async with running(sandbox) as run:  # bound already, which this portal refuses
                assert run.stats().state == "running"
            sandbox.update_application()
            async with running(sandbox) as run:
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: run.rows)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("ONCRMDEALUPDAT", "ONCRMDEALUPDAT is no event that the portal gives to this application: "
         "did you mean ONCRMDEALUPDATE?"),
        ("oncrmdealupdat", "did you mean ONCRMDEALUPDATE?"),
        ("cmr", "cmr is no event"),
        ("ONXYZ", "portal.call('events') lists those it knows"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_named_and_the_others_go_on(asked: str, text: str) -> None:
    """With the nearest that the portal knows."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox, [asked, "oncrmdealadd", "task"]) as run:
                assert text in run.text("event_unknown")
                assert run.kinds == ["event_unknown", "source_started"]
                assert "4 events bound" in run.text("source_started")

    asyncio.run(scenario())


async def _refused(sandbox: Sandbox, how: dict[str, Any]) -> SourcesRun:
    async with running(sandbox, **how) as run:
        assert run.driver.state == "connected"
        assert run.stats().state == "failed"
        return run


@pytest.mark.parametrize(
    ("settings", "how", "text"),
    [
        ({"admin": False}, {}, "offline events need the token of an administrator"),
        ({}, {"events": ["ONXYZ"]}, "the portal knows no event of 'ONXYZ'"),
        (
            {"offline_extended": False},
            {"options": {"auth_connector": "mine"}},
            "listen without auth_connector",
        ),
    ],
)
def test_what_cannot_run_logs_why_and_the_channels_go_on(
    settings: dict[str, Any], how: dict[str, Any], text: str
) -> None:
    """One sentence with the next step, in the activity log and in the report's state."""
    with Sandbox(**settings) as sandbox:
        run = asyncio.run(_refused(sandbox, how))
    assert text in run.text("source_failed")
    assert text in run.stats().text


def test_a_webhook_learns_what_it_needs() -> None:
    """Without a call that would be refused; its channels are the personal feed."""

    async def scenario() -> None:
        with Sandbox(edition="seed") as sandbox:
            async with running(sandbox, auth=Webhook(sandbox.webhook)) as run:
                assert "not a webhook" in run.text("source_failed")
                assert run.rest.count("event.bind") == 0
                sandbox.publish("a", {"n": 1})
                await run.until(lambda: run.target.records)

    asyncio.run(scenario())


def test_a_plan_without_marks_works_and_logs_what_is_weaker() -> None:
    """Records are deleted as they are given."""

    async def scenario() -> None:
        with Sandbox(offline_extended=False) as sandbox:
            async with running(sandbox) as run:
                sandbox.change_deal(3, STAGE_ID="WON")
                await run.until(lambda: run.rows)
                assert not sandbox.offline_queue()
                assert "loses up to 50 changes" in run.text("source_weaker")
                assert run.rest.count("event.offline.clear") == 0

    asyncio.run(scenario())


def test_another_reader_of_the_queue_is_noticed() -> None:
    """Records that it has marked are in the list; they are not taken while it may be at work."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            async with running(sandbox) as run:
                pass
            sandbox.change_deal(3, STAGE_ID="WON")
            async with running(sandbox, None, options={"chat": True}) as other:
                await other.rest.call("event.offline.get", {"clear": 0})
            async with running(sandbox, adopt_after=1000) as run:
                await run.until(lambda: "queue_shared" in run.kinds)
                assert "1 records of the queue are marked by another" in run.text("queue_shared")
                assert not run.rows
            async with running(sandbox, adopt_after=0.05) as run:
                await run.until(lambda: not sandbox.offline_queue())
                assert deals(run) == [3]

    asyncio.run(scenario())


def test_objects_come_with_their_events() -> None:
    """In their last state; of a deleted object there is none."""

    async def scenario() -> None:
        with Sandbox() as sandbox:
            names = ["crm", "task"]
            async with running(sandbox, names, options={"enrich": True}) as run:
                sandbox.change_deal(15, STAGE_ID="WON", TITLE="Сделка")
                sandbox.deals.delete(16)
                task = sandbox.tasks.add(TITLE="Call")
                await run.until(lambda: len(run.rows) == 3)
                found = {record.command: params(record).get("object") for record in run.rows}
                deal = found["ONCRMDEALUPDATE"]
                assert (deal["STAGE_ID"], deal["TITLE"]) == ("WON", "Сделка")
                assert found["ONCRMDEALDELETE"] is None
                assert (found["ONTASKADD"]["id"], found["ONTASKADD"]["title"]) == (
                    str(task),
                    "Call",
                )

    asyncio.run(scenario())


def test_an_object_that_cannot_be_read_costs_no_event() -> None:
    """It was deleted in between, or the whole batch got no answer."""

    async def scenario() -> None:
        with Sandbox(doorbell="missing") as sandbox:
            options = {"enrich": True}
            async with running(sandbox, options=options, offline_every=0.05) as run:
                run.rest.fails.append(("batch", "before"))
                sandbox.change_deal(15, STAGE_ID="WON")
                await run.until(lambda: run.rows)
                assert params(run.rows[0]) == {"FIELDS": {"ID": "15"}}
                assert "have no object" in run.text("not_enriched")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "how",
    [
        {"events": ""}, {"events": []}, {"events": [5]}, {"events": 5}, {"events": {"a": 1}},
        {"events": "crm", "chat": 1}, {"enrich": True}, {"auth_connector": "x"},
        {"events": "crm", "auth_connector": " "}, {"events": "crm", "enrich": "yes"},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_cannot_be_used(how: dict[str, Any]) -> None:
    """Before anything is sent."""
    from bxpull_nb.sources import Sources

    events = how.pop("events", None)
    with pytest.raises(SettingsError):
        Sources.of(events, **how)
