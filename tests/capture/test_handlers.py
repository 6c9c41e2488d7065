"""Callbacks for events, isolated from one another and from the stream."""

import threading

import pytest

from bxpull_nb.capture.handlers import Handlers
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import BadFrame, Event, Record
from tests.support.rows import params
from tests.support.stored import number
from tests.support.waiting import eventually


def event(n: int, module: str | None = "crm", command: str | None = "dealUpdate") -> Event:
    """Return an event with a number."""
    return Event(f"{n:026}", module, command, b'{"n":%d}' % n)


def test_a_callback_gets_the_events_it_asked_for_in_order() -> None:
    """Module and command match in any case."""
    got: dict[str, list[int]] = {"both": [], "module": [], "all": []}
    with Handlers() as handlers:
        handlers.on(module="CRM", command="dealupdate")(
            lambda e: got["both"].append(params(e)["n"])
        )
        handlers.on(module="im")(lambda e: got["module"].append(params(e)["n"]))
        handlers.on()(lambda e: got["all"].append(int(e.mid or "-1")))
        handlers.offer([event(1), event(2, "im"), event(3, command="other"), event(4)])
        handlers.offer([BadFrame("x", "unreadable"), event(5, None, None)])
        eventually(lambda: [stats.calls for stats in handlers.stats] == [2, 1, 6])
    assert got == {"both": [1, 4], "module": [2], "all": [1, 2, 3, 4, -1, 5]}


def test_a_failing_callback_goes_on_and_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The others are not affected."""
    got: list[Record] = []
    with Handlers() as handlers:

        @handlers.on()
        def fails(record: Record) -> None:
            raise ValueError(f"no {record.mid}")

        handlers.on()(got.append)
        handlers.offer([event(1), event(2)])
        eventually(lambda: [stats.calls for stats in handlers.stats] == [2, 2])
        failing, good = handlers.stats
    assert (failing.failures, failing.error) == (2, f"ValueError: no {2:026}")
    assert failing.name.endswith("fails")
    assert (good.failures, good.error, len(got)) == (0, None, 2)
    assert [record.message.count("failed") for record in caplog.records] == [1]


def test_a_slow_callback_loses_the_oldest_and_delays_no_other() -> None:
    """Offering does not wait; dropped events are counted."""
    may_end, begun, slow, quick = threading.Event(), threading.Event(), [], []

    def wait(record: Record) -> None:
        begun.set()
        assert may_end.wait(5)
        slow.append(number(record))

    with Handlers(queue=3) as handlers:
        handlers.on()(wait)
        handlers.offer([event(0)])
        assert begun.wait(5)
        handlers.on()(lambda record: quick.append(number(record)))
        for n in range(1, 11):
            handlers.offer([event(n)])
            eventually(lambda: len(quick) == n)
        assert (handlers.stats[0].dropped, handlers.stats[0].waiting) == (7, 3)
        may_end.set()
        eventually(lambda: handlers.stats[0].calls == 4)
    assert slow == [0, 8, 9, 10]
    assert quick == list(range(1, 11))


def handler_threads() -> set[threading.Thread]:
    """Return the threads of handlers, those of other tests' feeds too."""
    return {one for one in threading.enumerate() if one.name.startswith("bxpull-handler")}


def test_closing_ends_the_threads() -> None:
    """Later events are ignored; closing twice is fine."""
    before = handler_threads()
    handlers = Handlers()
    handlers.on()(lambda _: None)
    handlers.offer([event(1)])
    eventually(lambda: handlers.stats[0].calls == 1)
    handlers.close()
    handlers.close()
    handlers.offer([event(2)])
    assert handlers.stats == []
    assert handler_threads() <= before


def test_a_callback_can_take_itself_off() -> None:
    """It does so on its own thread."""
    got: list[str | None] = []
    with Handlers() as handlers:

        @handlers.on()
        def once(record: Record) -> None:
            got.append(record.mid)
            handlers.off(once)

        handlers.offer([event(1), event(2)])
        eventually(lambda: handlers.stats == [])
        handlers.offer([event(3)])
        assert repr(handlers) == "Handlers()"
    assert got == [f"{1:026}"]


def test_no_thread_before_the_first_event() -> None:
    """The first event starts it."""
    before = handler_threads()
    with Handlers() as handlers:
        handlers.on()(lambda _: None)
        assert handler_threads() <= before


def test_a_queue_holds_something() -> None:
    """A queue of zero would never call anything."""
    with pytest.raises(SettingsError, match="queue=0"):
        Handlers(queue=0)


class Own(BaseException):
    """A failure that no `except Exception` catches."""


class UnprintableError(Exception):
    """A failure whose own text fails, in the way that it is given."""

    def __str__(self) -> str:
        raise self.args[0]


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        Own("x"),
        UnprintableError(RuntimeError("no text")),
        UnprintableError(SystemExit(3)),
        UnprintableError(KeyboardInterrupt()),
        UnprintableError(GeneratorExit()),
    ],
)
def test_whatever_a_callback_raises_is_a_failure(error: BaseException) -> None:
    """Its thread goes on, and the next event reaches it."""

    def fails(_: Record) -> None:
        raise error

    with Handlers() as handlers:
        handlers.on()(fails)
        handlers.offer([event(1), event(2)])
        eventually(lambda: handlers.stats[0].calls == 2, 5)
        assert handlers.stats[0].failures == 2
        assert (handlers.stats[0].error or "").startswith(type(error).__name__)


@pytest.mark.parametrize("error", [RuntimeError("x"), SystemExit(3), GeneratorExit()])
def test_whatever_the_report_of_a_failure_raises_the_thread_goes_on(error: BaseException) -> None:
    """The function for failures is the caller's, too."""

    def fails(*_: object) -> None:
        raise error

    with Handlers(failed=fails) as handlers:
        handlers.on()(fails)
        handlers.offer([event(1), event(2)])
        eventually(lambda: handlers.stats[0].failures == 2, 5)


def test_the_first_failure_of_each_callback_is_reported() -> None:
    """Once a callback, with its name; a report that fails itself does no harm."""
    reported: list[tuple[str, str]] = []

    def report(name: str, error: str) -> None:
        reported.append((name, error))
        raise OSError("nowhere to report to")

    def fails(record: Record) -> None:
        raise ValueError(record.mid)

    with Handlers(failed=report) as handlers:
        handlers.on()(fails)
        handlers.on(module="crm")(fails)
        handlers.offer([event(1), event(2)])
        eventually(lambda: [stats.calls for stats in handlers.stats] == [2, 2])
    assert len(reported) == 2
    assert {name.rpartition(".")[2] for name, _ in reported} == {"fails"}
    assert {error for _, error in reported} == {f"ValueError: {1:026}"}


def test_a_failing_callback_is_seen_in_a_notebook() -> None:
    """Its counters and its last error are shown; nothing in them is interpreted."""

    def fails(_: Record) -> None:
        raise ValueError("<b>bold</b>")

    with Handlers() as handlers:
        handlers.on()(fails)
        handlers.offer([event(1)])
        eventually(lambda: handlers.stats[0].calls == 1)
        shown = handlers._repr_html_()
    assert "1 calls, 1 failed, 0 dropped, 0 waiting; ValueError: &lt;b&gt;" in shown
    assert "fails" in shown


def cell(source: str, handlers: Handlers, got: list[int], file: str = "cell-1") -> None:
    """Run a notebook's cell."""
    names = {"__name__": "__main__", "handlers": handlers, "got": got}
    exec(compile(source, file, "exec"), names)


NAMED = """
@handlers.on(command="dealUpdate")
def show(event):
    got.append({n})
"""
LOOP = """
def make(n):
    def show(event):
        got.append(n)
    return show

for n in (1, 2):
    handlers.on()(make(n))
"""
WRAPPED = """
import functools
def counted(function):
    @functools.wraps(function)
    def wrapper(event):
        return function(event)
    return wrapper

@handlers.on()
@counted
def show(event):
    got.append(1)
"""


@pytest.mark.parametrize(
    ("count", "source"),
    [
        (1, NAMED.format(n=1)),
        (1, "handlers.on()(lambda event: got.append(1))"),
        (2, "for n in (1, 2):\n    handlers.on()(lambda event, n=n: got.append(n))"),
        (2, LOOP),
        (
            2,
            "import functools\ndef show(n, event): got.append(n)\n"
            "for n in (1, 2): handlers.on()(functools.partial(show, n))",
        ),
        (2, "handlers.on()(lambda event: got.append(1)); handlers.on()(lambda event: got.clear())"),
        (2, "def show(event): pass\nfor name in 'ab': handlers.on(command=name)(show)"),
        (1, WRAPPED),
        (1, "handlers.on()(got.append)"),
    ],
)
def test_a_cell_that_runs_again_registers_nothing_twice(count: int, source: str) -> None:
    """Nor does it lose one of several callbacks made by a loop."""
    with Handlers() as handlers:
        got: list[int] = []
        cell(source, handlers, got)
        assert len(handlers.stats) == count
        cell(source, handlers, got)
        assert len(handlers.stats) == count


def test_an_edited_cell_replaces_its_callback() -> None:
    """The kernel gives an edited cell another file name."""
    got: list[int] = []
    with Handlers() as handlers:
        cell(NAMED.format(n=1), handlers, got)
        cell(NAMED.format(n=2), handlers, got, "cell-2")
        handlers.offer([event(1)])
        eventually(lambda: got)
    assert got == [2]


@pytest.mark.parametrize(
    "source",
    [
        "@handlers.on()\ndef _(event): got.append({n})",
        "@handlers.on(command='c{n}')\ndef show(event): pass",
        "handlers.on()(lambda event: got.append({n}))",
        "got.append([{n}])\nhandlers.on()(got[-1].append)",
        "def make(found):\n    def show(event): found.append(event)\n    return show\n"
        "handlers.on()(make([]))",
    ],
)
def test_what_is_not_surely_the_same_stays(source: str) -> None:
    """Losing a callback is worse than having it twice."""
    with Handlers() as handlers:
        got: list[int] = []
        for n in (1, 2):
            cell(source.format(n=n), handlers, got, f"cell-{n}")
        assert len(handlers.stats) == 2


def test_two_functions_of_one_name_in_one_file_stay() -> None:
    """They begin on different lines."""
    with Handlers() as handlers:
        cell(NAMED.format(n=1) + NAMED.format(n=2), handlers, [])
        assert len(handlers.stats) == 2


def test_what_waits_passes_to_the_new_callback() -> None:
    """Even when the earlier one hangs."""
    source = "@handlers.on()\ndef show(event):\n    got.append(event); hold(event)"
    may_end, begun = threading.Event(), threading.Event()

    def wait(_: Record) -> None:
        begun.set()
        may_end.wait(10)

    with Handlers() as handlers:
        got: list[Record] = []
        names = {"__name__": "__main__", "handlers": handlers, "got": got}
        exec(source, {**names, "hold": wait})
        handlers.offer([event(1), event(2)])
        assert begun.wait(5)
        exec(source, {**names, "hold": lambda _: None})
        handlers.offer([event(3)])
        eventually(lambda: len(got) == 3, 5)
        may_end.set()
    assert got == [event(1), event(2), event(3)]


def test_a_method_can_be_taken_off() -> None:
    """Each access to it makes another object."""
    got: list[Record] = []
    with Handlers() as handlers:
        handlers.on()(got.append)
        handlers.off(got.append)
        assert handlers.stats == []
