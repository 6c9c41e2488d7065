"""Callbacks for events, isolated from one another and from the stream."""

import threading

import pytest

from bxpull_nb.capture.handlers import Handlers
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import BadFrame, Event, Record
from tests.support.rows import params
from tests.support.waiting import eventually


def event(n: int, module: str | None = "crm", command: str | None = "dealUpdate") -> Event:
    """Return an event with a number."""
    return Event(f"{n:026}", module, command, b'{"n":%d}' % n)


def number(record: Record) -> int:
    """The number of the event."""
    return int(params(record)["n"])


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


def test_a_slow_callback_loses_the_oldest_and_holds_nobody_up() -> None:
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


def test_closing_ends_the_threads() -> None:
    """Later events are ignored; closing twice is fine."""
    handlers = Handlers()
    handlers.on()(lambda _: None)
    handlers.offer([event(1)])
    eventually(lambda: handlers.stats[0].calls == 1)
    handlers.close()
    handlers.close()
    handlers.offer([event(2)])
    assert handlers.stats == []
    assert not [t for t in threading.enumerate() if t.name.startswith("bxpull-handler")]


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
    with Handlers() as handlers:
        handlers.on()(lambda _: None)
        assert not [t for t in threading.enumerate() if t.name.startswith("bxpull-handler")]


def test_a_queue_holds_something() -> None:
    """A queue of zero would never call anything."""
    with pytest.raises(SettingsError, match="queue=0"):
        Handlers(queue=0)
