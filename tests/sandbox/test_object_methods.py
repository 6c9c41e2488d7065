"""REST methods of deals, contacts, tasks and users, and the events that their changes make."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox import Sandbox
from tests.support.rest_answers import bind, refusal, result
from tests.support.visitor import Visitor, visiting


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """Open a sandbox with bindings of all objects."""
    with visiting() as visitor:
        for kind in ("CRMDEAL", "CRMCONTACT", "TASK"):
            bind(visitor, kind)
        yield visitor


def recorded(visitor: Visitor) -> list[tuple[str, Any]]:
    """Return name and data of the offline events, and delete them."""
    events = result(visitor, "event.offline.get")["events"]
    return [(event["EVENT_NAME"], event["EVENT_DATA"]) for event in events]


@pytest.mark.parametrize(("kind", "number"), [("deal", 1235), ("contact", 7)])
def test_crm_objects_are_added_changed_and_deleted(
    visitor: Visitor, kind: str, number: int
) -> None:
    """Each change makes its event, with the id as text."""
    data = {"FIELDS": {"ID": str(number)}}
    added = result(visitor, f"crm.{kind}.add", {"fields": {"COMMENTS": "new", "NO_SUCH": 1}})
    assert added == number
    row = result(visitor, f"crm.{kind}.get", {"id": number})
    assert (row["ID"], row["COMMENTS"], "NO_SUCH" in row) == (str(number), "new", False)
    assert row["DATE_CREATE"] == row["DATE_MODIFY"]
    update = {"id": number, "fields": {"assigned_by_id": 7, "ID": 3, "DATE_CREATE": "x"}}
    assert result(visitor, f"crm.{kind}.update", update) is True
    changed = result(visitor, f"crm.{kind}.get", {"id": number})
    assert {**changed, "DATE_MODIFY": ""} == {**row, "ASSIGNED_BY_ID": "7", "DATE_MODIFY": ""}
    assert result(visitor, f"crm.{kind}.delete", {"id": str(number)}) is True
    names = [f"ONCRM{kind.upper()}{action}" for action in ("ADD", "UPDATE", "DELETE")]
    assert recorded(visitor) == [(name, data) for name in names]
    for method in ("get", "update", "delete"):
        answer = visitor.call(f"crm.{kind}.{method}", {"id": number})
        assert refusal(answer) == (400, "", "Not found")
    assert recorded(visitor) == []


def test_a_sum_has_two_decimals_and_a_change_its_time(visitor: Visitor) -> None:
    """`DATE_MODIFY` is the moment of the change, `DATE_CREATE` stays."""
    before = result(visitor, "crm.deal.get", {"id": 15})
    result(visitor, "crm.deal.update", {"id": 15, "fields": {"OPPORTUNITY": 7.5}})
    after = result(visitor, "crm.deal.get", {"id": 15})
    assert (before["OPPORTUNITY"], after["OPPORTUNITY"]) == ("1500.00", "7.50")
    assert after["DATE_CREATE"] == before["DATE_CREATE"]
    record = visitor.sandbox.offline_queue()[0]
    assert record["TIMESTAMP_X"] == after["DATE_MODIFY"] != before["DATE_MODIFY"]
    assert datetime.fromisoformat(after["DATE_MODIFY"]).utcoffset() is not None


def test_deleted_and_added_deals_are_in_the_list(visitor: Visitor) -> None:
    """The total follows, and so do filters."""
    result(visitor, "crm.deal.delete", {"id": 3})
    result(visitor, "crm.deal.add", {"fields": {"TITLE": "mine"}})
    listed = visitor.call("crm.deal.list", {"filter": {"<ID": 5}}).json()
    assert [row["ID"] for row in listed["result"]] == ["1", "2", "4"]
    assert visitor.call("crm.deal.list").json()["total"] == 1234
    mine = result(visitor, "crm.deal.list", {"filter": {"TITLE": "mine"}, "select": ["TITLE"]})
    assert mine == [{"ID": "1235", "TITLE": "mine"}]


def test_contacts_have_personal_data(visitor: Visitor) -> None:
    """E-mails and telephones are lists of values, each with its type."""
    contact = result(visitor, "crm.contact.get", {"id": 2})
    assert (contact["NAME"], contact["LAST_NAME"]) == ("Роман", "Маслов")
    assert contact["BIRTHDATE"].startswith("1975-08-09T")
    mail, phone = contact["EMAIL"][0], contact["PHONE"][0]
    assert (mail["VALUE"], mail["TYPE_ID"]) == ("contact2@customer.example", "EMAIL")
    assert (phone["VALUE"], phone["VALUE_TYPE"]) == ("+49 40 55510002", "WORK")
    mails = [{"VALUE": "new@customer.example", "VALUE_TYPE": "WORK"}]
    result(visitor, "crm.contact.update", {"id": 2, "fields": {"EMAIL": mails}})
    assert result(visitor, "crm.contact.get", {"id": 2})["EMAIL"] == mails
    assert len(result(visitor, "crm.contact.list")) == 6
    assert result(visitor, "crm.contact.fields")["ID"]["isReadOnly"] is True


def test_tasks_have_answers_of_their_own_shape(visitor: Visitor) -> None:
    """Fields are given in capitals and answered otherwise; lists are in `tasks`."""
    fields = {"TITLE": "Call back", "RESPONSIBLE_ID": 7}
    task = result(visitor, "tasks.task.add", {"fields": fields})["task"]
    shown = {name: task[name] for name in ("id", "title", "responsibleId", "status", "createdBy")}
    expected = {"id": "1", "title": "Call back", "responsibleId": "7", "status": "2"}
    assert shown == {**expected, "createdBy": "1"}
    changed = {"taskId": 1, "fields": {"STATUS": 5, "STAGE_ID": 12}}
    task = result(visitor, "tasks.task.update", changed)["task"]
    assert (task["status"], task["stageId"]) == ("5", "12")
    got = result(visitor, "tasks.task.get", {"taskId": "1", "select": ["STAGE_ID"]})
    assert got == {"task": {"id": "1", "stageId": "12"}}
    result(visitor, "tasks.task.add", {"fields": {"TITLE": "Prepare"}})
    listed = visitor.call("tasks.task.list", {"filter": {"RESPONSIBLE_ID": 7}}).json()
    assert [one["title"] for one in listed["result"]["tasks"]] == ["Call back"]
    assert listed["total"] == 1
    assert result(visitor, "tasks.task.delete", {"taskId": 1}) == {"task": True}


def test_events_of_tasks_name_the_task_before_and_after(visitor: Visitor) -> None:
    """Ids are numbers, as in the guide; what does not exist is `undefined`."""
    result(visitor, "tasks.task.add", {"fields": {"TITLE": "Call back"}})
    result(visitor, "tasks.task.update", {"taskId": 1, "fields": {"STATUS": 5}})
    result(visitor, "tasks.task.delete", {"taskId": 1})
    task, none = {"ID": 1}, "undefined"

    def data(before: Any, after: Any, was: str, is_: str) -> dict[str, Any]:
        accessible = {"IS_ACCESSIBLE_BEFORE": was, "IS_ACCESSIBLE_AFTER": is_}
        return {"FIELDS_BEFORE": before, "FIELDS_AFTER": after, **accessible}

    assert recorded(visitor) == [
        ("ONTASKADD", data(none, task, "N", none)),
        ("ONTASKUPDATE", data(task, task, none, none)),
        ("ONTASKDELETE", data(task, none, none, "N")),
    ]


def test_missing_tasks(visitor: Visitor) -> None:
    """A get is an empty list, changes are refused, and so are ids that are none."""
    assert result(visitor, "tasks.task.get", {"taskId": 9}) == []
    for method, code in (("update", "change"), ("delete", "delete")):
        answer = visitor.call(f"tasks.task.{method}", {"taskId": 9})
        assert refusal(answer) == (400, "1048582", f"No access to {code} the task")
    assert refusal(visitor.call("tasks.task.get", {"taskId": "x"})) == (400, "0", "wrong task id")
    assert refusal(visitor.call("tasks.task.get"))[:2] == (400, "100")
    assert refusal(visitor.call("tasks.task.add", {"fields": {}}))[0] == 400


def test_users_have_personal_data_and_rights(visitor: Visitor) -> None:
    """`user.admin` needs no scope."""
    users = result(visitor, "user.get", {"ID": 15})
    assert [(user["NAME"], user["EMAIL"]) for user in users] == [
        ("Дарья", "user15@sandbox.example")
    ]
    assert result(visitor, "user.current")["ID"] == "1"
    for admin in (True, False):
        with visiting(admin=admin, scope="pull") as narrow:
            assert result(narrow, "user.admin") is admin


def test_fifty_objects_come_in_one_batch(visitor: Visitor) -> None:
    """A deleted one is an error among the results."""
    visitor.sandbox.deals.delete(7)
    visitor.sandbox.deals.change(8, STAGE_ID="LOSE")
    cmd = {str(number): f"crm.deal.get?id={number}" for number in range(1, 51)}
    got = result(visitor, "batch", {"cmd": cmd})
    assert len(got["result"]) == 49
    assert got["result"]["8"]["STAGE_ID"] == "LOSE"
    assert got["result_error"]["7"] == {"error": "", "error_description": "Not found"}


def test_people_change_objects_from_python(visitor: Visitor) -> None:
    """Rows are read by id; a row that was handed out does not change, and is the reader's own."""
    deals = visitor.sandbox.deals
    row = deals[15]
    deals.change(15, STAGE_ID="LOSE", OPPORTUNITY=3)
    visitor.sandbox.change_deal(15, TITLE="renamed")
    assert (row["STAGE_ID"], row["TITLE"]) == ("NEW", "Deal 15")
    deals[15]["TITLE"] = row["TITLE"] = "written on"
    with Sandbox() as other:
        assert (other.deals[15]["STAGE_ID"], other.deals[15]["TITLE"]) == ("NEW", "Deal 15")
    assert (deals[15]["STAGE_ID"], deals[15]["TITLE"]) == ("LOSE", "renamed")
    assert (deals[15]["OPPORTUNITY"], len(deals), 1235 in deals) == ("3.00", 1234, False)
    number = visitor.sandbox.tasks.add(TITLE="Call back")
    assert dict(visitor.sandbox.tasks)[number]["TITLE"] == "Call back"
    assert repr(deals) == "<1234 deals>"
    record = visitor.sandbox.offline_queue()[0]
    assert record["EVENT_ADDITIONAL"] == {"user_id": "1"}


def test_wrong_changes_from_python_name_what_there_is(visitor: Visitor) -> None:
    """An unknown field, a time that the portal sets, a missing id."""
    deals = visitor.sandbox.deals
    for field in ("STAGE", "ID", "DATE_MODIFY"):
        with pytest.raises(SettingsError, match=f"a deal has no field {field}: take ASSIGNED"):
            deals.change(15, **{field: 1})
    with pytest.raises(SettingsError, match="there is no deal 99999"):
        visitor.sandbox.change_deal(99999, STAGE_ID="WON")
    with pytest.raises(SettingsError, match="there is no contact 0"):
        visitor.sandbox.contacts.delete(0)
    with pytest.raises(KeyError):
        deals[0]
    assert visitor.sandbox.offline_queue() == []
