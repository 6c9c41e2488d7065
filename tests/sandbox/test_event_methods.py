"""Event bindings over HTTP: who may bind what, and how long it holds."""

import pytest

from tests.support.rest_answers import refusal, result
from tests.support.visitor import Visitor, visiting

OFFLINE = {"event": "onCrmDealUpdate", "event_type": "offline"}


def test_the_events_are_those_of_the_callers_scope(visitor: Visitor) -> None:
    """`SCOPE` asks for one scope, `FULL` for all; names are in capitals."""
    crm = [
        f"ONCRM{kind}{action}"
        for kind in ("DEAL", "CONTACT")
        for action in ("ADD", "UPDATE", "DELETE")
    ]
    tasks = ["ONTASKADD", "ONTASKUPDATE", "ONTASKDELETE"]
    assert result(visitor, "events", {"SCOPE": "crm"}) == crm
    assert result(visitor, "events", {"scope": "task"}) == tasks
    with visiting(scope="pull,crm") as narrow:
        assert set(result(narrow, "events")) & {*crm, *tasks} == set(crm)
        assert set(tasks) < set(result(narrow, "events", {"FULL": True}))


def test_an_offline_event_is_bound_listed_and_unbound(visitor: Visitor) -> None:
    """To bind it again is harmless, there is one binding; the name may have any case."""
    assert result(visitor, "event.bind", OFFLINE) is True
    assert result(visitor, "event.bind", {**OFFLINE, "event": "ONCRMDEALUPDATE"}) is True
    row = {"event": "ONCRMDEALUPDATE", "connector_id": "", "offline": 1}
    assert result(visitor, "event.get") == [row]
    own = {**OFFLINE, "auth_connector": "mine", "options": {"minTimeout": 5}}
    assert result(visitor, "event.bind", own) is True
    assert result(visitor, "event.get") == [row, {**row, "connector_id": "mine"}]
    assert result(visitor, "event.unbind", OFFLINE) == {"count": 1}
    assert result(visitor, "event.unbind", OFFLINE) == {"count": 0}
    assert result(visitor, "event.get") == [{**row, "connector_id": "mine"}]


def test_an_update_of_the_application_removes_its_bindings(visitor: Visitor) -> None:
    """The queue keeps what came before."""
    result(visitor, "event.bind", OFFLINE)
    visitor.sandbox.change_deal(15, STAGE_ID="WON")
    visitor.sandbox.update_application()
    assert result(visitor, "event.get") == []
    visitor.sandbox.change_deal(16, STAGE_ID="WON")
    ids = [row["EVENT_DATA"]["FIELDS"]["ID"] for row in visitor.sandbox.offline_queue()]
    assert ids == ["15"]


def test_an_online_event_has_a_handler_and_a_user(visitor: Visitor) -> None:
    """It is listed apart, and unbound for one user or for all."""
    online = {"event": "ONCRMDEALADD", "handler": "https://app.example/"}
    result(visitor, "event.bind", online)
    result(visitor, "event.bind", {**online, "auth_type": 15})
    row = {"event": "ONCRMDEALADD", "handler": "https://app.example/", "offline": 0}
    assert result(visitor, "event.get") == [{**row, "auth_type": user} for user in ("0", "15")]
    assert result(visitor, "event.unbind", {**online, "auth_type": 15}) == {"count": 1}
    assert result(visitor, "event.unbind", online) == {"count": 1}


NULL = "Argument '{}' is null or empty"


@pytest.mark.parametrize(
    ("params", "code", "description"),
    [
        ({**OFFLINE, "event": "ONCRMDEALUPDATED"}, "ERROR_EVENT_NOT_FOUND", "Event not found"),
        ({**OFFLINE, "event": "ONLEAD"}, "ERROR_EVENT_NOT_FOUND", "Event not found"),
        ({"event_type": "offline"}, "ERROR_ARGUMENT", NULL.format("EVENT")),
        ({"event": "ONCRMDEALADD"}, "ERROR_ARGUMENT", NULL.format("HANDLER")),
        (
            {**OFFLINE, "event_type": "later"},
            "ERROR_ARGUMENT",
            "Value must be one of {online|offline}",
        ),
        (
            {**OFFLINE, "event": "ONOFFLINEEVENT"},
            "ERROR_ARGUMENT",
            "Offline event cannot be registered for this event.",
        ),
    ],
)
def test_wrong_bindings_are_refused(
    visitor: Visitor, params: dict[str, str], code: str, description: str
) -> None:
    """The status is 400, and there is no binding."""
    assert refusal(visitor.call("event.bind", params)) == (400, code, description)
    assert result(visitor, "event.get") == []


def test_an_event_of_a_missing_scope_is_not_found() -> None:
    """The answer is that for an unknown name."""
    with visiting(scope="pull,crm") as visitor:
        answer = visitor.call("event.bind", {**OFFLINE, "event": "ONTASKADD"})
        assert refusal(answer) == (400, "ERROR_EVENT_NOT_FOUND", "Event not found")


@pytest.mark.parametrize("method", ["event.bind", "event.unbind"])
def test_offline_events_need_an_administrator(method: str) -> None:
    """Others may bind online events, for themselves only."""
    with visiting(admin=False) as visitor:
        status, code, description = refusal(visitor.call(method, OFFLINE))
        assert (status, code) == (403, "ACCESS_DENIED")
        assert description.startswith("Access denied! Offline events binding requires admin")
        online = {"event": "ONCRMDEALADD", "handler": "https://app.example/"}
        assert result(visitor, "event.bind", online) is True
        assert [row["auth_type"] for row in result(visitor, "event.get")] == ["1"]
        assert refusal(visitor.call("event.bind", {**online, "auth_type": 15}))[0] == 403


METHODS = ["events", "event.bind", "event.unbind", "event.get", "event.offline.list"]


@pytest.mark.parametrize("method", [*METHODS, *(f"event.offline.{m}" for m in ("get", "clear"))])
def test_a_webhook_has_no_events(visitor: Visitor, method: str) -> None:
    """It belongs to no application."""
    answer = visitor.http.post(f"{visitor.sandbox.webhook}{method}", json=OFFLINE)
    reason = "Current authorization type is denied for this method"
    assert refusal(answer) == (403, "WRONG_AUTH_TYPE", reason)


def test_a_smaller_plan_has_no_connectors() -> None:
    """Every method refuses an `auth_connector`, and `feature.get` reports it."""
    with visiting(offline_extended=False) as visitor:
        reason = "This feature is not enabled for the current license: auth_connector"
        for method in ("event.bind", "event.offline.get", "profile"):
            answer = visitor.call(method, {**OFFLINE, "auth_connector": "mine"})
            assert refusal(answer) == (403, "WRONG_LICENSE", reason)
        cmd = {"a": "event.offline.get?auth_connector=mine"}
        errors = result(visitor, "batch", {"cmd": cmd})["result_error"]
        assert errors["a"]["error"] == "WRONG_LICENSE"
        assert result(visitor, "event.bind", OFFLINE) is True


@pytest.mark.parametrize("extended", [True, False])
def test_a_program_may_ask_what_the_plan_has(extended: bool) -> None:
    """Unknown features count as available; a missing code is an error."""
    with visiting(offline_extended=extended) as visitor:
        value = {"value": "Y" if extended else "N"}
        for code in ("rest_offline_extended", "rest_auth_connector"):
            assert result(visitor, "feature.get", {"CODE": code}) == value
        assert result(visitor, "feature.get", {"CODE": "no_such"}) == {"value": "Y"}
        answer = visitor.call("feature.get")
        assert refusal(answer) == (400, "CODE_EMPTY", "CODE can't be empty")


def test_by_the_portals_rules_a_binding_is_made_once() -> None:
    """The second time is an error; the first binding holds."""
    with visiting(event_rules="portal") as visitor:
        result(visitor, "event.bind", OFFLINE)
        reason = "Unable to set event handler: Handler already binded"
        assert refusal(visitor.call("event.bind", OFFLINE)) == (400, "ERROR_CORE", reason)
        assert len(result(visitor, "event.get")) == 1
