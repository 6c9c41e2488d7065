"""The queue of offline events over HTTP: taking, marking, collapsing, putting aside."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.rest_answers import bind, deal_ids, refusal, result, take
from tests.support.visitor import Visitor, visiting


@pytest.fixture
def visitor(clock: Clock) -> Iterator[Visitor]:
    """Open a sandbox with bindings of all deal events."""
    with visiting(now=clock) as visitor:
        bind(visitor)
        yield visitor


def change(visitor: Visitor, *numbers: int) -> None:
    """Change these deals, in this order."""
    for number in numbers:
        visitor.sandbox.change_deal(number, STAGE_ID="WON")


def left(visitor: Visitor) -> list[str]:
    """Return the ids of the deals that the queue still has."""
    return deal_ids(visitor.sandbox.offline_queue())


def test_a_record_has_the_documented_shape(visitor: Visitor, clock: Clock) -> None:
    """`event.offline.list` adds process id and error to it."""
    change(visitor, 15)
    got = result(visitor, "event.offline.list")
    message_id, time = got[0]["MESSAGE_ID"], got[0]["TIMESTAMP_X"]
    record = {
        "ID": "1",
        "TIMESTAMP_X": time,
        "EVENT_NAME": "ONCRMDEALUPDATE",
        "EVENT_DATA": {"FIELDS": {"ID": "15"}},
        "EVENT_ADDITIONAL": {"user_id": "1"},
        "MESSAGE_ID": message_id,
    }
    assert datetime.fromisoformat(time).timestamp() == clock.now
    assert got == [{**record, "PROCESS_ID": "", "ERROR": "0"}]
    assert len(message_id) == 32
    got = result(visitor, "event.offline.get", {"clear": 0})
    assert got == {"process_id": got["process_id"], "events": [record]}
    assert len(got["process_id"]) == 32


def test_only_bound_events_come_and_each_has_its_record(visitor: Visitor) -> None:
    """A deal that is added, changed and deleted has three; a contact has none."""
    sandbox = visitor.sandbox
    number = sandbox.deals.add(TITLE="new")
    sandbox.deals.change(number, OPPORTUNITY=5)
    sandbox.deals.delete(number)
    sandbox.contacts.change(1, COMMENTS="called")
    names = [record["EVENT_NAME"] for record in result(visitor, "event.offline.list")]
    assert names == ["ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDEALDELETE"]
    assert left(visitor) == [str(number)] * 3


def test_by_default_a_get_deletes_what_it_gives(visitor: Visitor) -> None:
    """There is no process id then, and a second get is empty."""
    change(visitor, 15, 16)
    assert take(visitor) == (None, ["15", "16"])
    assert left(visitor) == []
    assert take(visitor) == (None, [])


def test_marked_records_are_hidden_until_asked_for_by_their_process(visitor: Visitor) -> None:
    """They stay in the list and the queue until they are cleared."""
    change(visitor, 15, 16)
    process_id, taken = take(visitor, clear=0)
    assert process_id is not None
    assert taken == ["15", "16"]
    assert take(visitor, clear=0)[1] == []
    assert take(visitor, clear=0, process_id=process_id) == (process_id, ["15", "16"])
    assert take(visitor, clear=0, process_id="x" * 32) == ("x" * 32, [])
    listed = result(visitor, "event.offline.list", {"filter": {"PROCESS_ID": process_id}})
    assert deal_ids(listed) == ["15", "16"]
    assert result(visitor, "event.offline.clear", {"process_id": process_id}) is True
    assert left(visitor) == []


def test_a_clear_deletes_what_it_names(visitor: Visitor) -> None:
    """By ids, by message ids, or all of a process; records of others stay."""
    change(visitor, 15, 16, 17)
    got = result(visitor, "event.offline.get", {"clear": 0})
    change(visitor, 18)
    first, second, third = got["events"]
    named = {"process_id": got["process_id"]}
    clear = "event.offline.clear"
    assert result(visitor, clear, {**named, "id": [first["ID"]]}) is True
    assert left(visitor) == ["16", "17", "18"]
    assert result(visitor, clear, {**named, "message_id": [second["MESSAGE_ID"]]}) is True
    assert left(visitor) == ["17", "18"]
    assert result(visitor, clear, {"process_id": "other", "id": [third["ID"]]}) is True
    assert left(visitor) == ["17", "18"]
    assert result(visitor, clear, named) is True
    assert left(visitor) == ["18"]


def test_a_get_with_process_id_and_clear_deletes_the_whole_process(visitor: Visitor) -> None:
    """Records beyond the limit are deleted without having been given again."""
    change(visitor, 15, 16)
    process_id, _ = take(visitor, clear=0)
    assert take(visitor, process_id=process_id, limit=1) == (process_id, ["15"])
    assert left(visitor) == []


def test_changes_of_one_object_collapse_to_the_last_one(visitor: Visitor, clock: Clock) -> None:
    """The record keeps its id and its key, and gets the time of the last change."""
    change(visitor, 15, 16)
    first = result(visitor, "event.offline.list")[0]
    clock.now += 100
    hook = {"id": 15, "fields": {"STAGE_ID": "LOSE"}}
    visitor.http.post(f"{visitor.sandbox.webhook}crm.deal.update", json=hook)
    renewed, other = result(visitor, "event.offline.list")
    later = datetime.fromisoformat(first["TIMESTAMP_X"]).timestamp() + 100
    assert datetime.fromisoformat(renewed["TIMESTAMP_X"]).timestamp() == later
    assert {**renewed, "TIMESTAMP_X": first["TIMESTAMP_X"]} == first
    assert other["TIMESTAMP_X"] == first["TIMESTAMP_X"]
    assert take(visitor) == (None, ["16", "15"])


def test_a_change_of_a_marked_record_is_a_record_of_its_own(visitor: Visitor) -> None:
    """Its message id is the same, its id is not; to clear the first one leaves the second."""
    change(visitor, 15)
    got = result(visitor, "event.offline.get", {"clear": 0})
    change(visitor, 15)
    old, new = result(visitor, "event.offline.list")
    assert (old["ID"], new["ID"]) == ("1", "2")
    assert old["MESSAGE_ID"] == new["MESSAGE_ID"] == got["events"][0]["MESSAGE_ID"]
    named = {"process_id": got["process_id"], "message_id": [old["MESSAGE_ID"]]}
    result(visitor, "event.offline.clear", named)
    assert [record["ID"] for record in visitor.sandbox.offline_queue()] == ["2"]


def test_parallel_gets_never_share_records(visitor: Visitor) -> None:
    """Four threads take twenty records a call; each record is given once."""
    change(visitor, *range(1, 401))
    taken: list[str] = []

    def work() -> None:
        while True:
            found = take(visitor, clear=0, limit=20)[1]
            taken.extend(found)
            if not found:
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken, key=int) == [str(number) for number in range(1, 401)]


def test_a_get_gives_fifty_and_a_list_pages_of_fifty(visitor: Visitor) -> None:
    """A limit may be larger; a list has `total` and `next`."""
    change(visitor, *range(1, 121))
    first = visitor.call("event.offline.list").json()
    assert (len(first["result"]), first["total"], first["next"]) == (50, 120, 50)
    last = visitor.call("event.offline.list", {"start": 100}).json()
    assert (len(last["result"]), last["total"], "next" in last) == (20, 120, False)
    assert len(take(visitor)[1]) == 50
    assert len(take(visitor, limit="60")[1]) == 60
    assert len(take(visitor)[1]) == 10


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({">ID": 2}, ["17", "18"]),
        ({">=id": "2", "<ID": 4}, ["16", "17"]),
        ({"=EVENT_NAME": "ONCRMDEALDELETE"}, ["18"]),
        ({"EVENT_NAME": "ONCRMDEALUPDATE", "<=ID": 1}, ["15"]),
        ({">TIMESTAMP_X": "2026-11-27T10:00:00+00:00"}, ["16", "17", "18"]),
        ({}, ["15", "16", "17", "18"]),
        ([], ["15", "16", "17", "18"]),
    ],
)
def test_filters_choose_records(
    visitor: Visitor, clock: Clock, filters: Any, wanted: list[str]
) -> None:
    """A list and a get agree."""
    clock.now = datetime.fromisoformat("2026-11-27T10:00:00+00:00").timestamp()
    change(visitor, 15)
    clock.now += 1
    change(visitor, 16, 17)
    visitor.sandbox.deals.delete(18)
    assert deal_ids(result(visitor, "event.offline.list", {"filter": filters})) == wanted
    assert take(visitor, filter=filters)[1] == wanted


def test_a_list_takes_more_filters(visitor: Visitor) -> None:
    """Values from a list, parts of texts, process and error."""
    change(visitor, 15, 16, 17)
    take(visitor, clear=0, limit=1)
    listed = [
        deal_ids(result(visitor, "event.offline.list", {"filter": filters}))
        for filters in ({"@ID": [1, "3"]}, {"%EVENT_NAME": "UPD"}, {"PROCESS_ID": ""}, {"ERROR": 1})
    ]
    assert listed == [["15", "17"], ["15", "16", "17"], ["16", "17"], []]


def test_records_come_in_the_order_asked_for(visitor: Visitor, clock: Clock) -> None:
    """A get gives the oldest change first, a list the lowest id."""
    for number in (15, 16, 17):
        change(visitor, number)
        clock.now += 1
    change(visitor, 15)
    assert deal_ids(result(visitor, "event.offline.list")) == ["15", "16", "17"]
    down = {"order": {"ID": "desc"}}
    assert deal_ids(result(visitor, "event.offline.list", down)) == ["17", "16", "15"]
    assert take(visitor, clear=0, limit=2)[1] == ["16", "17"]
    change(visitor, 16)
    assert take(visitor, order={"TIMESTAMP_X": "DESC", "ID": "DESC"})[1] == ["16", "15"]


WRONG = "The value of an argument '{}' has an invalid type"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"filter": {"PROCESS_ID": "x"}}, "Filter field not allowed: PROCESS_ID"),
        ({"filter": {"!ID": 1}}, "Filter operation not allowed: !"),
        ({"filter": {"ID": [1, 2]}}, WRONG.format("ID")),
        ({"filter": {"ID": "one"}}, WRONG.format("ID")),
        ({"filter": {"<TIMESTAMP_X": "noon"}}, WRONG.format("TIMESTAMP_X")),
        ({"filter": "ID"}, "The filter is not an array."),
        ({"order": "ID"}, "The order is not an array."),
        ({"order": {"ERROR": "ASC"}}, "Order field not allowed: ERROR"),
        ({"order": {"ID": "UP"}}, "Order direction should be one of {ASC|DESC}"),
        ({"limit": 0}, "Value must be positive integer"),
        ({"limit": "none"}, "Value must be positive integer"),
    ],
)
def test_wrong_parameters_are_refused(
    visitor: Visitor, params: dict[str, Any], reason: str
) -> None:
    """The queue stays as it was."""
    change(visitor, 15)
    assert refusal(visitor.call("event.offline.get", params)) == (400, "ERROR_ARGUMENT", reason)
    assert left(visitor) == ["15"]


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("clear", {}, "Argument 'PROCESS_ID' is null or empty"),
        ("clear", {"process_id": "p", "id": 3}, "Value must be array of integers"),
        ("clear", {"process_id": "p", "id": ["x"]}, "Value must be array of integers"),
        ("clear", {"process_id": "p", "message_id": ["short"]}, None),
        ("error", {"message_id": []}, "Argument 'PROCESS_ID' is null or empty"),
        ("error", {"process_id": "p"}, None),
    ],
)
def test_a_clear_and_an_error_check_what_they_name(
    visitor: Visitor, method: str, params: dict[str, Any], reason: str | None
) -> None:
    """A process id is needed, and lists of ids."""
    answer = visitor.call(f"event.offline.{method}", params)
    expected = reason or "Value must be array of MESSAGE_ID values"
    assert refusal(answer) == (400, "ERROR_ARGUMENT", expected)


def test_records_put_aside_are_seen_with_error_only(visitor: Visitor) -> None:
    """They belong to no process then; the next change of the object stays aside, too."""
    change(visitor, 15, 16)
    got = result(visitor, "event.offline.get", {"clear": 0})
    bad = got["events"][0]["MESSAGE_ID"]
    named = {"process_id": got["process_id"], "message_id": [bad]}
    assert result(visitor, "event.offline.error", named) is True
    assert take(visitor, clear=0, process_id=got["process_id"])[1] == ["16"]
    assert take(visitor, clear=0)[1] == []
    listed = result(visitor, "event.offline.list", {"filter": {"ERROR": 1}})
    assert [(one["PROCESS_ID"], one["ERROR"]) for one in listed] == [("", "1")]
    change(visitor, 15)
    assert take(visitor)[1] == []
    assert take(visitor, error=1) == (None, ["15"])


def test_an_error_of_a_wrong_process_deletes_free_records(visitor: Visitor) -> None:
    """So portals do; the answer is `true` all the same."""
    change(visitor, 15, 16)
    message_id = result(visitor, "event.offline.list")[0]["MESSAGE_ID"]
    wrong = {"process_id": "other", "message_id": [message_id]}
    assert result(visitor, "event.offline.error", wrong) is True
    assert left(visitor) == ["16"]
    assert result(visitor, "event.offline.error", {**wrong, "message_id": []}) is True


def test_a_connector_has_a_queue_of_its_own(visitor: Visitor) -> None:
    """Changes that the application makes in its name are left out there."""
    bind(visitor, auth_connector="mine")
    update = {"id": 15, "fields": {"STAGE_ID": "WON"}, "auth_connector": "mine"}
    assert result(visitor, "crm.deal.update", update) is True
    assert take(visitor, auth_connector="mine") == (None, [])
    assert take(visitor) == (None, ["15"])
    result(visitor, "crm.deal.update", {**update, "auth_connector": "other"})
    process_id, taken = take(visitor, auth_connector="mine", clear=0)
    assert taken == ["15"]
    assert take(visitor, process_id=process_id, clear=0)[1] == []
    clear = {"process_id": process_id, "auth_connector": "mine"}
    assert result(visitor, "event.offline.clear", clear) is True
    assert [row["ID"] for row in result(visitor, "event.offline.list")] == ["2"]


@pytest.mark.parametrize(("rules", "own"), [("guide", ["15"]), ("portal", [])])
def test_the_applications_own_changes(rules: str, own: list[str]) -> None:
    """By the guide they come unless they name the connector; by portals' code never."""
    with visiting(event_rules=rules) as visitor:
        bind(visitor)
        update = {"id": 15, "fields": {"STAGE_ID": "WON"}}
        result(visitor, "crm.deal.update", update)
        assert take(visitor)[1] == own
        visitor.http.post(f"{visitor.sandbox.webhook}crm.deal.update", json=update)
        assert take(visitor)[1] == ["15"]


def test_a_smaller_plan_only_deletes() -> None:
    """Without the feature there is no process id, and records are deleted when taken."""
    with visiting(offline_extended=False) as visitor:
        bind(visitor)
        change(visitor, 15)
        answer = visitor.call("event.offline.get", {"clear": 0})
        reason = "This feature is not enabled for the current license: "
        reason += "extended offline events handling"
        assert refusal(answer) == (403, "WRONG_LICENSE", reason)
        assert take(visitor) == (None, ["15"])
        assert left(visitor) == []


def test_only_administrators_have_the_queue() -> None:
    """Every method is denied to others."""
    with visiting(admin=False) as visitor:
        for method in ("list", "get", "clear", "error"):
            answer = visitor.call(f"event.offline.{method}", {"process_id": "x"})
            assert refusal(answer) == (403, "ACCESS_DENIED", "Access denied!")


def test_a_batch_takes_and_clears(visitor: Visitor) -> None:
    """A later command may use the process id of an earlier one."""
    change(visitor, 15)
    cmd = {
        "got": "event.offline.get?clear=0&limit=10",
        "deal": "crm.deal.get?ID=$result[got][events][0][EVENT_DATA][FIELDS][ID]",
        "done": "event.offline.clear?process_id=$result[got][process_id]",
    }
    got = result(visitor, "batch", {"cmd": cmd})["result"]
    assert (got["deal"]["ID"], got["deal"]["STAGE_ID"], got["done"]) == ("15", "WON", True)
    assert left(visitor) == []
