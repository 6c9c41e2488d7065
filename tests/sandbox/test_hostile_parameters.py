"""Methods of objects and events with any JSON as parameters: each answer is one of a portal."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rest_answers import bind
from tests.support.visitor import Visitor, visiting

METHODS = [
    *(f"crm.{kind}.{what}" for kind in ("deal", "contact") for what in ("list", "get", "update")),
    *("crm.deal.add", "crm.deal.delete", "crm.contact.add", "user.get", "user.current"),
    *(f"tasks.task.{what}" for what in ("list", "get", "add", "update", "delete")),
    *("events", "event.bind", "event.unbind", "event.get", "feature.get", "user.admin"),
    *(f"event.offline.{what}" for what in ("list", "get", "clear", "error")),
    *(f"im.v2.Event.{what}" for what in ("subscribe", "get", "unsubscribe")),
]
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["1", "-1", "0001-01-01", "9999-12-31T23:59:59-14:00", "1e999", "ASC"]),
)
FIELDS = [
    "ID",
    ">ID",
    "@ID",
    "%ID",
    "TIMESTAMP_X",
    "<=TIMESTAMP_X",
    "ERROR",
    "MESSAGE_ID",
    "OPPORTUNITY",
]
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), inner, max_size=3),
    ),
    max_leaves=6,
)
NAMES = [
    *("id", "ID", "taskId", "fields", "filter", "order", "select", "start", "limit", "clear"),
    *("process_id", "message_id", "error", "auth_connector", "event", "event_type", "handler"),
    *("auth_type", "options", "CODE", "SCOPE", "FULL", "offset"),
]


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox whose queue has records."""
    with visiting(rest_limit=None) as visitor:
        bind(visitor)
        for number in range(1, 20):
            visitor.sandbox.change_deal(number, STAGE_ID="WON")
        yield visitor


@given(
    method=st.sampled_from(METHODS),
    params=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
)
@settings(deadline=None, max_examples=300)
def test_any_parameters_have_an_answer(
    visitor: Visitor, method: str, params: dict[str, Any]
) -> None:
    """It is a result, or an error of the client's with a description, never a server's error."""
    bearer = {"Authorization": f"Bearer {visitor.sandbox.token}"}
    headers = {**bearer, "Content-Type": "application/json"}
    body = json.dumps(params).encode()
    answer = visitor.http.post(f"/rest/{method}", headers=headers, content=body)
    assert answer.status_code in (200, 400, 403), answer.text
    content = answer.json()
    assert ("result" in content) is (answer.status_code == 200)
    assert ("error_description" in content) is (answer.status_code != 200)
    assert "time" in content


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("crm.deal.update", {"id": 1, "fields": {"OPPORTUNITY": 10**400}}),
        ("crm.deal.update", {"id": 1, "fields": {"OPPORTUNITY": "nan"}}),
        ("crm.deal.list", {"filter": {">OPPORTUNITY": 10**400}}),
        ("event.offline.list", {"filter": {">TIMESTAMP_X": "0001-01-01"}}),
        ("event.offline.list", {"filter": {">TIMESTAMP_X": "9999-12-31T23:59:59-14:00"}}),
        ("event.offline.list", {"filter": {"ID": 1e308}}),
        ("event.offline.get", {"limit": 1e308, "clear": 0}),
        ("event.offline.clear", {"process_id": "x", "id": [1e308]}),
        ("im.v2.Event.get", {"offset": 1e308, "limit": -1e308}),
    ],
)
def test_extreme_numbers_and_times_have_an_answer(
    visitor: Visitor, method: str, params: dict[str, Any]
) -> None:
    """They are values like others, or refused."""
    assert visitor.call(method, params).status_code in (200, 400)
