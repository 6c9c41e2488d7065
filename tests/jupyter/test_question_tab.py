"""The tabs Catalogue, Trace and Query: on demand, cancellable, with the line of Python."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import ipywidgets
import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import QueryFailed
from bxpull_nb.jupyter.widgets.answer_table import AnswerTable
from bxpull_nb.jupyter.widgets.question_tab import CatalogueTab, QueryTab, QuestionTab, TraceTab
from bxpull_nb.params.engine import interruptible
from tests.support.fake_comm import from_page, record_comms, sent_by
from tests.support.rows import frame, sent

XSS = "<img src=x onerror=window.__xss=1>"


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """Three events of two deals, played."""
    record_comms(monkeypatch)
    params = [{"id": 15, "stage": "NEW"}, {"id": 16, "title": XSS}, {"id": 15, "stage": "WON"}]
    df = frame(*(sent("crm", "dealMove", json.dumps(one), n) for n, one in enumerate(params)))
    feed = bx.replay(df, speed=float("inf"))
    feed.wait(3, timeout=10)
    yield feed
    feed.stop()
    ipywidgets.Widget.close_all()


def ask(tab: QuestionTab) -> dict[str, Any]:
    """Ask, and return what the page gets."""
    asyncio.run(tab.ask())
    content: dict[str, Any] = sent_by(tab.answer)[-1].content
    return content


def test_the_catalogue_lists_the_paths(feed: Feed) -> None:
    """With the line that does the same."""
    shown = ask(CatalogueTab(feed))
    assert shown["code"] == "feed.schema()"
    place = shown["columns"].index("path")
    assert {row[place] for row in shown["rows"]} >= {"id", "stage", "title"}


def test_the_trace_lists_entities_then_one_life(feed: Feed) -> None:
    """Without an id those that there are; a wrong one is a sentence."""
    tab = TraceTab(feed)
    shown = ask(tab)
    assert (shown["code"], shown["rows"][0][:3]) == ("feed.entities('deal')", ["deal", "15", "2"])
    tab.choose("deal", "15")
    shown = ask(tab)
    assert shown["code"] == "feed.trace('deal', '15')"
    changes = [dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]]
    assert (changes[-1]["path"], changes[-1]["from"], changes[-1]["to"]) == ("stage", "NEW", "WON")
    tab.choose("deal", "99")
    shown = ask(tab)
    assert shown["note"].startswith("no event belongs to deal '99'")
    assert shown["rows"] == []


def test_a_query_is_answered_or_one_sentence(feed: Feed) -> None:
    """Hostile text stays text; the table is what Python would return."""
    tab = QueryTab(feed)
    shown = ask(tab)
    assert shown["rows"] == [["dealMove", "3"]]
    tab.query.value = "select params->>'$.title' as title from events where params.id = 16"
    shown = ask(tab)
    assert shown["rows"] == [[XSS]]
    assert shown["code"] == f"feed.sql({tab.query.value!r})"
    tab.query.value = "select nothing from events"
    assert "the query failed" in ask(tab)["note"]
    assert tab.cancel_button.disabled


def test_without_events_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked."""
    record_comms(monkeypatch)
    empty = SimpleFeed()
    shown = ask(CatalogueTab(empty))  # type: ignore[arg-type]
    assert (shown["note"].split(":")[0], shown["code"]) == ("No events yet", "feed.schema()")


class SimpleFeed:
    """A feed without events."""

    schema = None

    def __len__(self) -> int:
        return 0


def test_a_long_query_can_be_cancelled(feed: Feed) -> None:
    """The database stops, and its answer is not shown."""
    tab = QueryTab(feed)
    tab.query.value = "select count(*) from events, range(100000000000) where random() < 2"

    async def ask_and_cancel() -> None:
        asking = asyncio.ensure_future(tab.ask())
        while tab.cancel_button.disabled:  # noqa: ASYNC110 - a trait, no event
            await asyncio.sleep(0)
        await tab.cancel()
        await asking

    asyncio.run(ask_and_cancel())
    assert (tab.answer.note, tab.cancel_button.disabled) == ("Cancelled.", True)


def test_an_interrupted_context_opens_no_other_database(feed: Feed) -> None:
    """What is asked in parts stops between them too; outside nothing is changed."""
    with interruptible() as interrupt:
        interrupt()
        with pytest.raises(QueryFailed, match="cancelled"):
            feed.sql("select 1 as one from events")
    assert len(feed.sql("select 1 as one from events")) == 3


def test_an_answer_is_cut_and_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that comes later gets it too; it is bounded, and no trait holds it."""
    record_comms(monkeypatch)
    table = AnswerTable("Ask.")
    texts = pd.Series(["x" * 1000, "\ud800"] * 1000, dtype=object)
    table.show(pd.DataFrame({"a": texts, "b": [None, 1.5] * 1000}), "code")
    from_page(table, {"kind": "hello"})
    first, again = [message.content for message in sent_by(table)]
    assert first == again
    assert (len(first["rows"]), first["rows"][1]) == (500, ["?", "1.5"])
    assert (len(first["rows"][0][0]), first["rows"][0][1]) == (400, None)
    assert "2\u202f000 rows, the first 500 here" in first["note"]
    assert "xxx" not in repr(table.get_state())
