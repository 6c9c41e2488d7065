"""Answers of the portal's queues become records, whatever is in them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bxpull_nb.models import Arrival, Batch, Event, RecordBatch
from bxpull_nb.protocol.codec import JsonCodec
from bxpull_nb.sources.answers import batch_of, chat_message, offline_message, rows_of, seconds_of
from bxpull_nb.sources.doorbell import Doorbell, DoorbellTarget
from bxpull_nb.sources.enrich import _question
from bxpull_nb.sources.event_names import is_scope, module_of, not_known
from tests.support.json_values import json_values
from tests.support.targets import ListTarget

ARRIVAL = Arrival(5, None, None, "offline")
NAMES = ("ID", "TIMESTAMP_X", "EVENT_NAME", "EVENT_DATA", "EVENT_ADDITIONAL", "MESSAGE_ID")
CHAT_NAMES = ("eventId", "type", "date", "data")
moments = st.sampled_from(["2026-01-31T12:00:00+03:00", "2026-01-31T12:00:00", "", "9999-12-31"])
values = json_values | moments | st.sampled_from(["ONCRMDEALADD", "ONTASKADD", {"FIELDS": {}}])


def rows(names: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return rows with some of the names, and any values."""
    return st.lists(st.dictionaries(st.sampled_from(names), values, max_size=6), max_size=5)


@given(rows(NAMES), rows(CHAT_NAMES))
def test_any_row_is_one_record(offline: list[dict[str, Any]], chat: list[dict[str, Any]]) -> None:
    """In order, and the frame gives back the same records."""
    messages = [*map(offline_message, offline), *map(chat_message, chat)]
    batch = batch_of(messages, ARRIVAL)
    assert len(batch.records) == len(messages)
    assert batch.frame is not None
    assert JsonCodec().decode(batch.frame, ARRIVAL) == batch.records
    assert [record.mid for record in batch.records] == [one["mid"] for one in messages]
    for row in offline:
        assert offline_message(row, {"a": 1})["mid"] == offline_message(row)["mid"]
        _question(row)


@given(values)
def test_any_answer_has_rows(answer: Any) -> None:
    """Perhaps none."""
    assert all(isinstance(row, dict) for row in rows_of({"events": answer}))
    assert rows_of(answer) == [] or isinstance(answer, dict)


@given(values)
def test_any_params_may_be_a_doorbells(params: Any) -> None:
    """What is none is not heard."""
    import msgspec

    bell = Doorbell()
    bell.hear(Event("1", "rest", "event_offline", msgspec.json.encode(params), None))
    assert bell.announced >= 0


@pytest.mark.parametrize(
    "params",
    [
        "1e999",
        '[{"connector_id":1e999,"count":2}]',
        '[{"connector_id":"","count":' + "9" * 5_000 + "}]",
        "[" * 100_000 + "]" * 100_000,
        '[{"connector_id":' + "[" * 900 + "]" * 900 + "}]",
        '[{"connector_id":{"a":1}}]',
    ],
    ids=lambda params: params[:24],
)
def test_params_that_python_cannot_hold_are_no_doorbell(params: str) -> None:
    """A message of any client raises nothing on the listener's thread."""
    bell = Doorbell()
    bell.hear(Event("1", "rest", "event_offline", params.encode(), None))
    assert (bell.was_heard, bell.announced) == (False, 0)


def test_a_client_cannot_ring() -> None:
    """Only the portal knows what its queue has; the dialect shows who wrote a message."""
    bell = Doorbell()
    target = DoorbellTarget(ListTarget(), bell)
    for sender in ("client:ab", "client", "backend", None):
        event = Event("1", "rest", "event_offline", b'[{"connector_id":"","count":3}]', 5.0, sender)
        target.store(Batch(RecordBatch.of([event]), "frame"))
    assert bell.announced == 2 * 3


def test_a_list_with_a_gap_is_a_map_in_php() -> None:
    """Its rows are rows nevertheless."""
    assert rows_of({"events": {"0": {"ID": "1"}, "2": {"ID": "3"}}}) == [{"ID": "1"}, {"ID": "3"}]
    assert rows_of({"events": []}) == rows_of([]) == rows_of(None) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T03:00:00+03:00", 1767225600.0),
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T00:00:00", None),
        ("2399-01-01T00:00:00+00:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("tomorrow", None),
        (None, None),
    ],
)
def test_a_moment_has_a_zone_or_is_none(text: Any, seconds: float | None) -> None:
    """A time without one could be off by a day."""
    assert seconds_of(text) == seconds


def test_names_and_scopes() -> None:
    """The portal writes names in capitals, people write them as they like."""
    assert [is_scope(one) for one in ("crm", "user_basic", "ONCRMDEALADD", "onTaskAdd")] == [
        True,
        True,
        False,
        False,
    ]
    assert module_of("ONTASKADD") == "tasks"
    assert "did you mean ONTASKADD?" in not_known("OnTaskAdded", ["ONTASKADD", "ONCRMDEALADD"])
    assert not_known("a\ud800\n", []).startswith("a\ufffd\ufffd is no event")
