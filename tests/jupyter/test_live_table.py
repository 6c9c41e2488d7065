"""The live table without a browser: a fake comm records, the test plays the page."""

import json
import math
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.recorded import recorded_rows
from bxpull_nb.errors import SettingsError
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.rate_chart import RateChart
from bxpull_nb.jupyter.widgets.rows import encode_rows
from bxpull_nb.models import Arrival, BadFrame, Record
from bxpull_nb.storage.eventlog import EventLog
from tests.support.clock import Clock
from tests.support.fake_comm import Recorder, Sent, from_page, sent_by
from tests.support.row_source import NOW_US, ListSource, event
from tests.support.rows import frame, played
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("comms")

XSS = "<img src=x onerror=window.__xss=1>"


class Page:
    """What live_table.js does with the messages, in ten lines: the rows it would hold."""

    def __init__(self, table: LiveTable, name: str = "page-1") -> None:
        self.table, self.name, self.read = table, name, 0
        self.epoch: int | None = None
        self.rows: list[list[Any]] = []
        self.end = self.gaps = 0

    def hello(self) -> None:
        """Say that it is drawn, or has a gap."""
        message = {"kind": "hello", "page": self.name, "epoch": self.epoch, "end": self.end}
        from_page(self.table, message)

    def catch_up(self) -> "Page":
        """Read what has come since."""
        for message in sent_by(self.table)[self.read :]:
            self.read += 1
            head = message.content
            if head["kind"] == "snapshot":
                self.epoch, self.end, self.rows = head["epoch"], head["start"], []
            assert head["epoch"] == self.epoch
            self.gaps += head["start"] > self.end
            self.rows += rows_of(message)
            self.end = head["start"] + head["count"]
        return self


def rows_of(message: Sent) -> list[list[Any]]:
    """The rows inside a message; their number is the one it announces."""
    rows = json.loads(message.buffers[0]) if message.buffers else []
    assert len(rows) == message.content["count"]
    return rows


def heads(table: LiveTable) -> list[tuple[str, int, int]]:
    """(kind, start, count) of everything sent."""
    return [(m.content["kind"], m.content["start"], m.content["count"]) for m in sent_by(table)]


def ids(rows: list[list[Any]]) -> list[int]:
    """The `id` inside the params: which events these rows are."""
    return [json.loads(row[4])["id"] for row in rows]


def at_once(work: Callable[[], None]) -> None:
    """Search on the test's own thread."""
    work()


def test_nothing_is_sent_without_a_page() -> None:
    """Flushing a table that no page shows costs no message, and loses nothing."""
    source = ListSource(50)
    table = LiveTable(source)
    assert [table.flush() for _ in range(3)] == [0, 0, 0]
    assert sent_by(table) == []
    page = Page(table)
    page.hello()
    assert ids(page.catch_up().rows) == list(range(50))


def test_a_page_gets_a_snapshot_then_only_what_is_new() -> None:
    """One message per flush with new rows, numbered without a gap."""
    source = ListSource(3)
    table = LiveTable(source)
    page = Page(table)
    page.hello()
    source.grow(2)
    assert table.flush() == 2
    assert table.flush() == 0
    source.grow(1)
    assert table.flush() == 1
    assert heads(table) == [("snapshot", 0, 3), ("rows", 3, 2), ("rows", 5, 1)]
    assert ids(page.catch_up().rows) == list(range(6))


def test_displaying_the_table_starts_it_before_the_page_can_ask() -> None:
    """While a cell runs, the page's hello waits; the rows do not."""
    source = ListSource(2)
    table = LiveTable(source)
    assert "application/vnd.jupyter.widget-view+json" in table._repr_mimebundle_()[0]
    assert table.flush() == 2
    source.grow(1)
    assert table.flush() == 1
    assert heads(table) == [("rows", 0, 2), ("rows", 2, 1)]


def test_a_page_that_has_everything_gets_no_rows_again() -> None:
    """Drawn after the first flush, a page that kept up is answered, not served twice."""
    table = LiveTable(ListSource(2))
    table.expect_page()
    table.flush()
    page = Page(table)
    page.epoch = 0
    page.catch_up().hello()
    assert heads(table) == [("rows", 0, 2), ("rows", 2, 0)]


def test_when_the_last_page_has_left_sending_stops() -> None:
    """Two pages, one leaves: go on; both left: silence, until one comes back."""
    source = ListSource(1)
    table = LiveTable(source)
    table.expect_page()
    first, second = Page(table), Page(table, "page-2")
    first.hello()
    second.hello()
    from_page(table, {"kind": "leave", "page": "page-1"})
    source.grow(1)
    assert table.flush() == 1
    from_page(table, {"kind": "leave", "page": "page-2"})
    source.grow(1)
    assert table.flush() == 0
    first.hello()
    assert ids(first.catch_up().rows) == [0, 1, 2]


def test_a_page_with_a_gap_asks_and_gets_everything() -> None:
    """A message that Jupyter dropped leaves a gap, and the snapshot closes it."""
    source = ListSource(5)
    table = LiveTable(source)
    page = Page(table)
    page.hello()
    page.catch_up()
    source.grow(5)
    table.flush()
    page.read += 1  # lost on the way
    source.grow(5)
    table.flush()
    assert page.catch_up().gaps == 1
    page.end = -1
    page.hello()
    assert heads(table)[-1] == ("snapshot", 0, 15)
    assert ids(page.catch_up().rows) == list(range(15))


def test_a_quiet_log_says_now_and_then_where_it_ends() -> None:
    """If the last rows before a silence were dropped, this is how the page finds out."""
    clock, source = Clock(), ListSource(1)
    table = LiveTable(source, clock=clock)
    Page(table).hello()
    for clock.now in (1001.0, 1004.9, 1005.0, 1009.0, 1010.1):
        assert table.flush() == 0
    assert heads(table) == [("snapshot", 0, 1), ("rows", 1, 0), ("rows", 1, 0)]


def test_of_a_burst_only_what_the_page_holds_is_sent() -> None:
    """Twenty thousand rows at once are the newest hundred in one message."""
    source = ListSource(10)
    table = LiveTable(source, rows=100)
    page = Page(table)
    page.hello()
    source.grow(20_000)
    assert table.flush() == 100
    assert heads(table) == [("snapshot", 0, 10), ("snapshot", 19_910, 100)]
    assert ids(page.catch_up().rows) == list(range(19_910, 20_010))


def test_rows_that_left_the_ring_are_skipped_honestly() -> None:
    """What the log itself no longer has at hand makes a snapshot, not a silent gap."""
    source = ListSource(10, ring=5)
    table = LiveTable(source)
    page = Page(table)
    page.hello()
    source.grow(8)
    assert table.flush() == 5
    assert heads(table) == [("snapshot", 5, 5), ("snapshot", 13, 5)]
    assert page.catch_up().gaps == 0
    assert page.end == 18


@pytest.mark.parametrize("filtered", [False, True])
def test_a_hundred_rows_cost_no_more_than_twelve_kilobytes(filtered: bool) -> None:
    """What the events' own params hold is not counted; filters and old flags add nothing."""
    table = LiveTable(source := ListSource(), run=at_once)
    Page(table).hello()
    if filtered:
        table.show_only("crm", "dealUpdate", NOW_US - 1_000_000, NOW_US + 1_000)
        for row in range(300):
            table.flag(row, "f" * 80)
        table.flush()
    source.grow(100)
    table.flush()
    message = sent_by(table)[-1]
    assert message.content["count"] == 100
    numbers = len(str(message.content.get("numbers", "")))
    assert message.size - numbers - sum(len(row[4]) for row in rows_of(message)) < 12_000


@pytest.mark.parametrize("filtered", [False, True])
def test_a_flush_does_not_depend_on_the_length_of_the_log(filtered: bool) -> None:
    """A hundred rows at the end of 200 000 take milliseconds, even on a busy machine."""
    source = EventLog()
    source.extend(ListSource(200_000).records)
    table = LiveTable(source, run=at_once)
    Page(table).hello()
    if filtered:
        table.show_only("crm", "dealUpdate", NOW_US - 1_000_000, NOW_US + 1_000)
        for row in range(300):
            table.flag(row, "f" * 80)
    best = 1.0
    fresh = ListSource(100).records
    for _ in range(20):
        source.extend(fresh)
        started = time.perf_counter()
        table.flush()
        best = min(best, time.perf_counter() - started)
        assert sent_by(table)[-1].content["count"] == 100
    assert best < (0.02 if filtered else 0.005)


@pytest.mark.parametrize("rows", [0, -1, 10_001])
def test_the_page_holds_one_to_ten_thousand_rows(rows: int) -> None:
    """Anything else is refused, with the limits in the message."""
    with pytest.raises(SettingsError, match="from 1 to 10000"):
        LiveTable(ListSource(), rows=rows)


@pytest.mark.parametrize("shown", [True, False])
def test_another_source_starts_over(shown: bool) -> None:
    """The page forgets the old rows at once; without a page nothing is sent."""
    table = LiveTable(ListSource(5))
    page = Page(table)
    if shown:
        page.hello()
    table.source = ListSource(2)
    if not shown:
        assert sent_by(table) == []
        page.hello()
    assert ids(page.catch_up().rows) == [0, 1]
    assert page.epoch == 1


def test_an_emptied_source_starts_over() -> None:
    """A log that was cleared is noticed by the next flush."""
    source = ListSource(5)
    table = LiveTable(source)
    page = Page(table)
    page.hello()
    source.records.clear()
    assert table.flush() == 0
    source.grow(1)
    assert table.flush() == 1
    assert heads(table) == [("snapshot", 0, 5), ("snapshot", 0, 0), ("rows", 0, 1)]
    assert ids(page.catch_up().rows) == [0]


@pytest.mark.parametrize("text", ["", "n"])
def test_replaced_rows_start_over(text: str) -> None:
    """Also when there are more than before, and in a search; the filters stay."""
    log = EventLog()
    log.extend(recorded_rows(played(5)))
    table = LiveTable(log, run=lambda work: work())
    table.search_for(text)
    page = Page(table)
    page.hello()
    log.replace(recorded_rows(played(9)[2:]))
    table.flush()
    table.flush()
    assert [row[4] for row in page.catch_up().rows] == [f'{{"n":{n}}}' for n in range(2, 9)]
    assert (page.epoch, table.filters["text"]) == (1, text)


def test_rows_replaced_during_a_flush_start_over_at_the_next() -> None:
    """A replay goes back on a thread of its own; another failure is raised."""

    class Replaced(ListSource):
        replaced = 0
        fails = False

        def recent(self, start: int) -> tuple[int, list[Record]]:
            if self.fails:
                self.fails = False
                self.records.clear()
                self.replaced += self.goes_back
                raise IndexError("no such row")
            return super().recent(start)

        goes_back = 1

    source = Replaced(5)
    table = LiveTable(source)
    page = Page(table)
    page.hello()
    source.grow(1)
    source.fails = True
    assert table.flush() == 0
    source.grow(2)
    table.flush()
    assert len(page.catch_up().rows) == 2
    source.fails, source.goes_back = True, 0
    source.grow(3)
    with pytest.raises(IndexError):
        table.flush()


def test_a_row_holds_what_the_columns_show() -> None:
    """Time in ms, channel, module, command, params as text, lag in us, mid."""
    [row] = json.loads(encode_rows([event(15)]))
    text = '{"id":15,"stage":"WON"}'
    assert row == [NOW_US // 1000, "shared", "crm", "dealUpdate", text, 6213, f"{15:026d}"]


def test_an_unreadable_message_is_a_row_with_its_error() -> None:
    """An eighth cell marks it; its text is in place of the params."""
    [row] = json.loads(encode_rows([BadFrame("{oops", "not JSON", arrival=Arrival(NOW_US))]))
    assert row == [NOW_US // 1000, None, None, None, "{oops", None, None, "not JSON"]


@pytest.mark.parametrize("sent", [None, float("nan"), float("inf"), 1e300, -1e300])
def test_an_impossible_server_time_gives_no_lag(sent: float | None) -> None:
    """The server names the time; it must not be able to stop the table."""
    [row] = json.loads(encode_rows([event(1, server_time_unix=sent)]))
    assert row[5] is None


def test_an_event_that_never_travelled_has_no_times() -> None:
    """A decoded recording has no arrival."""
    [row] = json.loads(encode_rows([event(1, arrival=Arrival())]))
    assert (row[0], row[1], row[5]) == (None, None, None)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb'{"a":"\u0418\u0432\u0430\u043d"}', '{"a":"Иван"}'),
        (rb'{"a":"\u003Cb\u003E"}', '{"a":"<b>"}'),
        (rb'{"a":"\ud800"}', r'{"a":"\ud800"}'),
        (b'{"a":"\\u0041' + b"[" * 5000, '{"a":"\\u0041' + "[" * 387 + "…"),
        (b'"\xff"', '"\ufffd"'),
        ("я".encode() * 399, "я" * 399),
        ("я".encode() * 400, "я" * 400),
        ("😀".encode() * 401, "😀" * 399 + "…"),
        (b"[" + b"1," * 5_000_000 + b"1]", ("[" + "1," * 200)[:399] + "…"),
    ],
    ids=["cyrillic", "html", "half pair", "bad json", "bad utf-8", "399", "400", "401", "10 MB"],
)
def test_params_are_shown_readable_and_cut(raw: bytes, text: str) -> None:
    """Escapes are undone where that is cheap and possible; 400 characters are the most."""
    [row] = json.loads(encode_rows([event(1, params_json=raw)]))
    assert row[4] == text


def test_long_names_and_errors_are_cut_too() -> None:
    """No part of a row may be a megabyte."""
    long = "x" * 1_000_000
    records: list[Record] = [event(1, module_id=long, command=long), BadFrame(long, long)]
    assert len(encode_rows(records)) < 2_000


def test_half_a_surrogate_pair_does_not_stop_the_table() -> None:
    """Text that UTF-8 cannot hold becomes a question mark, its neighbours stay."""
    rows = json.loads(encode_rows([event(1, command="a\ud800b"), event(2)]))
    assert [row[3] for row in rows] == ["a?b", "dealUpdate"]


def test_hostile_text_travels_as_data() -> None:
    """It arrives as it was; the page's text nodes make it harmless."""
    table = LiveTable(source := ListSource())
    hostile = event(0, module_id=XSS, command=XSS, params_json=json.dumps({"x": XSS}).encode())
    source.records.append(hostile)
    source.records.append(BadFrame(XSS, XSS))
    Page(table).hello()
    first, second = rows_of(sent_by(table)[-1])
    assert first[2:5] == [XSS, XSS, json.dumps({"x": XSS})]
    assert second[4:] == [XSS, None, None, XSS]


EVERYTHING = {"text": "", "module": None, "command": None, "since_us": None, "until_us": None}


def test_show_only_is_one_small_message_for_all_views() -> None:
    """Times are widened to whole milliseconds, as the page and an export compare them."""
    table = LiveTable(ListSource(3), run=lambda _work: None)
    Page(table).hello()
    table.show_only("crm", None, NOW_US, NOW_US + 1)
    [_, message] = sent_by(table)
    wanted = {**EVERYTHING, "module": "crm", "since_us": NOW_US - 456, "until_us": NOW_US + 544}
    assert message.content == {"kind": "show", "epoch": 0, "asked": 1, "filters": wanted}
    assert message.size < 300
    assert table.filters == wanted
    table.show_only()
    assert sent_by(table)[-1].content["filters"] == EVERYTHING


def test_a_page_drawn_later_gets_filters_and_flags_with_its_snapshot() -> None:
    """Nobody looks yet: nothing is sent, nothing is lost."""
    table = LiveTable(ListSource(3), run=at_once)
    table.show_only(command="dealUpdate")
    table.flag(2, "click")
    assert sent_by(table) == []
    Page(table).hello()
    [message] = sent_by(table)
    head = message.content
    assert (head["kind"], head["flags"], head["flagged"]) == ("snapshot", [(2, "click")], 1)
    assert (head["asked"], head["filters"]["command"]) == (1, "dealUpdate")


def test_what_the_page_says_becomes_the_filters() -> None:
    """What makes no sense, or crossed a newer show_only() on its way, does not."""
    table = LiveTable(ListSource(3), run=lambda _work: None)
    Page(table).hello()
    chosen = {**EVERYTHING, "text": "won", "module": "crm", "until_us": 5_000}
    from_page(table, {"kind": "filters", "asked": 0, "filters": chosen})
    assert table.filters == chosen
    from_page(table, {"kind": "filters", "asked": 0, "filters": {**chosen, "text": 7}})
    from_page(table, {"kind": "filters", "asked": 0, "filters": {"text": "half"}})
    from_page(table, {"kind": "filters", "asked": 0, "filters": "all"})
    assert table.filters == chosen
    table.show_only(command="message")
    from_page(table, {"kind": "filters", "asked": 0, "filters": chosen})
    assert table.filters == {**EVERYTHING, "text": "won", "command": "message"}
    assert len(sent_by(table)) == 2


def test_only_the_users_changes_of_the_filters_call_back() -> None:
    """With a copy; a change that is ignored, and `show_only`, call nothing."""
    table = LiveTable(ListSource(3), run=lambda _work: None)
    Page(table).hello()
    seen: list[Any] = []
    table.on_filter(seen.append)
    table.show_only(since_us=NOW_US)
    from_page(table, {"kind": "filters", "asked": 0, "filters": EVERYTHING})
    from_page(table, {"kind": "filters", "asked": 1, "filters": "all"})
    assert seen == []
    from_page(table, {"kind": "filters", "asked": 1, "filters": EVERYTHING})
    assert seen == [EVERYTHING]
    seen[0]["text"] = "mine"
    assert table.filters == EVERYTHING


def test_what_one_does_with_the_filters_does_not_change_them() -> None:
    """The dict is the caller's own."""
    table = LiveTable(ListSource(3))
    table.filters["text"] = "mine"
    assert table.filters == EVERYTHING


def test_flags_travel_with_the_next_rows_once() -> None:
    """However many were set: no message of their own, and none for the same flag again."""
    source = ListSource(3)
    table = LiveTable(source)
    Page(table).hello()
    table.flag(1, "one")
    table.flag(3, "two")
    source.grow(2)
    table.flush()
    table.flush()
    table.flag(4, "three")
    table.flush()
    [_, second, third] = [message.content for message in sent_by(table)]
    assert (second["start"], second["count"], second["flagged"]) == (3, 2, 2)
    assert second["flags"] == [(1, "one"), (3, "two")]
    assert (third["count"], third["flagged"], third["flags"]) == (0, 3, [(4, "three")])


def test_the_newest_two_hundred_flags_are_kept_and_their_labels_cut() -> None:
    """Whatever sets them, a snapshot stays small."""
    table = LiveTable(ListSource(3))
    for row in range(1000):
        table.flag(row, "x" * 10_000 + "\ud800")
    Page(table).hello()
    [message] = sent_by(table)
    flags = message.content["flags"]
    assert (len(flags), flags[0][0], flags[-1][0]) == (200, 800, 999)
    assert {len(label) for _, label in flags} == {80}


def test_another_source_has_no_flags_yet() -> None:
    """Their row numbers would mean other rows; the filters stay."""
    table = LiveTable(ListSource(3))
    Page(table).hello()
    table.flag(1, "one")
    table.show_only(module="crm")
    table.source = ListSource(2)
    head = sent_by(table)[-1].content
    assert (head["kind"], head["flags"], head["flagged"]) == ("snapshot", [], 0)
    assert head["filters"]["module"] == "crm"


def test_no_row_is_in_any_trait(comms: Recorder) -> None:
    """What is synced is saved with the notebook: settings yes, events never."""
    table = LiveTable(source := ListSource(3), empty="Quiet.", rows=7, height=200)
    source.records.append(event(4, command="S3CRET"))
    table.flag(1, "S3CRET")
    table.show_only(command="S3CRET")
    Page(table).hello()
    table.flush()
    state = table.get_state()
    assert (state["rows"], state["empty"], state["height"]) == (7, "Quiet.", 200)
    assert "S3CRET" not in repr(state)
    trait_messages = [m for m in comms.sent if m.content is None]
    assert {m.type for m in trait_messages} == {"comm_open"}
    assert "S3CRET" not in repr(trait_messages)


def test_a_clicked_row_reaches_every_callback() -> None:
    """One that raises does not stop the next."""
    table = LiveTable(ListSource(5))
    seen: list[int] = []

    def broken(_number: int) -> None:
        raise RuntimeError("mine")

    table.on_select(broken)
    table.on_select(seen.append)
    from_page(table, {"kind": "select", "epoch": 0, "row": 3})
    assert seen == [3]


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "select", "epoch": 0, "row": 5},
        {"kind": "select", "epoch": 0, "row": -1},
        {"kind": "select", "epoch": 1, "row": 1},
        {"kind": "select", "epoch": 0, "row": "1"},
        {"kind": "select"},
        {"kind": "hello"},
        {"kind": "hello", "page": 7, "epoch": 0, "end": 0},
        {"kind": "dance"},
        "hello",
        None,
    ],
)
def test_what_makes_no_sense_is_ignored(content: object) -> None:
    """A stale or malformed message of the page calls no callback and sends nothing."""
    table = LiveTable(ListSource(5))
    seen: list[int] = []
    table.on_select(seen.append)
    from_page(table, content)
    table.flush()
    assert seen == []
    assert sent_by(table) == []


def test_two_flushing_threads_lose_and_double_nothing() -> None:
    """A timer, a second timer, pages that ask, and a log that grows meanwhile."""
    table = LiveTable(source := ListSource())
    page, other = Page(table), Page(table, "page-2")
    page.hello()
    growing = threading.Event()
    failures: list[BaseException] = []

    def run(step: Any) -> None:
        try:
            while not growing.is_set():
                step()
        except BaseException as error:  # noqa: BLE001 - checked below
            failures.append(error)

    def draw_again() -> None:
        other.hello()
        time.sleep(0.01)

    steps = [table.flush, table.flush, draw_again]
    threads = [threading.Thread(target=run, args=[step]) for step in steps]
    for thread in threads:
        thread.start()
    for _ in range(400):
        source.grow(5)
        time.sleep(0)
    growing.set()
    for thread in threads:
        thread.join()
    table.flush()
    assert failures == []
    page.catch_up()
    assert page.gaps == 0
    assert ids(page.rows) == list(range(2000))
    rows = [head for head in heads(table) if head[0] == "rows" and head[2]]
    assert all(a[1] + a[2] <= b[1] for a, b in pairwise(rows))


def test_a_closed_table_is_silent() -> None:
    """A timer that outlives the widget does no harm."""
    table = LiveTable(source := ListSource(1))
    Page(table).hello()
    table.close()
    source.grow(1)
    assert table.flush() == 0


@pytest.mark.parametrize(
    ("arrival", "shown"),
    [
        (Arrival(1_000, "shared", "websocket"), "shared"),
        (Arrival(1_000, None, None, "offline"), "offline"),
        (Arrival(1_000, None, None, "chat"), "chat"),
        (Arrival(1_000), None),
    ],
)
def test_the_channel_column_names_another_source(arrival: Arrival, shown: str | None) -> None:
    """So there is no column that is the same in nearly every row."""
    [row] = json.loads(encode_rows([event(1, arrival=arrival)]))
    assert row[1] == shown


def test_a_displayed_table_or_chart_of_a_feed_is_live() -> None:
    """No panel and no timer of the caller; closed, it is silent."""
    feed = bx.replay(frame(*(event(i) for i in range(5))), speed=math.inf)
    table, chart = LiveTable(feed), RateChart(feed)
    for view in (table, chart):
        view._repr_mimebundle_()
    eventually(lambda: sum(m.content["count"] for m in sent_by(table)) == 5)
    eventually(lambda: len(sent_by(chart)) > 0)
    assert (table.source, chart.source) == (feed.log, feed.log)
    for view in (table, chart):
        view.close()
    assert view._alone is not None
    assert view._alone.cancelled()
    feed.stop()
