"""The view of one event: what the page gets of it, and of what changed since the one before."""

import msgspec
import pytest

from bxpull_nb.capture.anatomy import Anatomy, inspect
from bxpull_nb.jupyter.widgets.event_detail import EventDetail
from tests.support.fake_comm import from_page, record_comms, sent_by
from tests.support.rows import sent


def anatomy(row: int, params: str) -> Anatomy:
    """Return the anatomy of an event with these params."""
    return inspect(row, sent("crm", "dealMove", params, row), None, 0)


def test_the_page_gets_what_differs_from_the_event_shown_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing for the first; the same row again changes nothing, and so does a new page."""
    record_comms(monkeypatch)
    detail = EventDetail()
    detail.show(anatomy(3, '{"stage":"NEW","old":1}'))
    detail.show(anatomy(8, '{"stage":"WON","new":"\\u202e<b>"}'))
    detail.show(anatomy(8, '{"stage":"WON","new":"\\u202e<b>"}'))
    from_page(detail, {"kind": "hello"})
    first, *others = sent_by(detail)
    assert (first.content["before"], first.content["changes"]) == (None, [])
    for message in others:
        assert (message.content["row"], message.content["before"]) == (8, 3)
        assert message.content["changes"] == [
            ("~", "stage", '"NEW"', '"WON"'),
            ("-", "old", "1", None),
            ("+", "new", None, '"\N{REPLACEMENT CHARACTER}<b>"'),
        ]
    assert len(others) == 3
    assert msgspec.json.decode(others[-1].buffers[0])["stage"] == "WON"


def test_many_changes_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page gets five hundred lines, and how many more there are."""
    record_comms(monkeypatch)
    detail = EventDetail()
    detail.show(anatomy(1, "{}"))
    detail.show(anatomy(2, msgspec.json.encode(dict.fromkeys(map(str, range(8000)), 1)).decode()))
    changes = sent_by(detail)[-1].content["changes"]
    assert len(changes) == 501
    assert changes[-1] == ("…", "7,500 more", None, None)
