"""The truth about the demo traffic: entities, stages, orders, and the changes of its drift."""

from collections import Counter
from itertools import islice

import pandas as pd
import pytest

from bxpull_nb import Sandbox
from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.demo_drift import DRIFTS
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_orders import cause_of_unpaid
from bxpull_nb.sandbox.demo_traffic import demo_events
from bxpull_nb.sandbox.demo_truth import DemoRecord, Truth
from tests.support.waiting import eventually

START = 1_790_000_000


def truth_of(count: int, seed: int = 0, drift_after: int | None = None) -> Truth:
    """Return the truth of so many events, 25 in a second."""
    record = DemoRecord(seed, drift_after)
    for number in range(count):
        record.add(f"1795447844{number:016}", START + number / 25)
    return record.truth()


def moment(number: int) -> pd.Timestamp:
    """Return the time of an event."""
    return pd.Timestamp(START * 1_000_000 + number * 40_000, unit="us", tz="UTC")


def test_the_truth_has_every_event_with_its_entities() -> None:
    """In order, with mid and time; an event of two entities has two rows."""
    found, events = truth_of(500).events, list(islice(demo_events(0), 500))
    assert list(found) == ["number", "mid", "server_time", "module_id", "command", "entity", "id"]
    assert sorted(set(found["number"])) == list(range(500))
    expected = [
        (number, entity, name)
        for number, event in enumerate(events)
        for entity, name in event.entities or [(None, None)]
    ]
    rows = found[["number", "entity", "id"]].astype(object)
    assert list(rows.where(rows.notna(), None).itertuples(index=False, name=None)) == expected
    assert found["mid"].iloc[-1] == f"1795447844{499:016}"
    assert found["server_time"].iloc[-1] == moment(499)


def test_nearly_every_event_has_an_entity() -> None:
    """Only progress of the application belongs to none."""
    without = [event for event in islice(demo_events(2), 10_000) if not event.entities]
    assert {event.command for event in without} == {"syncProgress"}
    assert len(without) < 300


def test_stages_follow_each_other_without_a_gap() -> None:
    """A stage ends when the next begins; the last has no end."""
    stages = truth_of(5000).stages
    deals = stages[stages["entity"] == "deal"]
    for _, life in deals.groupby("id"):
        assert life["stage"].iloc[0] == "NEW"
        assert life["end"].iloc[:-1].tolist() == life["start"].iloc[1:].tolist()
        assert pd.isna(life["end"].iloc[-1])
    ended = stages.dropna(subset="end")
    assert (ended["duration"] == ended["end"] - ended["start"]).all()
    assert set(stages["entity"]) == {"deal", "task", "order", "workflow"}


def test_a_change_of_a_deal_has_what_was_before_and_after() -> None:
    """The keys BEFORE and AFTER hold the changed fields, and AFTER agrees with the deal."""
    seen = 0
    for event in islice(demo_events(0), 3000):
        if event.command in ("dealMove", "dealUpdate"):
            before, after = event.params["BEFORE"], event.params["AFTER"]
            [name] = after
            assert list(before) == [name]
            assert before[name] != after[name] == event.params[name]
            seen += 1
    assert seen > 300


def test_a_moved_task_has_only_its_id_and_what_changed() -> None:
    """As portals send it."""
    events = (e for e in islice(demo_events(0), 3000) if e.command == "task_update")
    moved = [event.params for event in events if "AFTER" in event.params]
    assert len(moved) > 20
    assert {tuple(params) for params in moved} == {("TASK_ID", "BEFORE", "AFTER")}
    assert all(params["BEFORE"]["STAGE"] != params["AFTER"]["STAGE"] for params in moved)


@pytest.mark.parametrize("seed", range(5))
def test_one_value_keeps_most_of_its_orders_from_being_paid(seed: int) -> None:
    """Other orders are paid, mostly within a dozen events."""
    path, value = cause_of_unpaid(seed)
    assert truth_of(0, seed).unpaid_cause == (path, value)
    orders: dict[int, tuple[int, bool]] = {}
    paid: dict[int, int] = {}
    for number, event in enumerate(islice(demo_events(seed), 30_000)):
        if event.command == "orderAdd":
            orders[event.params["orderId"]] = (number, chosen(event, path) == value)
        elif event.command == "paymentAdd":
            paid[event.params["orderId"]] = number
    shares = [
        sum(order in paid for order, (_, risk) in orders.items() if risk == at_risk)
        / sum(risk == at_risk for _, risk in orders.values())
        for at_risk in (False, True)
    ]
    assert shares[0] > 0.9
    assert shares[1] < 0.35
    quick = [paid[order] - orders[order][0] <= 12 for order in paid]
    assert sum(quick) > 0.95 * len(quick)


def chosen(event: DemoEvent, path: str) -> object:
    """Return the value of a path of keys."""
    value: object = event.params
    for key in path.split("."):
        assert isinstance(value, dict)
        value = value[key]
    return value


def test_drift_changes_names_types_values_and_commands_from_a_set_event_on() -> None:
    """Before it, events are the same; each change is in the truth with its first event."""
    plain, changed = list(islice(demo_events(0), 900)), list(islice(demo_events(0, 300), 900))
    assert changed[:300] == plain[:300]
    commands = Counter(event.command for event in changed[300:])
    assert commands["messageLike"] == 0
    assert commands["documentReplaced"] > 5
    for event in changed[300:]:
        if event.command.startswith("deal"):
            assert "responsible_id" not in event.params
            assert event.params["assigned_by_id"] in (1, 7, 12, 15, 23)
            assert (event.params["currency"] == "KZT") == (event.params["id"] % 3 == 0)
        if event.command == "comment_add":
            assert event.params["messageId"].isdigit()
    drift = truth_of(900, drift_after=300).drift
    assert len(drift) == len(DRIFTS)
    first = next(n for n, e in enumerate(changed) if n >= 300 and e.command == "comment_add")
    row = drift[drift["kind"] == "type changed"].iloc[0]
    assert (row["number"], row["mid"]) == (first, f"1795447844{first:016}")
    assert row["at"] == moment(first)
    assert set(drift["number"] >= 300) == {True}


def test_a_sandbox_knows_the_truth_while_it_runs_and_afterwards() -> None:
    """Of the events published so far; without demo traffic there are none."""
    with Sandbox(demo=True, rate=2000, drift=50) as sandbox:
        eventually(lambda: sandbox.truth().events["number"].nunique() > 200)
    truth = sandbox.truth()
    assert "renamed path" in set(truth.drift["kind"])
    assert truth.events["mid"].is_monotonic_increasing
    with Sandbox() as sandbox:
        quiet = sandbox.truth()
    assert (len(quiet.events), len(quiet.stages), len(quiet.drift)) == (0, 0, 0)
    assert quiet.events.dtypes.tolist() == truth.events.dtypes.tolist()


def test_the_truth_needs_a_start_and_a_drift_a_number() -> None:
    """The errors name the next step."""
    with pytest.raises(SettingsError, match=r"never started: call sandbox\.start\(\)"):
        Sandbox(demo=True).truth()
    assert [Sandbox(drift=drift).drift_after for drift in (False, True, 0, 1)] == [None, 1000, 0, 1]
    with pytest.raises(SettingsError, match="drift=-1: True, or a number of events"):
        Sandbox(drift=-1)
