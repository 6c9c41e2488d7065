"""The order of a table by a column: asked of the kernel, over all rows that are kept."""

import random
from typing import Any

import pytest

from bxpull_nb.jupyter.widgets.found_rows import ALL
from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.sorted_rows import COLUMNS, Sort, SortedRows
from bxpull_nb.jupyter.widgets.table_search import TableSearch
from bxpull_nb.models import Arrival, BadFrame, Record
from bxpull_nb.params.path import Path
from bxpull_nb.storage.eventlog import EventLog
from tests.support.fake_comm import Sent, from_page, sent_by
from tests.support.row_source import NOW_US, event
from tests.support.searched_table import choose, fill, ids, log_of, newest, shown

pytestmark = pytest.mark.usefixtures("comms")


def sort(table: LiveTable, column: str | None, *, down: bool = False) -> None:
    """Ask for an order as the page does."""
    wanted = None if column is None else {"column": column, "down": down}
    from_page(table, {"kind": "sort", "sort": wanted})


def numbers(message: Sent) -> list[int]:
    """The numbers of the rows of a message, in its order."""
    return list(message.content.get("numbers", []))


def test_an_order_is_of_all_rows_and_later_rows_follow() -> None:
    """The page gets the first rows of the order and later ones as they come, never all again."""
    table, later = shown(log := log_of(9_000), rows=100)
    sort(table, "mid", down=True)
    assert newest(table)["kind"] == "snapshot"  # the one of the hello: the rest waits for the sort
    later.go()
    head = newest(table)
    assert numbers(sent_by(table)[-1]) == list(range(8999, 8899, -1))
    assert (head["sort"], head["ordered"]) == ({"column": "mid", "down": True}, 9000)
    fill(log, 3, 9_000)
    table.flush()
    later.go()
    assert (newest(table)["kind"], numbers(sent_by(table)[-1])) == ("rows", [9000, 9001, 9002])
    sort(table, "mid")
    later.go()
    assert numbers(sent_by(table)[-1]) == list(range(100))
    sort(table, None)
    assert (newest(table)["sort"], newest(table)["ordered"]) == (None, None)
    assert ids(sent_by(table)[-1]) == list(range(8903, 9003))


def test_pages_of_an_order_follow_each_other() -> None:
    """Each begins where the one before has ended; so does what a new page gets at first."""
    table, later = shown(log_of(9_000), rows=100)
    sort(table, "params.id", down=True)
    later.go()
    asked = {"kind": "page", "page": "p", "answer": newest(table)["answer"], "place": 100}
    from_page(table, asked)
    assert numbers(sent_by(table)[-1]) == list(range(8899, 6899, -1))
    assert (newest(table)["place"], newest(table)["placed"]) == (100, 2100)
    from_page(table, {**asked, "place": 8000})
    assert numbers(sent_by(table)[-1]) == list(range(999, -1, -1))


def test_an_order_is_of_what_the_search_finds() -> None:
    """A search in an order keeps the order; the page keeps its rows until all is found."""
    table, later = shown(log_of(900))
    sort(table, "mid", down=True)
    later.go()
    choose(table, text="params.stage:WON")
    before = len(sent_by(table))
    table.flush()
    assert len(sent_by(table)) == before
    later.go()
    assert numbers(sent_by(table)[-1]) == list(range(898, 0, -3))
    assert (newest(table)["found"], newest(table)["ordered"]) == (300, 300)


class Busy(EventLog):
    """A log that gets a row whenever its length is asked for, up to 400 rows."""

    def __len__(self) -> int:
        """Return the length, after one more row."""
        if super().__len__() < 400:
            fill(self, 1, super().__len__())
        return super().__len__()


def test_a_busy_feed_does_not_keep_an_order_waiting() -> None:
    """What was there when the search began is sorted; later rows follow."""
    ends: list[int] = []
    search = TableSearch(log := Busy(), lambda work: work(), lambda: None)
    fill(log, 30)
    search.sort_by(Sort("mid", down=True))
    search.begin(log, {**ALL, "text": "params.stage:WON"})
    search._found = lambda: ends.append(search.ordered.end if search.ordered else 0)
    search.keep_up()
    assert 30 <= next(filter(None, ends)) < 200


def test_many_later_rows_are_sorted_with_the_others() -> None:
    """The page would have to keep all of them else."""
    table, later = shown(log := log_of(1_000), rows=100)
    sort(table, "mid", down=True)
    later.go()
    fill(log, 2_001, 1_000)
    table.flush()
    later.go()
    assert (newest(table)["kind"], newest(table)["ordered"]) == ("snapshot", 3001)
    assert numbers(sent_by(table)[-1]) == list(range(3000, 2900, -1))


def test_a_page_that_is_drawn_meanwhile_learns_that_rows_are_sorted() -> None:
    """It gets the newest rows, and that they are not in the order yet."""
    table, later = shown(log_of(50))
    sort(table, "lag")
    from_page(table, {"kind": "hello", "page": "q", "epoch": None, "end": 0})
    assert (newest(table)["sort"], newest(table)["ordered"]) == (
        {"column": "lag", "down": False},
        None,
    )
    later.go()
    assert newest(table)["ordered"] == 50


@pytest.mark.parametrize(
    "asked",
    [
        {"column": "params..", "down": True},
        {"column": "sender", "down": True},
        {"column": 1, "down": True},
        {"column": "mid"},
        {"column": "mid", "down": "no"},
        "mid",
    ],
)
def test_an_order_that_makes_no_sense_is_ignored(asked: object) -> None:
    """The rows stay as they are."""
    table, later = shown(log_of(5))
    from_page(table, {"kind": "sort", "sort": asked})
    later.go()
    assert len(sent_by(table)) == 1


def test_forgotten_rows_are_in_no_order() -> None:
    """Not at first, and not in a page that is asked for later."""
    log = log_of(100, max_rows=40)
    table, later = shown(log, rows=10)
    sort(table, "mid")
    later.go()
    first = log.forgotten
    assert numbers(sent_by(table)[-1]) == list(range(first, first + 10))
    asked = {"kind": "page", "page": "p", "answer": newest(table)["answer"], "place": 10}
    fill(log, 25, 100)
    from_page(table, asked)
    assert min(numbers(sent_by(table)[-1])) == max(first + 10, log.forgotten)


def order(records: list[Record], column: str, *, down: bool = False) -> list[int]:
    """Return the numbers of these records in the order."""
    log = EventLog()
    log.extend(records)
    path = Path.of(column.removeprefix("params.")) if column.startswith("params.") else None
    numbers: list[int] = SortedRows(log, LiveAnswer(log), Sort(column, down, path)).numbers.tolist()
    return numbers


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("command", ["b", "B", "a", "C", "c"]),
        ("module", ["im", "CRM", "crm", "im", "a"]),
        ("mid", ["2", "10", "1", "x", "X"]),
    ],
)
def test_names_are_sorted_without_regard_to_case(column: str, values: list[str]) -> None:
    """Equal ones stay in the order of arrival, in both directions."""
    field = {"module": "module_id"}.get(column, column)
    records: list[Record] = [event(i, **{field: value}) for i, value in enumerate(values)]
    up = sorted(range(len(values)), key=lambda i: values[i].lower())
    down = sorted(range(len(values)), key=lambda i: values[i].lower(), reverse=True)
    assert order(records, column) == up
    assert order(records, column, down=True) == down


def test_times_and_lags_are_sorted_by_size_and_missing_ones_are_last() -> None:
    """A record that never travelled has neither."""
    micros = [NOW_US + 9, None, NOW_US - 50, NOW_US]
    records: list[Record] = [
        event(i, arrival=Arrival(at, "shared", "websocket")) for i, at in enumerate(micros)
    ]
    for column in ("time", "lag"):
        assert order(records, column) == [2, 3, 0, 1]
        assert order(records, column, down=True) == [0, 3, 2, 1]


def test_values_of_params_are_sorted_as_numbers_then_as_texts() -> None:
    """As JSON has them: 9 is less than 10, and a text of digits is a number too."""
    texts = [b'{"v":10}', b'{"v":"b"}', b"{}", b'{"v":9}', b'{"v":"-1.5e1"}', b'{"v":"A"}', b"[]"]
    records: list[Record] = [event(i, params_json=text) for i, text in enumerate(texts)]
    assert order(records, "params.v") == [4, 3, 0, 5, 1, 2, 6]
    assert order(records, "params.v", down=True) == [1, 5, 0, 3, 4, 2, 6]


def test_another_source_is_sorted_as_the_page_shows_it() -> None:
    """In the column of the channel."""
    arrivals = [
        Arrival(NOW_US, "shared", "websocket"),
        Arrival(NOW_US, None, "polling", source="offline"),
        Arrival(NOW_US, "private", "websocket"),
        Arrival(NOW_US, None, "polling", source="chat"),
    ]
    records: list[Record] = [event(i, arrival=arrival) for i, arrival in enumerate(arrivals)]
    assert order(records, "channel") == [3, 1, 2, 0]


@pytest.mark.parametrize("column", [*COLUMNS, "params.id", "params.none", "params.items[].sku"])
@pytest.mark.parametrize("down", [False, True])
def test_an_order_has_every_row_once(column: str, down: bool) -> None:
    """Of odd records too, of an empty log, and of one with a bad frame only."""
    odd: list[Record] = [
        event(0, params_json=b'{"items":[{"sku":"b"},{"sku":null}]}'),
        event(1, params_json=b"not JSON", command=None, module_id=None, mid=None),
        BadFrame("no JSON", "<raw>", arrival=Arrival(NOW_US, None, "websocket")),
        event(3, params_json=b'{"items":[]}', command="\ud800"),
    ]
    for records in ([], odd[2:3], odd):
        assert sorted(order(records, column, down=down)) == list(range(len(records)))


def test_the_order_is_that_of_python() -> None:
    """Of many random values, in both directions."""
    choice = random.Random(5)
    values: list[Any] = [choice.choice([None, choice.randrange(99)]) for _ in range(500)]
    records: list[Record] = [
        event(i, params_json=b"{}" if value is None else b'{"v":%d}' % value)
        for i, value in enumerate(values)
    ]
    known = [i for i, value in enumerate(values) if value is not None]
    missing = [i for i, value in enumerate(values) if value is None]
    up = sorted(known, key=lambda i: values[i])
    down = sorted(known, key=lambda i: values[i], reverse=True)
    assert order(records, "params.v") == up + missing
    assert order(records, "params.v", down=True) == down + missing
