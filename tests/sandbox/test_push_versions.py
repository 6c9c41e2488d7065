"""Listening to push servers of version 4 and 5, unlike version 3."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.protocol.codec import push_pb2 as pb
from tests.support.batches import message_request, public_name
from tests.support.visitor import Visitor, events, received, visiting
from tests.support.waiting import eventually

ALL = "0" * 26
ID = "0123456789abcdef0123456789abcdef"
BINARY = {"binaryMode": "true"}
RPC = {"jsonRpc": "true"}
MODES = [(4, {}), (4, BINARY), (5, {}), (5, RPC)]


@pytest.fixture(scope="module", params=[4, 5])
def visitor(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Open a sandbox that holds polls only briefly."""
    with visiting(server_version=request.param, poll_hold=0.05) as visitor:
        yield visitor


def both(visitor: Visitor) -> str:
    """Return the ids of both channels."""
    return f"{visitor.channel('private')}/{visitor.channel('shared')}"


@pytest.mark.parametrize(("version", "mode"), MODES)
def test_what_is_published_arrives_in_the_dialect_asked_for(
    version: int, mode: dict[str, str]
) -> None:
    """It does live, on resuming in one sorted frame, and by polling."""
    with visiting(server_version=version, buffer=0) as visitor:
        channels = both(visitor)
        publish = visitor.sandbox.publish
        with visitor.listen(channels, **mode) as websocket:
            sent = [publish("a", {"t": "Привет 🌍"}), publish("b", [1], channel="private")]
            sent.append(publish("c", "word", module_id="crm"))
            found = received(websocket, 3)
        assert [event.mid for event in found] == sent
        assert [event.command for event in found] == ["a", "b", "c"]
        assert [event.params for event in found] == [{"t": "Привет 🌍"}, [1], "word"]
        assert found[2].module_id == "crm"
        with visitor.listen(channels, mid=sent[0], **mode) as websocket:
            backlog = websocket.recv(5)
            live = publish("live")
            assert [event.mid for event in received(websocket, 1)] == [live]
        polled = visitor.poll(channels, mid=sent[0], **mode)
    codec = codec_of(mode)
    assert [record.mid for record in codec.decode(backlog)] == sent[1:]
    assert [record.mid for record in codec.decode(polled.content)] == [*sent[1:], live]
    kind = "application/octet-stream" if mode == BINARY else "text/plain"
    assert polled.headers["Content-Type"] == kind


def codec_of(mode: dict[str, str]) -> Codec:
    """Return the codec of that mode."""
    return ProtobufCodec() if mode == BINARY else JsonRpcCodec() if mode == RPC else TextCodec()


@pytest.mark.parametrize(("version", "mode"), MODES)
def test_a_held_poll_takes_one_message_in_its_dialect(version: int, mode: dict[str, str]) -> None:
    """A poll without messages gets 304 in all dialects."""
    with visiting(server_version=version) as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        poll = pool.submit(visitor.poll, channel, **mode)
        eventually(lambda: visitor.is_online(channel))
        mid = visitor.sandbox.publish("c")
        answer = poll.result(5)
        assert [record.mid for record in codec_of(mode).decode(answer.content)] == [mid]
    with visiting(server_version=version, poll_hold=0.02) as visitor:
        answer = visitor.poll(visitor.channel(), mid=mid, **mode)
        assert (answer.status_code, answer.headers["Last-Message-Id"]) == (304, mid)


def test_one_message_comes_once_per_receiver_that_reaches_one() -> None:
    """Of three receivers one message comes at once, two after the buffer's time."""
    with visiting(server_version=4, buffer=0.2) as visitor:
        private = visitor.channel("private")
        mine = {"id": bytes.fromhex(private[:32]), "isPrivate": True}
        public = public_name(visitor.config()["channels"]["private"]["public_id"])
        batch = message_request("{}", to=[mine, public, mine], expiry=60)
        with visitor.listen(private, **BINARY) as websocket:
            visitor.http.post("/pub/", params=BINARY, content=batch)
            frames = [ProtobufCodec().decode(websocket.recv(5)) for _ in range(2)]
        assert [len(records) for records in frames] == [1, 2]
        assert len({record.mid for records in frames for record in records}) == 1
        backlog = visitor.poll(private, mid=ALL, **BINARY)
        assert len(ProtobufCodec().decode(backlog.content)) == 3


def test_a_binary_frame_joins_messages_as_responses_of_their_own() -> None:
    """The first of a burst is sent alone, the rest together."""
    with (
        visiting(server_version=4, buffer=0.2) as visitor,
        visitor.listen(visitor.channel(), **BINARY) as websocket,
    ):
        for _ in range(4):
            visitor.sandbox.publish("c")
        batches = [pb.ResponseBatch.FromString(bytes_of(websocket.recv(5))) for _ in range(2)]
    assert [len(batch.responses) for batch in batches] == [1, 3]


def bytes_of(frame: str | bytes) -> bytes:
    """Return the frame, which is binary."""
    assert isinstance(frame, bytes)
    return frame


@pytest.mark.parametrize("channel_id", ["", "abc", ID, f"{ID}.{'0' * 40}", f"{ID}:{ID}.{'0' * 40}"])
def test_a_bad_channel_is_refused_with_its_code(visitor: Visitor, channel_id: str) -> None:
    """The WebSocket's refusal lacks the code, the poll's has it."""
    with pytest.raises(InvalidStatus) as refused, visitor.listen(channel_id):
        pass
    answer = refused.value.response
    assert (answer.status_code, answer.body) == (400, b"Wrong Channel Id.")
    polled = visitor.poll(channel_id)
    assert (polled.status_code, polled.text) == (400, "4010: Wrong Channel Id.")
    assert polled.headers["Access-Control-Expose-Headers"] == "Last-Message-Id"


def test_a_private_id_without_its_public_part_is_another_signature(visitor: Visitor) -> None:
    """The signature is for both parts together."""
    private = visitor.channel("private")
    with pytest.raises(InvalidStatus), visitor.listen(private[:32] + private[65:]):
        pass


@pytest.mark.parametrize("name", ["token", "format", "clientId", "hostname", "revision", "tag"])
def test_what_a_version_does_not_know_is_ignored(name: str) -> None:
    """A server of version 4 ignores other parameters of the query."""
    with visiting(server_version=4) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel, **{name: "x"}) as websocket:
            mid = visitor.sandbox.publish("c")
            assert [event.mid for event in events(websocket.recv(5))] == [mid]


def test_the_hundred_and_first_connection_closes_the_oldest() -> None:
    """A private channel closes it with 4029; a shared channel has no limit."""
    with visiting(server_version=4) as visitor, ExitStack() as stack:
        private, shared = visitor.channel("private"), visitor.channel("shared")
        oldest = stack.enter_context(visitor.listen(private))
        second = stack.enter_context(visitor.listen(private))
        for _ in range(98):
            stack.enter_context(visitor.listen(private))
        stack.enter_context(visitor.listen(shared))
        newest = stack.enter_context(visitor.listen(private))
        with pytest.raises(ConnectionClosed) as closed:
            oldest.recv(5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4029
        assert closed.value.rcvd.reason == "4029: Too many connections"
        mid = visitor.sandbox.publish("c", channel="private")
        for websocket in (second, newest):
            assert [event.mid for event in received(websocket, 1)] == [mid]


def test_a_held_poll_leaves_for_the_hundred_and_first_too() -> None:
    """The poll gets HTTP 429, and the same text."""
    with visiting(server_version=4) as visitor, ExitStack() as stack, ThreadPoolExecutor() as pool:
        private = visitor.channel("private")
        poll = pool.submit(visitor.poll, private)
        eventually(lambda: visitor.is_online(private))
        for _ in range(100):
            stack.enter_context(visitor.listen(private))
        answer = poll.result(5)
    assert (answer.status_code, answer.text) == (429, "4029: Too many connections")


def test_an_expired_channel_is_silent_but_open() -> None:
    """The portal publishes to the successor."""
    clock = [1_800_000_000.0]
    with visiting(server_version=4, now=lambda: clock[0], channel_ttl=60) as visitor:
        old = visitor.channel("private")
        clock[0] += 60
        new = visitor.channel("private")
        assert new[:65] != old[:65]
        with visitor.listen(old, **BINARY) as silent, visitor.listen(new, **BINARY) as alive:
            mid = visitor.sandbox.publish("c", channel="private")
            assert [event.mid for event in received(alive, 1)] == [mid]
            with pytest.raises(TimeoutError):
                silent.recv(0.05)


def test_a_body_that_is_no_json_does_not_break_the_connection(visitor: Visitor) -> None:
    """The next message is decoded."""
    channel = visitor.channel()
    mode = BINARY if visitor.config()["server"]["version"] == 4 else RPC
    with visitor.listen(channel, **mode) as websocket:
        query = {"CHANNEL_ID": channel[:32]}
        visitor.http.post("/pub/", params=query, content=b"just text \xff")
        websocket.recv(5)
        mid = visitor.sandbox.publish("c")
        assert [event.mid for event in received(websocket, 1)] == [mid]
