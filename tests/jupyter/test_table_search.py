"""The table's search without a browser: asked of the kernel, over all rows, past and live."""

import json

import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.jupyter.widgets import live_answer
from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer
from bxpull_nb.query.search_text import parsed
from tests.support.clock import Clock
from tests.support.fake_comm import from_page, sent_by
from tests.support.row_source import NOW_US, event
from tests.support.searched_table import choose, fill, ids, log_of, newest, shown

pytestmark = pytest.mark.usefixtures("comms")


def test_a_search_is_of_all_rows_and_goes_on() -> None:
    """The newest found rows come first, counts are of the whole log, new rows follow."""
    table, later = shown(log := log_of(9_000))
    choose(table, text="params.stage:WON")
    assert [m.content["kind"] for m in sent_by(table)] == ["snapshot"]  # nothing waits for it
    later.go()
    found = ids(sent_by(table)[-1])
    assert (len(found), found[0], found[-1]) == (1000, 8998 - 2997, 8998)
    head = newest(table)
    assert (head["found"], head["searched"], head["kept"]) == (3000, 9000, 9000)
    assert head["marks"] == [("WON", False, "params")]
    fill(log, 6, 9_000)
    table.flush()
    later.go()
    assert (ids(sent_by(table)[-1]), newest(table)["found"]) == ([9001, 9004], 3002)
    assert (newest(table)["start"], newest(table)["end"]) == (9000, 9006)


def test_progress_is_shown_and_the_window_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each piece the page learns how far the search is, and gets older rows."""
    monkeypatch.setattr(live_answer, "PIECE", 100)
    table, _ = shown(log_of(350))
    choose(table, text="WON")
    answer = table.search
    seen = []
    while answer.advance():
        table.flush()
        seen.append((newest(table)["searched"], len(ids(sent_by(table)[-1]))))
    assert seen == [(100, 34), (200, 67), (300, 100), (350, 117)]
    assert answer.since(0).tolist() == list(range(1, 350, 3))


def test_pages_of_older_and_newer_rows() -> None:
    """The page asks by row numbers, in a search and without one; another page's are not its."""
    table, later = shown(log_of(9_000), rows=100)
    for number, text, step in ((1, "", 1), (2, "WON", 3)):
        choose(table, text=text)
        later.go()
        answer = newest(table)["answer"]
        ask = {"kind": "page", "page": "p", "answer": answer}
        from_page(table, {**ask, "before": 8_000})
        older = ids(sent_by(table)[-1])
        assert (newest(table)["page"], len(older)) == ("p", 2000)
        assert (older[-1] < 8_000, older[-1] + step >= 8_000) == (True, True), number
        from_page(table, {**ask, "after": -1})
        assert ids(sent_by(table)[-1])[:3] == [step // 3, step // 3 + step, step // 3 + 2 * step]
        count = len(sent_by(table))
        from_page(table, {**ask, "answer": answer - 1, "before": 8_000})
        from_page(table, {**ask, "before": "x"})
        assert len(sent_by(table)) == count


def test_a_text_that_is_no_search_is_one_sentence() -> None:
    """The rows stay, the sentence is sent at once and again in a snapshot; a search ends it."""
    table, later = shown(log_of(9))
    choose(table, text="stage:WON")
    head = newest(table)
    assert (head["kind"], head["text"].split(":")[0]) == ("mistake", "There is no field 'stage'")
    from_page(table, {"kind": "hello", "page": "p", "epoch": None, "end": 0})
    assert newest(table)["mistake"].startswith("There is no field")
    choose(table, text="lag>soon")
    assert newest(table)["kind"] == "mistake"
    choose(table, text="WON")
    later.go()
    assert (newest(table)["mistake"], newest(table)["found"]) == ("", 3)


def test_a_second_search_replaces_one_that_has_not_ended() -> None:
    """Only the newest is shown."""
    table, later = shown(log_of(90))
    choose(table, text="WON")
    choose(table, text="LOSE")
    later.go()
    assert (newest(table)["found"], ids(sent_by(table)[-1])[0]) == (30, 2)
    choose(table)
    assert "found" not in newest(table)
    assert len(ids(sent_by(table)[-1])) == 90


def test_every_filter_is_of_all_rows_but_the_chart_keeps_what_was_picked() -> None:
    """Module, command and times narrow the table; the chart's search has no command and time."""
    table, later = shown(log := log_of(6))
    log.extend([event(6, command="message", module_id="x" * 100)])
    table.show_only(command="dealUpdate", since_us=NOW_US - 1000, until_us=NOW_US + 1000)
    later.go()
    assert (newest(table)["found"], table.search.is_all) == (6, True)
    table.search_for("WON")
    later.go()
    assert (newest(table)["found"], len(table.search)) == (2, 3)
    assert table.filters["command"] == "dealUpdate"
    table.search_for("")
    table.show_only(module="x" * 100)
    later.go()
    assert (newest(table)["found"], len(table.search)) == (1, 1)
    table.show_only(until_us=NOW_US - 1_000_000)
    later.go()
    assert newest(table)["found"] == 0


def test_facets_count_what_is_found() -> None:
    """Of the whole log, then of a search, then of new rows; by name and by path."""
    clock = Clock()
    table, later = shown(log := log_of(9), clock=clock)
    from_page(table, {"kind": "facets", "names": ["command", "params.stage", "nonsense", 7]})
    later.go()
    choose(table, text="-NEW")
    later.go()
    fill(log, 3, 9)
    clock.now += 2
    table.flush()
    later.go()
    clock.now += 2
    table.flush()
    facets = [json.loads(m.buffers[0]) for m in sent_by(table) if m.content["kind"] == "facets"]
    every, found, more = ({one["name"]: dict(one["values"]) for one in facet} for facet in facets)
    assert every == {"command": {"dealUpdate": 9}, "params.stage": {"NEW": 3, "WON": 3, "LOSE": 3}}
    assert found == {"command": {"dealUpdate": 6}, "params.stage": {"WON": 3, "LOSE": 3}}
    assert more == {"command": {"dealUpdate": 8}, "params.stage": {"WON": 4, "LOSE": 4}}


def test_columns_of_paths_are_cells_of_their_own() -> None:
    """As text, missing where there is none; from the page and from Python; each once."""
    table, _ = shown(log_of(2))
    table.add_column("params.stage")
    from_page(table, {"kind": "columns", "paths": [*table.columns, "params.id", "params.stage"]})
    [first, second] = json.loads(sent_by(table)[-1].buffers[0])
    assert table.columns == ("params.stage", "params.id")
    assert (first[7:], second[7:]) == ([None, ["NEW", "0"]], [None, ["WON", "1"]])
    with pytest.raises(SettingsError, match="no path"):
        table.add_column("params.a[")


def test_rows_that_are_forgotten_are_not_found() -> None:
    """A bounded log drops its oldest rows; the answer counts those that are kept."""
    log = log_of(100, max_rows=40)
    answer = LiveAnswer(log, parsed("WON"))
    while answer.advance():
        pass
    fill(log, 100, 100)
    assert log.df.index[0] > 0
    while answer.advance():
        pass
    kept = [i for i in range(int(log.df.index[0]), 200) if i % 3 == 1]
    assert (answer.since(0).tolist(), len(answer), answer.is_done) == (kept, len(kept), True)
    assert answer.searched == len(log.df)


def test_a_search_that_fails_leaves_the_table_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows again, and a sentence; the reason is in the log."""
    table, later = shown(log_of(9))

    def broken(*_: object) -> None:
        raise RuntimeError("mine")

    monkeypatch.setattr(live_answer, "matches", broken)
    choose(table, text="WON")
    later.go()
    assert newest(table)["mistake"].startswith("The search failed")
    assert len(ids(sent_by(table)[-1])) == 9


def test_a_busy_feed_does_not_keep_older_rows_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """New rows come before each step; the older ones are found nonetheless, in turn with them."""
    monkeypatch.setattr(live_answer, "PIECE", 100)
    log = log_of(400)
    answer, steps = LiveAnswer(log, parsed("WON")), 0
    while answer.low > 0:
        fill(log, 5, len(log))
        answer.advance()
        steps += 1
    assert steps <= 9
    while answer.advance():
        pass
    assert answer.since(0).tolist() == list(range(1, len(log), 3))
