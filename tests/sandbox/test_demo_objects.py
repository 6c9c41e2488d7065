"""The demo traffic changes the portal's objects: channel, offline events and objects agree."""

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bxpull_nb.sandbox.demo_traffic import demo_events
from bxpull_nb.sandbox.demo_truth import DemoRecord
from bxpull_nb.sandbox.objects.demo_objects import DemoObjects
from bxpull_nb.sandbox.objects.portal_objects import PortalObjects
from bxpull_nb.sandbox.objects.table import ObjectTable, Row
from tests.support.rest_answers import bind, result
from tests.support.visitor import visiting
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from bxpull_nb.sandbox.objects.change import Change

START = 1_795_800_000


def moment(number: int) -> float:
    """Return the time of one demo event: one a second."""
    return float(START + number)


def found(table: ObjectTable, number: int | str) -> Row:
    """Return the object with that id, which exists."""
    row = table.find(int(number))
    assert row is not None
    return row


@pytest.mark.parametrize("drift_after", [None, 500])
def test_objects_end_in_the_stages_of_the_truth(drift_after: int | None) -> None:
    """Every change of a deal or a task is one event, at the time of the demo event."""
    changes: list[Change] = []
    objects = PortalObjects(changes.append, demo=True)
    demo, record = DemoObjects(objects), DemoRecord(3, drift_after)
    for number, event in enumerate(islice(demo_events(3, drift_after), 3000)):
        demo.apply(event, moment(number))
        record.add(f"1795447844{number:016}", moment(number))
    stages = record.truth().stages
    for entity, table in (("deal", objects.deals), ("task", objects.tasks)):
        last = stages[stages["entity"] == entity].groupby("id").last()["stage"]
        assert len(last) > 100
        assert {name: found(table, name)["STAGE_ID"] for name in last.index} == dict(last)
    events = record.truth().events
    deals = events[events["entity"] == "deal"]
    made = [one for one in changes if one.event.startswith("ONCRMDEAL")]
    assert [one.data["FIELDS"]["ID"] for one in made] == list(deals["id"])
    assert [one.moment for one in made] == [at.timestamp() for at in deals["server_time"]]
    assert {one.event for one in changes} == {
        "ONCRMDEALADD",
        "ONCRMDEALUPDATE",
        "ONCRMCONTACTUPDATE",
        "ONTASKADD",
        "ONTASKUPDATE",
    }


def test_a_won_deal_makes_its_contact_a_client() -> None:
    """The contact is that of the deal's company; a finished task has its status."""
    objects = PortalObjects(lambda _change: None, demo=True)
    demo = DemoObjects(objects)
    won = []
    for event in islice(demo_events(0), 2000):
        demo.apply(event, START)
        if event.module_id == "crm" and event.stage == "WON":
            won.append(event.params)
            deal = found(objects.deals, won[-1]["id"])
            contact = found(objects.contacts, deal["CONTACT_ID"])
            assert (contact["TYPE_ID"], contact["COMMENTS"]) == (
                "CLIENT",
                f"Deal {won[-1]['id']} is won",
            )
        if event.command == "task_update" and event.params.get("status"):
            assert found(objects.tasks, event.params["TASK_ID"])["STATUS"] == "5"
    assert len(won) > 20


def test_ended_objects_are_forgotten_at_last() -> None:
    """The newest ones stay, and so do open deals and those of before; no event reports it."""
    changes: list[Change] = []
    objects = PortalObjects(changes.append, demo=True)
    demo = DemoObjects(objects, most=10)
    for event in islice(demo_events(0), 2000):
        demo.apply(event, START)
    stages = [row["STAGE_ID"] for row in objects.deals.rows()[1000:]]
    assert sum(stage in ("WON", "LOSE") for stage in stages) == 10
    assert 0 < len(stages) - 10 <= 10
    assert sum(row["STATUS"] == "5" for row in objects.tasks.rows()) == 10
    assert not [one for one in changes if one.event.endswith("DELETE")]


def test_objects_and_offline_events_of_a_running_demo_agree() -> None:
    """Deals that have ended are equal in the truth, the objects and the offline events."""
    with visiting(demo=True, rate=2000, rest_limit=None) as visitor:
        bind(visitor)
        eventually(lambda: len(ended(visitor.sandbox.truth().stages)) > 30)
        stages = ended(visitor.sandbox.truth().stages)
        records = {
            record["EVENT_DATA"]["FIELDS"]["ID"]: record["TIMESTAMP_X"]
            for record in visitor.sandbox.offline_queue()
            if record["EVENT_NAME"] == "ONCRMDEALUPDATE"
        }
        names = list(stages.index)[:50]
        got = result(visitor, "batch", {"cmd": {one: f"crm.deal.get?id={one}" for one in names}})
        assert {one: got["result"][one]["STAGE_ID"] for one in names} == {
            one: stages.loc[one, "stage"] for one in names
        }
        for one in set(names) & set(records):
            assert got["result"][one]["DATE_MODIFY"] == records[one]
            end = datetime.fromisoformat(records[one]).timestamp()
            assert end == int(stages.loc[one, "start"].timestamp())
        assert len(set(names) & set(records)) > 10
        added = visitor.sandbox.deals.add(TITLE="mine")
        assert added == 1_000_001


def ended(stages: pd.DataFrame) -> pd.DataFrame:
    """Return the last stage of each deal that is won or lost."""
    last = stages[stages["entity"] == "deal"].groupby("id").last()
    return last[last["stage"].isin(["WON", "LOSE"])]
