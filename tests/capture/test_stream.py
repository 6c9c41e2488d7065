"""Streams: a feed's events on the caller's own event loop."""

import asyncio
import gc
import multiprocessing
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.stream import EventStream
from bxpull_nb.errors import (
    BxPullError,
    ConditionFailed,
    SettingsError,
    TokenRefused,
    WaitTimeout,
    WrongProcessError,
)
from bxpull_nb.models import Batch, Event, Record
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.command import posix
from tests.support.rows import params
from tests.support.stored import number


def events(*numbers: int, command: str = "a", module: str = "crm") -> Batch:
    """Return a batch of numbered events."""
    return Batch([Event(f"1795447844{n:016}", module, command, b'{"n":%d}' % n) for n in numbers])


def store(feed: Feed, *batches: Batch) -> None:
    """Let the batches arrive as from the listener: on its thread."""

    async def arrive() -> None:
        for batch in batches:
            feed._hub.store(batch)

    feed.bridge.run(arrive())


async def take(stream: EventStream, count: int) -> list[int]:
    """Return the numbers of the next events."""
    async with asyncio.timeout(5):
        return [number(await anext(stream)) for _ in range(count)]


async def first_of(feed: Feed, count: int, **how: Any) -> list[int]:
    """Return the numbers of the first events of a stream of its own."""
    async with feed.stream(**how) as stream:
        return await take(stream, count)


def subscriptions(feed: Feed) -> int:
    """Return how many consumers the feed still serves."""
    gc.collect()
    return len(feed._hub.waiters._open)


def test_events_come_to_the_callers_loop(portal: Portal) -> None:
    """The whole way: a listener and a stream, both awaited; nothing is left afterwards."""

    async def main() -> list[int]:
        feed = await portal.listen_async("shared", "websocket")
        async with feed.stream("greeting") as stream:
            for n in range(3):
                await asyncio.to_thread(portal.send_event, "greeting", {"n": n})
            got = await take(stream, 3)
        await feed.stop_async()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return got

    assert asyncio.run(main()) == [0, 1, 2]
    assert subscriptions(portal.feeds[0]) == 0


def test_a_stream_begins_with_what_is_new(feed: Feed) -> None:
    """Events from before it count, those that a wait has passed do not; `from_now` skips both."""
    store(feed, events(0))
    feed.wait(1, timeout=5)
    store(feed, events(1, 2))

    async def main() -> tuple[list[int], list[int]]:
        async with feed.stream(from_now=True) as late:
            new = await first_of(feed, 2)
            store_later(feed, events(3))
            return new, await take(late, 1)

    assert asyncio.run(main()) == ([1, 2], [3])


def store_later(feed: Feed, *batches: Batch) -> None:
    """Let the batches arrive from another thread, while the caller's loop runs."""

    async def arrive() -> None:
        for batch in batches:
            feed._hub.store(batch)

    feed.bridge.submit(arrive()).result(5)


def test_a_cancelled_consumer_loses_nothing_for_the_next(feed: Feed) -> None:
    """Neither of the same stream, nor of the next stream, nor a wait."""

    async def cancelled(consumer: Any) -> None:
        task = asyncio.ensure_future(consumer)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async def main() -> list[list[int]]:
        async with feed.stream("a") as stream:
            await cancelled(anext(stream))
            store_later(feed, events(0, 1))
            same = await take(stream, 1)
        await cancelled(first_of(feed, 3, command="a"))  # takes 1, waits for more
        await cancelled(feed.wait_async(5))
        store_later(feed, events(2, 3, 4))
        following = await first_of(feed, 1, command="A")
        rest = await feed.wait_async(lambda event: number(event) > 2, timeout=5)
        return [same, following, [number(rest)]]

    assert asyncio.run(main()) == [[0], [2], [3]]
    assert subscriptions(feed) == 0


def test_a_consumer_that_is_cancelled_at_every_moment_loses_nothing(feed: Feed) -> None:
    """Two hundred events reach consumers that are cancelled again and again."""

    async def main() -> list[int]:
        got: list[int] = []
        writer = asyncio.create_task(asyncio.to_thread(send))
        async with feed.stream() as stream:
            turn = 0
            while len(got) < 200:
                task = asyncio.ensure_future(anext(stream))
                for _ in range(turn % 4):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    got.append(number(task.result()))
                turn += 1
        await writer
        return got

    def send() -> None:
        for n in range(0, 200, 2):
            store(feed, events(n, n + 1))

    assert asyncio.run(asyncio.wait_for(main(), 30)) == list(range(200))


def test_wait_async_ends_with_its_time_limit(feed: Feed) -> None:
    """Also when the caller's own limit ends it, and forty of them hold up no thread."""
    before = threading.active_count()

    async def main() -> None:
        waits = [asyncio.create_task(feed.wait_async(lambda _: False)) for _ in range(40)]
        await asyncio.sleep(0)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        with pytest.raises(WaitTimeout, match=r"not met within 0\.05 s; 0 events"):
            await feed.wait_async(1, timeout=0.05)
        await asyncio.wait_for(feed.wait_async(lambda _: False), 0.05)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert time.monotonic() - began < 5
    assert threading.active_count() == before
    assert subscriptions(feed) == 0


def test_a_cancelled_wait_leaves_the_event_to_the_next(feed: Feed) -> None:
    """It used to live on in its thread and to take the event."""

    async def main() -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.wait_async(1), 0.02)
        store_later(feed, events(7))
        return len(await feed.wait_async(1, timeout=5))

    assert asyncio.run(main()) == 1


def test_overflow_is_counted_and_reported(feed: Feed) -> None:
    """The newest events are kept; the activity log shows the start and the sum."""

    async def main() -> tuple[list[int], EventStream]:
        async with feed.stream("a", maxsize=10) as stream:
            store_later(feed, events(*range(100)), events(*range(100, 110), command="b"))
            assert (stream.waiting, stream.dropped) == (10, 90)
            assert repr(stream) == "EventStream(command='a', open, 10 waiting, 90 dropped)"
            return await take(stream, 10), stream

    got, stream = asyncio.run(main())
    assert got == list(range(90, 100))
    assert stream.dropped == 90
    first, last = [e for e in feed.logbook.recent() if e.kind == "stream_overflowed"]
    assert "10 events wait for a stream of command='a'" in first.text
    assert (last.count, "dropped 90 events" in last.text) == (90, True)


def test_several_streams_get_every_event_each(feed: Feed) -> None:
    """A slow one does not affect the others."""

    async def main() -> list[list[int]]:
        async with feed.stream() as one, feed.stream(module_id="CRM") as two:
            async with feed.stream(maxsize=1) as slow:
                store_later(feed, events(*range(50)))
                got = await asyncio.gather(take(one, 50), take(two, 50), take(slow, 1))
            return [*got]

    one, two, slow = asyncio.run(main())
    assert one == two == list(range(50))
    assert slow == [49]


def test_consumers_of_one_stream_share_its_events(feed: Feed) -> None:
    """Each event goes to one of them; each of them is woken."""

    async def main() -> list[int]:
        async with feed.stream() as stream:
            tasks = [asyncio.create_task(take(stream, 1)) for _ in range(3)]
            await asyncio.sleep(0)
            store_later(feed, events(0), events(1, 2))
            return sorted(n for got in await asyncio.gather(*tasks) for n in got)

    assert asyncio.run(main()) == [0, 1, 2]


def test_a_busy_stream_lets_the_loop_run(feed: Feed) -> None:
    """A time limit is noticed although events never cease."""
    store(feed, events(*range(5000)))

    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async with feed.stream(where=lambda event: number(event) == 4999) as stream:
            assert await take(stream, 1) == [4999]
        counting.cancel()
        return turns

    assert asyncio.run(main()) > 50


def test_a_stream_ends_with_its_feed(feed: Feed) -> None:
    """It gives what came before; then it is over."""

    async def main() -> list[int]:
        async with feed.stream() as stream:
            store_later(feed, events(0, 1))
            stopping = asyncio.create_task(feed.stop_async())
            got = [number(event) async for event in stream]
            await stopping
            return got

    assert asyncio.run(asyncio.wait_for(main(), 10)) == [0, 1]
    assert asyncio.run(main_of_a_stopped(feed)) == []


async def main_of_a_stopped(feed: Feed) -> list[Record]:
    """Return what a stream of a stopped feed gives."""
    async with feed.stream() as stream:
        return [event async for event in stream]


def test_a_stream_raises_the_error_that_ended_its_feed(feed: Feed) -> None:
    """Whether it waits at that moment, or begins afterwards."""

    async def main() -> None:
        async with feed.stream() as stream:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            feed.bridge.submit(fail()).result(5)
            with pytest.raises(TokenRefused):
                await asyncio.wait_for(waiting, 5)
        with pytest.raises(TokenRefused):
            await first_of(feed, 1)

    async def fail() -> None:
        assert feed._run._task is not None
        feed._run._task.cancel()
        await asyncio.wait([feed._run._task])
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(
            TokenRefused("refused", method="m", code="expired_token", description="d")
        )
        feed._hub.ended(failed)  # type: ignore[arg-type]

    asyncio.run(main())


def test_starting_and_stopping_on_a_loop_of_ones_own(portal: Portal, sandbox: Sandbox) -> None:
    """And again on the next loop; the bridge's loop is fine too."""
    feed = portal.feed(transport="websocket")

    async def main(n: int) -> list[int]:
        assert await feed.start_async() is feed
        sandbox.publish("a", {"n": n})
        async with feed.stream("a") as stream:
            got = await take(stream, 1)
        await feed.stop_async()
        await feed.stop_async()
        return got

    assert [asyncio.run(main(1)), asyncio.run(main(2)), portal.bridge.run(main(3))] == [
        [1],
        [2],
        [3],
    ]
    assert feed.state == "stopped"


def test_a_refused_token_reaches_the_callers_loop() -> None:
    """As the error that `start` raises."""
    with Sandbox() as sandbox, Portal(AccessToken(sandbox.url, "0" * 32)) as portal:
        with pytest.raises(TokenRefused):
            asyncio.run(portal.listen_async())
        assert portal.feeds[0].state == "failed"


def test_a_cancelled_start_leaves_nothing_running() -> None:
    """The connections are given up when the caller has gone."""
    with Sandbox() as sandbox, Portal(AccessToken(sandbox.url, sandbox.token)) as portal:

        async def main() -> None:
            await asyncio.wait_for(portal.listen_async(), 0.001)

        with pytest.raises(TimeoutError):
            asyncio.run(main())
        assert not portal.feeds[0].running


def test_a_stream_that_is_not_open_explains_itself(portal: Portal, feed: Feed) -> None:
    """It is opened by `async with`, once, and of a feed that was started."""

    async def not_open() -> None:
        async for _ in feed.stream():
            pass

    async def twice() -> None:
        async with feed.stream() as stream, stream:
            pass

    async def idle() -> None:
        async with portal.feed("shared").stream():
            pass

    for wrong, text in ((not_open, "async with"), (twice, "open already"), (idle, r"start\(\)")):
        with pytest.raises(SettingsError, match=text):
            asyncio.run(wrong())


def test_a_stream_that_is_left_wakes_its_consumers(feed: Feed) -> None:
    """A task that still iterates ends, although the feed runs."""

    async def main() -> bool:
        async with feed.stream() as stream:
            task = asyncio.ensure_future(anext(stream, None))
            await asyncio.sleep(0)
        return await asyncio.wait_for(task, 5) is None

    assert asyncio.run(main())


def test_a_where_that_raises_is_one_error_of_ours(feed: Feed) -> None:
    """The stream goes on with the next event."""

    async def main() -> int:
        async with feed.stream("a", where=lambda event: params(event)["x"] > 0) as stream:
            store_later(feed, events(0, command="b"), events(1))
            with pytest.raises(ConditionFailed, match=r"given as where failed .* KeyError: 'x'"):
                await take(stream, 1)
            good = Event("2", "crm", "A", b'{"n":2,"x":1}')
            store_later(feed, Batch([good]))
            return (await take(stream, 1))[0]

    assert asyncio.run(main()) == 2


def test_a_loop_that_was_closed_meanwhile_does_not_harm_the_feed(feed: Feed) -> None:
    """Its consumer is dropped at the next event; the listener goes on."""
    loop = asyncio.new_event_loop()
    stream = feed.stream()
    loop.run_until_complete(stream.__aenter__())
    task = loop.create_task(stream.__anext__())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel = lambda *_: False  # type: ignore[method-assign]
    waker = list(stream._subscription._wakers)  # type: ignore[union-attr]
    assert len(waker) == 1
    loop.set_exception_handler(lambda *_: None)
    loop.close()
    store(feed, events(0), events(1))
    assert feed.running
    assert len(feed.wait(2, timeout=5)) == 2
    del stream, task, waker
    assert subscriptions(feed) == 0


def test_a_stream_without_a_reference_is_forgotten(feed: Feed) -> None:
    """Although it was never left."""

    async def main() -> None:
        stream = feed.stream()
        await stream.__aenter__()

    asyncio.run(main())
    assert subscriptions(feed) == 0


def test_ctrl_c_ends_a_stream_and_nothing_stays() -> None:
    """A script that is interrupted while it waits ends at once, with KeyboardInterrupt."""
    script = (
        "import asyncio, os, signal, threading, time, bxpull_nb as bx\n"
        "from bxpull_nb.sandbox import Sandbox\n"
        "async def main(portal):\n"
        "    feed = await portal.listen_async()\n"
        "    async with feed.stream() as events:\n"
        "        asyncio.get_running_loop().call_later(0.1, signal.raise_signal, signal.SIGINT)\n"
        "        async for event in events: pass\n"
        "with Sandbox() as sandbox, bx.connect(sandbox.url, token=sandbox.token) as portal:\n"
        "    try:\n"
        "        asyncio.run(main(portal))\n"
        "    except KeyboardInterrupt:\n"
        "        print(len(portal.feeds[0]._hub.waiters._open))\n"
        "until = time.monotonic() + 5\n"  # a thread of asyncio's pool may still be ending
        "while threading.active_count() > 1 and time.monotonic() < until: time.sleep(0.01)\n"
        "print([thread.name for thread in threading.enumerate()])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode().split("\n")[:2] == ["0", "['MainThread']"]


def _stream_in_a_child(feed: Feed, answers: Any) -> None:
    async def open_stream() -> None:
        async with feed.stream():
            pass

    for use in (open_stream, feed.wait_async, feed.start_async):
        try:
            asyncio.run(use())
        except BxPullError as exc:
            answers.put(type(exc).__name__)


@posix
def test_a_forked_child_is_refused(feed: Feed) -> None:
    """Its parent's feed is not its own."""
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_stream_in_a_child, args=(feed, answers))
    child.start()
    got = [answers.get(timeout=20) for _ in range(3)]
    child.join(20)
    assert got == [WrongProcessError.__name__] * 3


@pytest.mark.parametrize("loops", ["nest_asyncio2", "uvloop"])
def test_other_loops_than_asyncios_own(loops: str) -> None:
    """A patched loop within a running one, and uvloop where it is installed."""
    pytest.importorskip(loops)
    patched = (
        "import nest_asyncio2; nest_asyncio2.apply()\n"
        "async def outer(): return asyncio.run(main())\n"
        "print(asyncio.run(outer()))\n"
    )
    run = {
        "nest_asyncio2": patched,
        "uvloop": "import uvloop\nprint(uvloop.run(main()))\n",
    }
    script = (
        "import asyncio, bxpull_nb as bx\n"
        "from bxpull_nb.sandbox import Sandbox\n"
        "sandbox = Sandbox().start(); portal = bx.connect(sandbox.url, token=sandbox.token)\n"
        "async def main():\n"
        "    feed = await portal.listen_async()\n"
        "    async with feed.stream('a') as events:\n"
        "        try: await asyncio.wait_for(anext(events), 0.05)\n"
        "        except TimeoutError: pass\n"
        "        sandbox.publish('a', {'n': 5})\n"
        "        event = await anext(events)\n"
        "    try: await asyncio.wait_for(feed.wait_async(1), 0.05)\n"
        "    except TimeoutError: pass\n"
        "    sandbox.publish('b', {'n': 6})\n"
        "    last = await feed.wait_async(lambda event: True, timeout=5)\n"
        "    await feed.stop_async()\n"
        "    return event.params['n'], last.params['n'], len(feed._hub.waiters._open)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script + run[loops]], capture_output=True, timeout=60
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, b"", b"(5, 6, 0)\n")
