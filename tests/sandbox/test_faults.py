"""Faults on demand: their effect, their number, and normal operation afterwards."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import codec_for
from bxpull_nb.sandbox.push.faults import Countdown, MessageFaults
from tests.support.visitor import Visitor, events, received, visiting
from tests.support.waiting import eventually

ALL = "0" * 26
MODES = {3: {}, 4: {"binaryMode": "true"}, 5: {"jsonRpc": "true"}}


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """Open a sandbox that holds polls only briefly."""
    with visiting(poll_hold=0.05, buffer=0) as visitor:
        yield visitor


def mids(visitor: Visitor, count: int) -> list[str]:
    """Publish so many messages now and return their mids."""
    return [visitor.sandbox.publish("c", {"n": n}) for n in range(count)]


def test_messages_can_be_delivered_twice(visitor: Visitor) -> None:
    """Only the next messages come twice; they are stored once."""
    with visitor.listen(visitor.channel()) as websocket:
        visitor.sandbox.duplicate(2)
        one, two, three = mids(visitor, 3)
        found = [event.mid for event in received(websocket, 5)]
    assert found == [one, one, two, two, three]
    with visitor.listen(visitor.channel(), mid=ALL) as websocket:
        assert [event.mid for event in received(websocket, 3)] == [one, two, three]


def test_messages_can_be_delivered_backwards(visitor: Visitor) -> None:
    """They are held until the last is published; later messages are in order."""
    with visitor.listen(visitor.channel()) as websocket:
        visitor.sandbox.reorder(3)
        first = mids(visitor, 2)
        with pytest.raises(TimeoutError):
            websocket.recv(0.05)
        rest = mids(visitor, 3)
        found = [event.mid for event in received(websocket, 5)]
    assert found == [rest[0], *reversed(first), *rest[1:]]


def test_stored_messages_can_be_lost_on_the_way() -> None:
    """A resume gets them; unstored messages are not lost on purpose."""
    with visiting(server_version=4, buffer=0) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel) as websocket:
            visitor.sandbox.lose(2)
            unstored = visitor.sandbox.publish("c", expiry=0)
            sent = mids(visitor, 3)
            assert [event.mid for event in received(websocket, 2)] == [unstored, sent[2]]
        with visitor.listen(channel, mid=unstored) as websocket:
            assert [event.mid for event in received(websocket, 3)] == sent


def test_the_faults_of_messages_add_up_and_combine() -> None:
    """Lost messages do not count as reordered, and all faults end."""
    faults = MessageFaults(Lock())
    faults.lose(1)
    faults.lose(1)
    faults.duplicate(1)
    faults.reorder(2)
    passed = []
    for number in range(6):
        message = Message(str(number), "", "-", 0, 60)
        passed.append([one.mid for one, _ in faults.deliveries(message, ["x"])])
    assert passed == [[], [], [], ["3", "2", "2"], ["4"], ["5"]]
    assert not faults.waiting
    faults.reorder(2)
    first, second = (Message(mid, "", "-", 0, 60) for mid in "67")
    assert faults.deliveries(first, ["x"]) == []
    assert faults.deliveries(second, ["x"]) == [(second, ["x"]), (first, ["x"])]


def test_history_can_be_wiped() -> None:
    """Mids begin at 1 again under the same prefix; resuming with an old one gives none."""
    with visiting(buffer=0) as visitor, visitor.listen(visitor.channel()) as websocket:
        old = mids(visitor, 3)
        visitor.sandbox.wipe_history()
        new = mids(visitor, 2)
        assert new == old[:2]
        assert [event.mid for event in received(websocket, 5)] == [*old, *new]
        with visitor.listen(visitor.channel(), mid=old[2]) as resumed:
            live = visitor.sandbox.publish("live")
            assert [event.mid for event in received(resumed, 1)] == [live]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_unreadable_frames_can_be_had(version: int) -> None:
    """They come at once, as separate frames in the connection's dialect."""
    codec = codec_for(version)
    with visiting(server_version=version) as visitor:
        with visitor.listen(visitor.channel(), **MODES[version]) as websocket:
            visitor.sandbox.garbage(2)
            for _ in range(2):
                (bad,) = codec.decode(websocket.recv(5))
                assert bad.error
            mid = visitor.sandbox.publish("c")
            assert [event.mid for event in received(websocket, 1)] == [mid]
        visitor.sandbox.garbage()  # without a listener: for the next one
        with visitor.listen(visitor.channel(), mid=ALL, **MODES[version]) as websocket:
            assert [event.mid for event in received(websocket, 1)] == [mid]
            assert codec.decode(websocket.recv(5))[0].error


@pytest.mark.parametrize("version", [3, 4, 5])
def test_frames_can_be_torn(version: int) -> None:
    """The first half arrives; the message is stored."""
    with visiting(server_version=version, buffer=0) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel, **MODES[version]) as websocket:
            visitor.sandbox.publish("c", {"t": "x" * 100})
            whole = websocket.recv(5)
            visitor.sandbox.cut_frame()
            sent = mids(visitor, 2)
            torn = websocket.recv(5)
            assert type(torn) is type(whole)
            assert codec_for(version).decode(torn)[0].error
            assert [event.mid for event in received(websocket, 1)] == sent[1:]
        visitor.sandbox.cut_frame()
        kind = visitor.poll(channel, mid=ALL, **MODES[version])
        full = visitor.poll(channel, mid=ALL, **MODES[version])
        assert kind.status_code == full.status_code == 200
        assert full.content.startswith(kind.content)
        assert len(kind.content) < len(full.content)


def test_polls_can_be_answered_with_a_page(visitor: Visitor) -> None:
    """HTML with status 200 answers so many polls; WebSockets are not affected."""
    channel = visitor.channel()
    mid = visitor.sandbox.publish("c")
    visitor.sandbox.answer_html(2)
    for _ in range(2):
        answer = visitor.poll(channel, mid=ALL)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.startswith("<!DOCTYPE html>")
    assert [event.mid for event in events(visitor.poll(channel, mid=ALL).text)] == [mid]


def test_a_held_poll_gets_the_garbage() -> None:
    """The poll is answered at once, not at the end of its hold."""
    with visiting() as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        poll = pool.submit(visitor.poll, channel)
        eventually(lambda: visitor.is_online(channel))
        visitor.sandbox.garbage()
        assert codec_for(3).decode(poll.result(5).text)[0].error


@pytest.mark.parametrize("status", [403, 503])
def test_handshakes_can_be_refused(visitor: Visitor, status: int) -> None:
    """So many handshakes get that status; polls are not affected."""
    channel = visitor.channel()
    visitor.sandbox.refuse_handshakes(2, status)
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused, visitor.listen(channel):
            pass
        assert refused.value.response.status_code == status
    assert visitor.poll(channel).status_code == 304
    with visitor.listen(channel) as websocket:
        mid = visitor.sandbox.publish("c")
        assert [event.mid for event in received(websocket, 1)] == [mid]


def test_a_stalled_server_takes_connections_and_sends_nothing() -> None:
    """WebSockets and polls get nothing, and afterwards all that waited."""
    with visiting(poll_hold=0.05, buffer=0) as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        old = visitor.sandbox.publish("old")
        visitor.sandbox.stall(0.3)
        start = time.monotonic()
        with visitor.listen(channel, mid=ALL) as websocket:
            poll = pool.submit(visitor.poll, channel, mid=ALL)
            new = visitor.sandbox.publish("new")
            with pytest.raises(TimeoutError):
                websocket.recv(0.1)
            assert not poll.done()
            assert [event.mid for event in received(websocket, 2)] == [old, new]
            assert time.monotonic() - start >= 0.3
            assert poll.result(5).status_code == 200


def test_a_restart_cuts_all_and_the_counter_goes_on() -> None:
    """New connections are cut for a while without a close frame; then resuming works."""
    with visiting(poll_hold=0.05) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel) as websocket:
            before = visitor.sandbox.publish("before")
            received(websocket, 1)
            assert visitor.sandbox.restart(0.2) == 1
            with pytest.raises(ConnectionClosedError) as closed:
                websocket.recv(5)
            assert closed.value.rcvd is None
        missed = visitor.sandbox.publish("missed")
        assert int(missed) == int(before) + 1
        with pytest.raises((httpx.TransportError, OSError)):
            visitor.poll(channel)

        def resumes() -> bool:
            try:
                with visitor.listen(channel, mid=before) as again:
                    return [event.mid for event in received(again, 1)] == [missed]
            except (OSError, EOFError, ConnectionClosed, InvalidStatus, ValueError):
                return False

        eventually(resumes)


@pytest.mark.parametrize("code", [1000, 3000, 4010])
def test_connections_can_be_closed_with_any_code(visitor: Visitor, code: int) -> None:
    """The reason arrives, the number is returned, and polls are not affected."""
    with visitor.listen(visitor.channel()) as one, visitor.listen(visitor.channel()) as two:
        assert visitor.sandbox.close_connections(code, "because") == 2
        for websocket in (one, two):
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(5)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "because")
    eventually(lambda: visitor.sandbox.close_connections(code) == 0)


def test_a_countdown_counts_from_many_threads() -> None:
    """It returns True exactly as often as it was increased."""
    countdown = Countdown()
    countdown.add(-5)
    assert not countdown.take()
    countdown.add(1000)
    countdown.add(1000)
    taken: list[bool] = []
    threads = [
        Thread(target=lambda: taken.extend(countdown.take() for _ in range(1000))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 2000
    assert not countdown
