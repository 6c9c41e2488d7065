"""Faults on demand: their effect, their number, and normal operation afterwards."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from bxpull_nb.errors import SettingsError
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


def traffic_until(over: Event, visitor: Visitor) -> list[str]:
    """Publish some two thousand messages a second until it is over; return their mids."""
    sent = []
    while not over.wait(0.0005):
        sent.append(visitor.sandbox.publish("c"))
    return sent


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_wipe_under_traffic_keeps_every_listener(version: int) -> None:
    """WebSockets miss nothing, a held poll stays held, and mids begin at 1 each time."""
    with (
        visiting(server_version=version) as visitor,
        ThreadPoolExecutor() as pool,
        visitor.listen(visitor.channel(), **MODES[version]) as websocket,
    ):
        private = visitor.channel("private")
        poll = pool.submit(visitor.poll, private)
        eventually(lambda: visitor.is_online(private))
        over = Event()
        traffic = pool.submit(traffic_until, over, visitor)
        found: list[str] = []
        for _ in range(3):
            found += [event.mid for event in received(websocket, 50)]
            visitor.sandbox.wipe_history()
        found += [event.mid for event in received(websocket, 50)]
        over.set()
        sent = traffic.result(5)
        found += [event.mid for event in received(websocket, len(sent) - len(found))]
        assert found == sent
        assert len({mid[:10] for mid in sent}) == 1
        assert 2 <= sum(int(mid[10:]) == 1 for mid in sent) <= 4
        assert not poll.done()
        visitor.sandbox.wipe_history()
        mid = visitor.sandbox.publish("c", channel="private")
        assert int(mid[10:]) == 1
        assert [event.mid for event in events(poll.result(5).text)] == [mid]


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


@pytest.mark.parametrize("frame", ["any text", b"\xff\xfe"])
def test_a_frame_can_be_sent_as_given(visitor: Visitor, frame: str | bytes) -> None:
    """A text is a text frame, bytes are a binary one; a poll gets it as its body."""
    with visitor.listen(visitor.channel()) as websocket:
        visitor.sandbox.garbage(2, frame)
        assert [websocket.recv(5), websocket.recv(5)] == [frame, frame]
    visitor.sandbox.garbage(1, frame)
    body = visitor.poll(visitor.channel()).content
    assert body == (frame.encode() if isinstance(frame, str) else frame)


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


@pytest.mark.parametrize("status", [200, 400, 403, 426, 503])
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


@pytest.mark.parametrize("status", [200, 400, 426])
def test_all_handshakes_can_be_refused_while_polls_work(visitor: Visitor, status: int) -> None:
    """As a proxy without WebSockets does, until handshakes are accepted again."""
    channel = visitor.channel()
    visitor.sandbox.refuse_handshakes(None, status)
    mid = visitor.sandbox.publish("c")
    for _ in range(5):
        with pytest.raises(InvalidStatus) as refused, visitor.listen(channel):
            pass
        assert refused.value.response.status_code == status
        assert [event.mid for event in events(visitor.poll(channel, mid=ALL).text)] == [mid]
    visitor.sandbox.refuse_handshakes(0)
    with visitor.listen(channel, mid=ALL) as websocket:
        assert [event.mid for event in received(websocket, 1)] == [mid]


@pytest.mark.slow
@pytest.mark.parametrize("version", [3, 4, 5])
def test_idle_connections_can_be_cut(version: int) -> None:
    """A WebSocket and a held poll end without close frame and answer; a busy one does not."""
    with (
        visiting(server_version=version, buffer=0, rpc_ping=60) as visitor,
        ThreadPoolExecutor() as pool,
        visitor.listen(visitor.channel("private"), **MODES[version]) as busy,
        visitor.listen(visitor.channel(), **MODES[version]) as quiet,
    ):
        poll = pool.submit(visitor.poll, visitor.channel())
        eventually(lambda: sum(1 for _ in connections(visitor)) == 3)
        start = time.monotonic()
        visitor.sandbox.limit_idle(0.8)
        for _ in range(10):
            mid = visitor.sandbox.publish("c", channel="private")
            assert [event.mid for event in received(busy, 1)] == [mid]
            time.sleep(0.1)
        with pytest.raises(ConnectionClosedError) as closed:
            quiet.recv(5)
        assert closed.value.rcvd is None
        with pytest.raises(httpx.TransportError):
            poll.result(5)
        assert 0.4 < time.monotonic() - start < 3
        visitor.sandbox.limit_idle(None)
        with visitor.listen(visitor.channel(), **MODES[version]) as again:
            with pytest.raises(TimeoutError):
                again.recv(1.0)
            mid = visitor.sandbox.publish("c")
            assert [event.mid for event in received(again, 1)] == [mid]


def connections(visitor: Visitor) -> Iterator[object]:
    """Return the live connections."""
    portal = visitor.sandbox._portal
    assert portal is not None
    return iter(portal.push.connections)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_an_idle_limit_is_a_time(visitor: Visitor, seconds: float) -> None:
    """Other values are refused."""
    with pytest.raises(SettingsError, match="seconds"):
        visitor.sandbox.limit_idle(seconds)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_messages_can_be_delivered_without_being_stored(version: int) -> None:
    """The next messages arrive live only, whatever their expiry; later ones are stored."""
    with visiting(server_version=version, buffer=0) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel, **MODES[version]) as websocket:
            visitor.sandbox.store_nothing(1)
            visitor.sandbox.store_nothing(2)
            visitor.sandbox.duplicate(1)
            sent = mids(visitor, 5)
            found = [event.mid for event in received(websocket, 6)]
        assert found == [sent[0], *sent]
        with visitor.listen(channel, mid=ALL, **MODES[version]) as websocket:
            assert [event.mid for event in received(websocket, 2)] == sent[3:]


HOSTILE = {
    "400 digits": '{"module_id":"m","command":"c","params":{},"extra":{"server_time_unix":'
    + "9" * 400
    + "}}",
    "an old time": '{"command":"c","extra":{"server_time_unix":-70000000000}}',
    "a far time": '{"command":"c","extra":{"server_time_unix":1e308}}',
    "no JSON": "hello\n#!NGINXNME!#",
    "half an object": '{"command":',
    "deep": "[" * 100_000,
    "nan": '{"command":"c","extra":{"server_time_unix":NaN}}',
    "nothing": "",
}


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_body_is_published_as_it_is_given(version: int, body: str) -> None:
    """Live and from the history; version 5 sends a text that is no JSON as a string."""
    with visiting(server_version=version, buffer=0) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel, **MODES[version]) as websocket:
            mid = visitor.sandbox.publish_raw(body)
            live = websocket.recv(5)
            after = visitor.sandbox.publish("after")
            assert [event.mid for event in received(websocket, 1)] == [after]
        stored = visitor.poll(channel, mid=ALL, **MODES[version]).content
    assert mid in str(live) or version == 4
    sent = live if isinstance(live, bytes) else live.encode()
    written = [body.encode(), json.dumps(body).encode()]
    assert any(text in sent and text in stored for text in written)


@pytest.mark.parametrize("version", [4, 5])
def test_a_body_may_come_from_a_client(version: int) -> None:
    """It has the public id of another user; by default the back end is the sender."""
    body = '{"module_id":"pull","command":"channel_expire","params":{"action":"reconnect"}}'
    with (
        visiting(server_version=version) as visitor,
        visitor.listen(visitor.channel("private"), **MODES[version]) as websocket,
    ):
        for sender in ("client", "backend"):
            visitor.sandbox.publish_raw(body, channel=["private"], sender=sender)
        stranger, portal = received(websocket, 2)
        own = visitor.config()["channels"]["private"]["public_id"][:32]
    assert (stranger.command, portal.sender) == ("channel_expire", "backend")
    kind, _, public = str(stranger.sender).partition(":")
    assert (kind, len(public)) == ("client", 32)
    assert public != own


@pytest.mark.parametrize("wrong", [{"sender": "me"}, {"channel": "no"}, {"body": "\ud800"}])
def test_what_cannot_be_published_is_refused(visitor: Visitor, wrong: dict[str, str]) -> None:
    """Nothing is stored then."""
    options: dict[str, Any] = {"body": "{}", **wrong}
    with pytest.raises(SettingsError):
        visitor.sandbox.publish_raw(**options)
    assert visitor.poll(visitor.channel(), mid=ALL).status_code == 304


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
