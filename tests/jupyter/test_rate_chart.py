"""The rate chart without a browser: a fake comm records, the test plays the page."""

import json
import time
from collections import Counter
from typing import Any

import pytest

from bxpull_nb.capture.recorded import recorded_rows
from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer
from bxpull_nb.jupyter.widgets.rate_chart import Pick, RateChart
from bxpull_nb.jupyter.widgets.rows import RowSource
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.query.search_text import parsed
from bxpull_nb.storage.eventlog import EventLog
from tests.support.clock import Clock
from tests.support.fake_comm import Recorder, from_page, sent_by
from tests.support.row_source import NOW_US, ListSource, event
from tests.support.rows import frame

pytestmark = pytest.mark.usefixtures("comms")

SECOND = NOW_US // 1_000_000
XSS = "<img src=x onerror=window.__xss=1>"


def at(second: float, command: str | None = "a", lag_ms: float = 5.0) -> Event:
    """An event that arrived so many seconds after SECOND."""
    received = SECOND * 1_000_000 + round(second * 1e6)
    sent = received / 1e6 - lag_ms / 1e3
    arrival = Arrival(received, "shared", "websocket")
    return event(0, command=command, server_time_unix=sent, arrival=arrival)


def chart_of(source: RowSource, **settings: Any) -> RateChart:
    """Return a chart that has been shown, with a stopped clock."""
    chart = RateChart(source, now=lambda: SECOND + 2.5, **settings)
    hello(chart)
    return chart


def hello(chart: RateChart, epoch: int | None = None, end: int = 0) -> None:
    """Send the hello of a page, with its position."""
    from_page(chart, {"kind": "hello", "page": "p", "epoch": epoch, "end": end})


def bodies(chart: RateChart) -> list[dict[str, Any]]:
    """What the messages hold."""
    return [json.loads(message.buffers[0]) for message in sent_by(chart)]


def total(seconds: list[list[Any]]) -> int:
    """The events in these seconds."""
    return sum(sum(commands.values()) + others for _, commands, others, _ in seconds)


def test_seconds_hold_counts_by_command_and_the_median_lag() -> None:
    """By the time of arrival; the median is in microseconds."""
    source = ListSource()
    source.records += [at(0.1, "a", 4), at(0.9, "b", 6), at(0.95, "a", 100), at(1, "b", -3)]
    [body] = bodies(chart_of(source))
    assert body["seconds"] == [
        [SECOND, {"a": 2, "b": 1}, 0, pytest.approx(6000, abs=1)],
        [SECOND + 1, {"b": 1}, 0, pytest.approx(-3000, abs=1)],
    ]
    assert (body["now"], body["newest"]) == (SECOND * 1000 + 2500, SECOND + 1)


def test_what_has_no_name_or_no_time() -> None:
    """Unreadable messages are among the others; what never travelled has no second."""
    source = ListSource()
    bad = BadFrame("{oops", "not JSON", arrival=Arrival(NOW_US))
    source.records += [bad, at(0, None), at(0, "a"), event(1, arrival=Arrival())]
    [body] = bodies(chart_of(source))
    [[_, commands, others, _]] = body["seconds"]
    assert (commands, others) == ({"a": 1}, 2)


def test_only_the_last_five_minutes_are_kept() -> None:
    """An hour of events costs the page, and the kernel, no more than that."""
    source = ListSource()
    source.records += [at(second) for second in range(3600)]
    chart = chart_of(source)
    [body] = bodies(chart)
    assert [row[0] - SECOND for row in body["seconds"]] == list(range(3300, 3600))
    assert sent_by(chart)[0].size < 20_000


def test_what_comes_late_counts_in_its_own_second() -> None:
    """Unless that has left the window: it must not push the others out."""
    source = ListSource()
    source.records += [at(0), at(30)]
    chart = chart_of(source)
    source.records += [at(0), at(-600)]
    assert chart.flush() == 2
    assert [row[:2] for row in bodies(chart)[-1]["seconds"]] == [[SECOND, {"a": 2}]]
    hello(chart)
    assert [row[0] - SECOND for row in bodies(chart)[-1]["seconds"]] == [0, 30]


def test_a_clock_that_was_set_back_starts_afresh() -> None:
    """What then arrives is shown, and the future is forgotten."""
    source = ListSource()
    source.records += [at(7200)]
    chart = chart_of(source)
    source.records += [at(0), at(1)]
    chart.flush()
    assert [row[0] - SECOND for row in bodies(chart)[-1]["seconds"]] == [0, 1]
    assert bodies(chart)[-1]["newest"] == SECOND + 1


def test_a_hostile_flood_of_names_stays_small() -> None:
    """Twenty thousand commands of a megabyte each would be a joke, and the total stays right."""
    source = ListSource()
    source.records += [at(0, "real")] * 50
    source.records += [at(0, f"{i}" + "x" * 1000) for i in range(20_000)]
    chart = chart_of(source)
    [[_, commands, _, _]] = bodies(chart)[0]["seconds"]
    assert commands["real"] == 50
    assert len(commands) == 32
    assert total(bodies(chart)[0]["seconds"]) == 20_050
    assert sent_by(chart)[0].size < 5_000


def test_hostile_names_and_labels_travel_as_data() -> None:
    """As they were, but for half a surrogate pair, which UTF-8 cannot hold."""
    source = ListSource()
    source.records += [at(0, XSS), at(0, "a\ud800b")]
    chart = chart_of(source)
    chart.flag(NOW_US, XSS)
    chart.shade(NOW_US, None, "a\ud800b")
    chart.flush()
    first, second = bodies(chart)
    assert first["seconds"][0][1] == {XSS: 1, "a?b": 1}
    assert second["flags"] == [[NOW_US, XSS]]
    assert second["shades"] == [[NOW_US, None, "a?b"]]


def test_only_changed_seconds_travel() -> None:
    """One message per flush with changes; a changed second comes whole."""
    source = ListSource()
    source.records += [at(0), at(1)]
    chart = chart_of(source)
    assert chart.flush() == 0
    source.records.append(at(1.5, "b"))
    assert chart.flush() == 1
    source.records.append(at(2))
    assert chart.flush() == 1
    sent = [[row[:2] for row in body["seconds"]] for body in bodies(chart)]
    assert sent[0] == [[SECOND, {"a": 1}], [SECOND + 1, {"a": 1}]]
    assert sent[1:] == [[[SECOND + 1, {"a": 1, "b": 1}]], [[SECOND + 2, {"a": 1}]]]
    heads = [message.content for message in sent_by(chart)]
    assert [(head["kind"], head["end"]) for head in heads] == [
        ("snapshot", 1),
        ("seconds", 2),
        ("seconds", 3),
    ]
    assert all(message.size < 300 for message in sent_by(chart)[1:])


def test_nothing_is_sent_without_a_page() -> None:
    """And nothing is lost by it."""
    source = ListSource()
    source.records += [at(0)] * 3
    chart = RateChart(source)
    assert [chart.flush(), chart.flush()] == [0, 0]
    assert sent_by(chart) == []
    hello(chart)
    assert total(bodies(chart)[0]["seconds"]) == 3
    from_page(chart, {"kind": "leave", "page": "p"})
    source.records += [at(0)] * 3
    assert chart.flush() == 0
    assert len(sent_by(chart)) == 1


def test_a_page_that_missed_something_gets_everything() -> None:
    """One that has everything is answered, not served twice."""
    source = ListSource()
    source.records += [at(0)]
    chart = chart_of(source)
    source.records += [at(0)]
    chart.flush()
    hello(chart, 0, 2)
    hello(chart, 0, -1)
    kinds = [message.content["kind"] for message in sent_by(chart)]
    assert kinds == ["snapshot", "seconds", "seconds", "snapshot"]
    assert [total(body["seconds"]) for body in bodies(chart)] == [1, 2, 0, 2]


def test_a_quiet_chart_says_now_and_then_where_it_is() -> None:
    """If the last message before a silence was dropped, this is how the page finds out."""
    clock = Clock()
    chart = chart_of(ListSource(), clock=clock)
    for clock.now in (1001.0, 1004.9, 1005.0, 1009.0, 1010.1):
        assert chart.flush() == 0
    assert [message.content["end"] for message in sent_by(chart)] == [1, 1, 1]


def test_a_burst_of_twenty_thousand_ends_on_the_right_numbers() -> None:
    """In one flush or in many, with the log's ring of ten thousand in between."""
    log = EventLog()
    chart = chart_of(log)
    burst = [at(i / 10_000, "ab"[i % 2]) for i in range(20_000)]
    log.extend(burst)
    assert chart.flush() == 20_000
    log.extend(burst[:7])
    chart.flush()
    hello(chart)
    seconds = bodies(chart)[-1]["seconds"]
    assert [row[:3] for row in seconds] == [
        [SECOND, {"a": 5004, "b": 5003}, 0],
        [SECOND + 1, {"a": 5000, "b": 5000}, 0],
    ]
    assert [row[3] for row in seconds] == pytest.approx([5000, 5000], abs=1)


def test_a_chart_of_a_long_log_begins_with_its_last_minutes() -> None:
    """What the log no longer has at hand is read from its DataFrame, unnamed and unknown too."""
    log = EventLog()
    log.extend(at(i / 20, "a") for i in range(20_000))
    log.extend(
        [at(1000, None), BadFrame("x", "y", arrival=Arrival(SECOND * 1_000_000 + 1_000_000_000))]
    )
    log.extend(at(1000, "b") for i in range(11_000))
    [body] = bodies(chart_of(log))
    assert [row[0] - SECOND for row in body["seconds"]] == list(range(701, 1001))
    assert body["seconds"][-1][1:3] == [{"b": 11_000}, 2]
    assert body["seconds"][0][1:3] == [{"a": 20}, 0]


def test_an_update_takes_no_longer_with_a_longer_log() -> None:
    """A hundred events of a busy second at the end of 200 000 take milliseconds, loaded or not."""
    chart = chart_of(source := ListSource(200_000))
    best, size = 1.0, 0
    for i in range(20):
        source.records += [at(i / 10, f"command{n % 12}") for n in range(100)]
        started = time.perf_counter()
        assert chart.flush() == 100
        best = min(best, time.perf_counter() - started)
        size = max(size, sent_by(chart)[-1].size)
    assert best < 0.003
    assert size < 1_000


def test_flags_and_shades_travel_once_and_again_in_a_snapshot() -> None:
    """A shade that ended replaces itself."""
    chart = chart_of(ListSource())
    chart.flag(NOW_US, "click")
    chart.shade(NOW_US, label="no connection")
    chart.flush()
    chart.flush()
    chart.shade(NOW_US, NOW_US + 5, "no connection")
    chart.flush()
    hello(chart)
    marks = [(body["flags"], body["shades"]) for body in bodies(chart)]
    flag, open_shade = [NOW_US, "click"], [NOW_US, None, "no connection"]
    ended = [NOW_US, NOW_US + 5, "no connection"]
    assert marks == [([], []), ([flag], [open_shade]), ([], [ended]), ([flag], [ended])]


def test_marks_are_bounded() -> None:
    """The newest two hundred of each, with short labels."""
    chart = chart_of(ListSource())
    for i in range(500):
        chart.flag(i, "x" * 1000)
        chart.shade(i, i + 1, "x" * 1000)
    chart.flush()
    hello(chart)
    for body in bodies(chart)[1:]:
        assert [flag[0] for flag in body["flags"]] == list(range(300, 500))
        assert [shade[0] for shade in body["shades"]] == list(range(300, 500))
    assert sent_by(chart)[-1].size < 50_000


def test_another_or_emptied_source_starts_over() -> None:
    """Counts, marks and the choice belonged to the old one."""
    source = ListSource()
    source.records += [at(0)] * 3
    chart = chart_of(source)
    chart.flag(NOW_US, "old")
    source.records[:] = [at(1)]
    chart.flush()
    chart.source = ListSource()
    first, second, third = bodies(chart)
    assert (first["newest"], second["newest"], third["newest"]) == (SECOND, SECOND + 1, None)
    assert (total(second["seconds"]), third["seconds"]) == (1, [])
    assert (second["flags"], third["flags"]) == ([], [])
    assert [message.content["epoch"] for message in sent_by(chart)] == [0, 1, 2]


def test_replaced_rows_are_counted_instead() -> None:
    """Also when there are as many: a replay went back and played on."""
    log = EventLog()
    log.extend([at(0), at(0)])
    chart = chart_of(log)
    log.replace(recorded_rows(frame(at(1), at(2))))
    chart.flush()
    assert [row[0] for row in bodies(chart)[-1]["seconds"]] == [SECOND + 1, SECOND + 2]


def test_a_recording_has_no_now() -> None:
    """Its window ends with its newest event."""
    source = ListSource()
    source.records += [at(0)]
    assert bodies(chart_of(source, live=False))[0]["now"] is None


def test_nothing_that_arrived_is_in_any_trait(comms: Recorder) -> None:
    """What is synced is saved with the notebook: settings yes, names and marks never."""
    source = ListSource()
    source.records += [at(0, "S3CRET")]
    chart = chart_of(source, empty="Quiet.", height=200)
    chart.flag(NOW_US, "S3CRET")
    chart.shade(NOW_US, None, "S3CRET")
    chart.flush()
    state = chart.get_state()
    assert (state["empty"], state["height"]) == ("Quiet.", 200)
    traits = [message for message in comms.sent if message.content is None]
    assert {message.type for message in traits} == {"comm_open"}
    assert "S3CRET" not in repr((state, traits))


def test_a_pick_reaches_every_callback_and_the_next_snapshot() -> None:
    """A second, a command, both, or nothing again; one that raises does not stop the next."""
    chart = chart_of(ListSource())
    seen: list[Pick] = []

    def broken(_pick: Pick) -> None:
        raise RuntimeError("mine")

    chart.on_pick(broken)
    chart.on_pick(seen.append)
    times = {"since_us": NOW_US, "until_us": NOW_US + 1_000_000}
    nothing = {"command": None, "since_us": None, "until_us": None}
    for pick in ({"command": "a", **times}, nothing):
        from_page(chart, {"kind": "pick", "epoch": 0, **pick})
    assert seen == [Pick("a", NOW_US, NOW_US + 1_000_000), Pick()]
    from_page(chart, {"kind": "pick", "epoch": 0, "command": "b"})
    hello(chart)
    assert Counter(bodies(chart)[-1]["picked"].values()) == {"b": 1, None: 2}


def test_a_range_is_picked_as_a_second_is() -> None:
    """Its callback gets both ends, and so does a page drawn later."""
    chart = chart_of(ListSource())
    seen: list[Pick] = []
    chart.on_pick(seen.append)
    span = {"since_us": SECOND * 1_000_000, "until_us": (SECOND + 30) * 1_000_000}
    from_page(chart, {"kind": "pick", "epoch": 0, "command": None, **span})
    assert seen == [Pick(None, SECOND * 1_000_000, (SECOND + 30) * 1_000_000)]
    hello(chart)
    assert bodies(chart)[-1]["picked"] == {"command": None, **span}


def test_a_choice_changed_elsewhere_is_drawn_once_and_calls_nothing() -> None:
    """The seconds and marks of the page stay; the same choice again sends nothing."""
    source = ListSource()
    source.records += [at(0)]
    chart = chart_of(source)
    seen: list[Pick] = []
    chart.on_pick(seen.append)
    chart.flag(NOW_US, "click")
    for _ in range(2):
        chart.show_pick(Pick("a"))
    _, body = bodies(chart)
    assert body["picked"] == {"command": "a", "since_us": None, "until_us": None}
    assert (total(body["seconds"]), body["flags"]) == (1, [[NOW_US, "click"]])
    chart.show_pick(Pick())
    assert set(bodies(chart)[-1]["picked"].values()) == {None}
    assert (len(bodies(chart)), seen) == (3, [])


def test_a_choice_before_any_page_comes_with_its_snapshot() -> None:
    """Nothing is sent to nowhere."""
    chart = RateChart(ListSource())
    chart.show_pick(Pick("a"))
    assert sent_by(chart) == []
    hello(chart)
    assert bodies(chart)[0]["picked"]["command"] == "a"


def test_marks_that_were_never_sent_are_forgotten_with_their_source() -> None:
    """Nobody looked when they were set; the next page must not get them."""
    chart = RateChart(ListSource())
    chart.flag(NOW_US, "old")
    chart.shade(NOW_US, None, "old")
    chart.source = ListSource()
    chart.expect_page()
    chart.flush()
    hello(chart)
    assert [(body["flags"], body["shades"]) for body in bodies(chart)] == [([], [])] * 2


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "pick", "epoch": 1, "command": "a"},
        {"kind": "pick", "epoch": 0, "command": 7},
        {"kind": "pick", "epoch": 0, "since_us": "now"},
        {"kind": "pick", "epoch": 0, "since_us": NOW_US},
        {"kind": "pick", "epoch": 0, "until_us": NOW_US},
        {"kind": "pick", "epoch": 0, "since_us": NOW_US, "until_us": NOW_US},
        {"kind": "pick", "epoch": 0, "since_us": NOW_US + 1, "until_us": NOW_US},
        {"kind": "dance"},
        {},
        "pick",
        None,
    ],
)
def test_what_makes_no_sense_is_ignored(content: object) -> None:
    """A stale or malformed message of the page calls no callback and sends nothing."""
    chart = chart_of(ListSource())
    seen: list[Pick] = []
    chart.on_pick(seen.append)
    from_page(chart, content)
    assert seen == []
    assert len(sent_by(chart)) == 1


def test_a_closed_chart_is_silent() -> None:
    """A timer that outlives the widget does no harm."""
    source = ListSource()
    chart = chart_of(source)
    chart.close()
    source.records += [at(0)]
    assert chart.flush() == 0


def test_a_chart_follows_a_search_and_keeps_its_marks() -> None:
    """Only what the search finds is counted, then what comes and meets it; and all again."""
    log = EventLog()
    log.extend([at(0, "one"), at(0, "two"), at(1, "one")])
    chart = chart_of(log)
    chart.flag(NOW_US, "kept")
    answers = [LiveAnswer(log, parsed("command:one"))]
    chart.follow(lambda: answers[-1])
    chart.flush()
    assert len(bodies(chart)) == 2  # the flag alone: the search has not looked yet
    while answers[0].advance():
        pass
    chart.flush()
    log.extend([at(1, "two"), at(2, "one")])
    while answers[0].advance():
        pass
    chart.flush()
    answers.append(LiveAnswer(log))
    chart.flush()
    found, more, every = bodies(chart)[2:]
    assert (total(found["seconds"]), found["searched"], found["flags"][0][1]) == (2, True, "kept")
    assert more["seconds"] == [[SECOND + 2, {"one": 1}, 0, 5000]]
    assert (total(every["seconds"]), every["searched"]) == (5, False)
