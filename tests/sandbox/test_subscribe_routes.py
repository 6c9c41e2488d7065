"""The push server over real sockets: `/sub/` by WebSocket and long polling, and `/pub/`."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bxpull_nb.sandbox import server
from tests.support.paths import WIRE
from tests.support.visitor import Visitor, events, visiting
from tests.support.waiting import eventually

POLLING = WIRE / "polling3"
ALL = "0" * 26
ID = "0123456789abcdef0123456789abcdef"
OF_THE_MOMENT = {"date", "connection", "keep-alive", "transfer-encoding", "content-length"}


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox that holds polls only briefly."""
    with visiting(poll_hold=0.05) as visitor:
        yield visitor


def recorded(name: str) -> tuple[int, dict[str, str], str]:
    """Status, headers (without those of the moment and of the transfer) and body of a recording."""
    head, _, body = (POLLING / name).read_bytes().decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    pairs = (line.partition(":")[::2] for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    chunk = re.fullmatch(r"[0-9a-f]+\r\n(.*)\r\n0\r\n\r\n", body, re.DOTALL)
    return int(first.split()[1]), shape(headers), chunk[1] if chunk else body


def shape(headers: dict[str, str] | httpx.Headers) -> dict[str, str]:
    """Return the headers that belong to the protocol."""
    return {name: value for name, value in headers.items() if name not in OF_THE_MOMENT}


def received(websocket: ClientConnection, count: int) -> list[str]:
    """Return the mids of the next messages, from one or more frames."""
    mids: list[str] = []
    while len(mids) < count:
        mids += [event.mid for event in events(websocket.recv(5))]
    return mids


def test_what_is_published_arrives(visitor: Visitor) -> None:
    """Module, command and params arrive unchanged, on the right channel."""
    shared, private = visitor.channel("shared"), visitor.channel("private")
    with visitor.listen(shared) as on_shared, visitor.listen(private) as on_private:
        publish = visitor.sandbox.publish
        first = publish("one", {"t": "Привет 🌍"})
        second = publish("two", [1, 2], module_id="crm", channel="private")
        (one,), (two,) = events(on_shared.recv(5)), events(on_private.recv(5))
    assert (one.mid, one.module_id, one.command) == (first, "application", "one")
    assert one.params == {"t": "Привет 🌍"}
    assert (two.mid, two.module_id, two.command, two.params) == (second, "crm", "two", [1, 2])


@pytest.mark.parametrize("joined", ["/", "%2F"])
def test_one_connection_may_listen_to_both_channels(visitor: Visitor, joined: str) -> None:
    """A slash, raw or percent-encoded, joins the ids; a message to both comes twice."""
    both = f"{visitor.channel('private')}{joined}{visitor.channel('shared')}"
    url = f"{visitor.sandbox.url.replace('http', 'ws')}/sub/?CHANNEL_ID={both}"
    with connect(url, compression=None, proxy=None) as websocket:
        publish = visitor.sandbox.publish
        sent = [publish("a"), publish("b", channel="private")]
        twice = publish("c", channel=["shared", "private"])
        assert received(websocket, 4) == [*sent, twice, twice]


def test_several_subscribers_get_the_same_frame(visitor: Visitor) -> None:
    """All bytes are equal."""
    channel = visitor.channel()
    with visitor.listen(channel) as one, visitor.listen(channel) as two:
        visitor.sandbox.publish("c", {"n": 1})
        assert one.recv(5) == two.recv(5)


def test_an_answer_to_the_handshake_means_that_nothing_is_missed(visitor: Visitor) -> None:
    """A message published right after connecting arrives, every time."""
    channel = visitor.channel()
    for _ in range(30):
        with visitor.listen(channel) as websocket:
            mid = visitor.sandbox.publish("c", expiry=0)
            assert received(websocket, 1) == [mid]


def test_a_resume_sends_the_backlog_in_one_frame_then_goes_live(visitor: Visitor) -> None:
    """The backlog has all messages newer than the mid, sorted, of both channels."""
    both = f"{visitor.channel('private')}/{visitor.channel('shared')}"
    publish = visitor.sandbox.publish
    sent = [publish("c", channel=kind) for kind in ("shared", "private") * 20]
    with visitor.listen(both, mid=sent[4]) as websocket:
        assert [event.mid for event in events(websocket.recv(5))] == sent[5:]
        live = publish("live")
        assert received(websocket, 1) == [live]


def test_a_mid_of_zeros_sends_the_whole_backlog(visitor: Visitor) -> None:
    """The backlog begins with the first stored message."""
    last = visitor.sandbox.publish("c")
    with visitor.listen(visitor.channel(), mid=ALL) as websocket:
        frame = events(websocket.recv(5))
    assert frame[-1].mid == last
    assert [event.mid for event in frame] == sorted(event.mid for event in frame)


@pytest.mark.parametrize("mid", ["", "1", "0" * 25, "0" * 27, "x" * 26, "\u0660" * 26])
def test_a_mid_that_is_not_26_digits_is_ignored(visitor: Visitor, mid: str) -> None:
    """There is no backlog then, and live messages arrive."""
    visitor.sandbox.publish("before")
    with visitor.listen(visitor.channel(), mid=mid) as websocket:
        live = visitor.sandbox.publish("live")
        assert received(websocket, 1) == [live]


@pytest.mark.parametrize(
    "channel_id",
    ["", "abc", ID, f"{ID}.{'0' * 40}", "{good}/x", "{good}/" + ID, "{good}&CHANNEL_ID={good}"],
)
def test_a_bad_channel_is_refused_before_the_upgrade(visitor: Visitor, channel_id: str) -> None:
    """The answer is the one that a real server gave to an unsigned id."""
    query = "CHANNEL_ID=" + channel_id.replace("{good}", visitor.channel())
    with pytest.raises(InvalidStatus) as refused:
        connect_raw(visitor, f"/sub/?{query}")
    answer = refused.value.response
    headers = shape({name.lower(): value for name, value in answer.headers.raw_items()})
    body = bytes(answer.body or b"").decode()
    assert (answer.status_code, headers, body) == recorded("A82-key-ws-unsigned.res.bin")


def connect_raw(visitor: Visitor, path: str) -> None:
    """Connect to the path and close again."""
    with connect(visitor.sandbox.url.replace("http", "ws") + path, proxy=None):
        pass


def test_another_websocket_path_is_refused(visitor: Visitor) -> None:
    """The path must be `/sub/`, even with a valid channel."""
    with pytest.raises(InvalidStatus) as refused:
        connect_raw(visitor, f"/sub/x?CHANNEL_ID={visitor.channel()}")
    assert refused.value.response.status_code == 400


def test_an_expired_channel_is_silent_but_not_refused() -> None:
    """The portal publishes to its successor; the history of the old one remains."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], channel_ttl=60) as visitor:
        old = visitor.channel()
        before = visitor.sandbox.publish("before")
        clock[0] += 60
        with visitor.listen(old, mid=ALL) as on_old:
            assert received(on_old, 1) == [before]
            after = visitor.sandbox.publish("after")
            with visitor.listen(visitor.channel(), mid=before) as on_new:
                assert received(on_new, 1) == [after]
            with pytest.raises(TimeoutError):
                on_old.recv(0.05)


def test_without_websocket_there_is_only_polling() -> None:
    """The handshake is refused, the poll is held."""
    with visiting(websocket=False, poll_hold=0.02) as visitor:
        with pytest.raises(InvalidStatus) as refused:
            connect_raw(visitor, f"/sub/?CHANNEL_ID={visitor.channel()}")
        assert refused.value.response.status_code == 400
        assert visitor.poll(visitor.channel()).status_code == 304


def test_the_first_of_a_burst_goes_alone_and_the_rest_is_joined() -> None:
    """All messages within the buffer's time are in one frame, also when they are slow."""
    with visiting(buffer=0.5) as visitor, visitor.listen(visitor.channel()) as websocket:
        sent = []
        for _ in range(5):
            sent.append(visitor.sandbox.publish("c"))
            assert visitor.http.get("/nowhere").status_code == 404
        frames = [[event.mid for event in events(websocket.recv(5))] for _ in range(2)]
    assert frames == [sent[:1], sent[1:]]


def test_without_buffer_each_message_has_a_frame_of_its_own() -> None:
    """Even a quick burst has a frame for each message."""
    with visiting(buffer=0) as visitor, visitor.listen(visitor.channel()) as websocket:
        sent = [visitor.sandbox.publish("c") for _ in range(50)]
        frames = [events(websocket.recv(5)) for _ in range(50)]
    assert [[event.mid for event in frame] for frame in frames] == [[mid] for mid in sent]


def test_a_large_message_arrives_whole(visitor: Visitor) -> None:
    """The message is far larger than the limit of many clients, a mebibyte."""
    text = "я" * 3_000_000
    with visitor.listen(visitor.channel()) as websocket:
        visitor.sandbox.publish("c", {"t": text}, expiry=0)
        (event,) = events(websocket.recv(5))
    assert event.params == {"t": text}


def test_many_threads_publish_and_nothing_is_lost() -> None:
    """Mids arrive in order, each once."""
    with visiting() as visitor, visitor.listen(visitor.channel()) as websocket:
        publish = visitor.sandbox.publish
        threads = [
            Thread(target=lambda: [publish("c", {"n": n}) for n in range(2000)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        mids = received(websocket, 8000)
        for thread in threads:
            thread.join()
    assert [int(mid[10:]) for mid in mids] == list(range(1, 8001))


def test_messages_of_a_listener_are_ignored(visitor: Visitor) -> None:
    """Protocol 3 has no messages of clients; the connection stays."""
    with visitor.listen(visitor.channel()) as websocket:
        websocket.send("hello")
        websocket.send(b"\0")
        mid = visitor.sandbox.publish("c")
        assert received(websocket, 1) == [mid]


def test_a_subscriber_that_does_not_read_is_cut_off() -> None:
    """Beyond the backlog limit its channel has no listener; others go on."""
    with visiting(backlog_limit=1_000_000) as visitor:
        lazy, busy = visitor.channel("private"), visitor.channel("shared")
        text = "x" * 500_000

        def flooded() -> bool:
            for kind in ("private", "shared"):
                visitor.sandbox.publish("c", {"t": text}, channel=kind, expiry=0)
            received(websocket, 1)
            return not visitor.is_online(lazy)

        with visitor.listen_and_never_read(lazy), visitor.listen(busy) as websocket:
            assert visitor.is_online(lazy)
            eventually(flooded)
            assert visitor.is_online(busy)


def test_the_server_pings_and_does_not_compress(monkeypatch: pytest.MonkeyPatch) -> None:
    """As real servers do, it pings (here sooner) and accepts no extension."""
    assert server._PING_INTERVAL == 120
    monkeypatch.setattr(server, "_PING_INTERVAL", 0.02)
    with visiting() as visitor, visitor.listen_and_never_read(visitor.channel()) as bare:
        received = b""
        while b"\r\n\r\n\x89" not in received:  # the head of the answer, then a ping frame
            received += bare.recv(4096)
    assert b"extensions" not in received.lower()


def test_dropping_connections_leaves_no_close_frame() -> None:
    """It looks like a network failure; the number is returned, and resuming works."""
    with visiting() as visitor:
        channel = visitor.channel()
        with visitor.listen(channel) as one, visitor.listen(channel) as two:
            assert visitor.sandbox.drop_connections() == 2
            for websocket in (one, two):
                with pytest.raises(ConnectionClosedError) as closed:
                    websocket.recv(5)
                assert closed.value.rcvd is None
        missed = visitor.sandbox.publish("c")
        with visitor.listen(channel, mid=ALL) as again:
            assert received(again, 1) == [missed]
        eventually(lambda: visitor.sandbox.drop_connections() == 0)


def test_dropping_connections_ends_held_polls() -> None:
    """Polls get no answer; REST calls are not affected."""
    with visiting() as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        poll = pool.submit(visitor.poll, channel)
        eventually(lambda: visitor.is_online(channel))
        assert visitor.sandbox.drop_connections() == 1
        with pytest.raises(httpx.TransportError):
            poll.result(5)
        assert visitor.call("profile").status_code == 200


def test_a_poll_is_answered_like_a_recorded_one(visitor: Visitor) -> None:
    """Status, headers and the fields of the body agree."""
    status, headers, body = recorded("A51-poll-mid-immediate.res.bin")
    visitor.sandbox.publish("ping", {"n": 1})
    answer = visitor.poll(visitor.channel(), mid=ALL)
    assert (answer.status_code, shape(answer.headers)) == (status, headers)
    assert list(json_shape(answer.text)) == list(json_shape(body))


def json_shape(frame: str) -> dict[str, object]:
    """Return the first message of the frame as a dict."""
    first = frame.removeprefix("#!NGINXNMS!#").partition("#!NGINXNME!#")[0]
    shape: dict[str, object] = json.loads(first)
    return shape


def test_a_poll_with_a_backlog_is_answered_at_once_with_all_of_it(visitor: Visitor) -> None:
    """One body has all messages newer than the mid."""
    channel = visitor.channel()
    sent = [visitor.sandbox.publish("c") for _ in range(5)]
    answer = visitor.poll(channel, mid=sent[1])
    assert [event.mid for event in events(answer.text)] == sent[2:]


def test_a_held_poll_takes_one_message_of_a_burst() -> None:
    """The next poll, with that mid, gets the others."""
    with visiting() as visitor, ThreadPoolExecutor() as pool:
        channel = visitor.channel()
        poll = pool.submit(visitor.poll, channel)
        eventually(lambda: visitor.is_online(channel))
        sent: list[str] = []

        def burst() -> None:
            sent.extend(visitor.sandbox.publish("c", {"n": n}) for n in range(5))

        portal = visitor.sandbox._portal
        assert portal is not None
        portal.server.call_soon(burst)  # in one turn of the loop, before the poll can move
        first = poll.result(5)
        assert first.status_code == 200
        assert "Last-Message-Id" not in first.headers
        assert [event.mid for event in events(first.text)] == sent[:1]
        second = visitor.poll(channel, mid=sent[0])
        assert [event.mid for event in events(second.text)] == sent[1:]


@pytest.mark.parametrize(
    ("name", "mid"),
    [
        ("A52-poll-304-no-mid.res.bin", None),
        ("A53-poll-304-mid.res.bin", "17954478660000000000000002"),
    ],
)
def test_a_poll_that_waited_in_vain_is_answered_like_a_recorded_one(
    name: str, mid: str | None
) -> None:
    """It is a 304 with the sentinel date, and the given mid or none."""
    with visiting(poll_hold=0.02) as visitor:
        answer = visitor.poll(visitor.channel(), **({"mid": mid} if mid else {}))
    assert (answer.status_code, shape(answer.headers), answer.text) == recorded(name)


def test_a_poll_without_mid_gets_the_newest_stored_one(visitor: Visitor) -> None:
    """The next poll can begin there; a malformed mid is ignored."""
    mid = visitor.sandbox.publish("c")
    for query in ({}, {"mid": "nonsense"}):
        answer = visitor.poll(visitor.channel(), **query)
        assert (answer.status_code, answer.headers["Last-Message-Id"]) == (304, mid)


def test_a_poll_without_channel_is_answered_like_a_recorded_one(visitor: Visitor) -> None:
    """The answer is 400 with the reason."""
    answer = visitor.http.get("/sub/")
    expected = recorded("A55-poll-no-channel.res.bin")
    assert (answer.status_code, shape(answer.headers), answer.text) == expected


def test_a_poll_of_a_bad_channel_is_refused(visitor: Visitor) -> None:
    """The answer is 400, so that a client fetches its config again."""
    assert visitor.poll(f"{ID}.{'0' * 40}").status_code == 400


def test_a_poll_that_was_left_is_forgotten() -> None:
    """A client that disconnects is not online for the rest of the hold."""
    with visiting() as visitor:
        channel = visitor.channel()
        with pytest.raises(httpx.ReadTimeout):
            visitor.http.get("/sub/", params={"CHANNEL_ID": channel}, timeout=0.1)
        eventually(lambda: not visitor.is_online(channel))


def test_a_closing_server_holds_no_poll() -> None:
    """Held and new polls are answered at once; WebSockets are refused."""
    with visiting() as visitor, ThreadPoolExecutor() as pool:
        channel, portal = visitor.channel(), visitor.sandbox._portal
        assert portal is not None
        held = pool.submit(visitor.poll, channel)
        eventually(lambda: visitor.is_online(channel))
        portal.server.call_soon(portal.broker.close)
        assert held.result(5).status_code == 304
        assert visitor.poll(channel).status_code == 304
        with pytest.raises(InvalidStatus):
            connect_raw(visitor, f"/sub/?CHANNEL_ID={channel}")


def test_options_are_answered_where_one_can_listen(visitor: Visitor) -> None:
    """The answer is 200 at /sub/; elsewhere a 404 that is readable for a browser."""
    answer = visitor.http.options("/sub/")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET, DELETE, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "If-Modified-Since, If-None-Match"
    elsewhere = visitor.http.options("/pub/")
    assert elsewhere.status_code == 404
    assert elsewhere.headers["Access-Control-Allow-Origin"] == "*"


def post(visitor: Visitor, channel_id: str, body: str, **headers: str) -> httpx.Response:
    """Publish a text as the trusted side."""
    return visitor.http.post(
        "/pub/", params={"CHANNEL_ID": channel_id}, content=body.encode(), headers=headers
    )


def test_the_trusted_side_publishes_any_text(visitor: Visitor) -> None:
    """The body is in the frame unchanged; the id needs no signature."""
    channel = visitor.channel()
    with visitor.listen(channel) as websocket:
        answer = post(visitor, channel[:32], "hello не json\n")
        assert (answer.status_code, answer.content) == (200, b"")
        assert str(websocket.recv(5)).endswith('"text":hello не json\n}#!NGINXNME!#')


@pytest.mark.parametrize(
    ("expiry", "seconds"),
    [("60", 60), ("60s", 60), ("999999", 86400), ("0", 0), ("soon", 0), ("-5", 0), (None, 0)],
)
@pytest.mark.parametrize("version", [3, 4])
def test_the_trusted_side_sets_how_long_to_store(
    version: int, expiry: str | None, seconds: int
) -> None:
    """The header is read as by JavaScript's parseInt; version 3 stores the others for a day."""
    seconds = seconds or (86400 if version == 3 else 0)
    clock = [1_800_000_000.0]
    with visiting(server_version=version, now=lambda: clock[0], poll_hold=0.02) as visitor:
        channel = visitor.channel()
        headers = {} if expiry is None else {"Message-Expiry": expiry}
        with visitor.listen(channel) as websocket:
            post(visitor, channel[:32], '{"command":"x"}', **headers)
            received(websocket, 1)
        clock[0] += max(0, seconds - 1)
        assert visitor.poll(channel, mid=ALL).status_code == (200 if seconds else 304)
        clock[0] += 1
        assert visitor.poll(channel, mid=ALL).status_code == 304


@pytest.mark.parametrize(
    ("version", "refusal"),
    [(3, (400, "Empty post requests are not allowed.")), (4, (200, ""))],
)
def test_an_empty_body_publishes_nothing(version: int, refusal: tuple[int, str]) -> None:
    """Version 3 refuses it, later ones do not."""
    with visiting(server_version=version) as visitor:
        channel = visitor.channel()
        with visitor.listen(channel) as websocket:
            answer = post(visitor, channel[:32], "")
            assert (answer.status_code, answer.text) == refusal
            post(visitor, channel[:32], '{"command":"next"}')
            assert [event.command for event in events(websocket.recv(5))] == ["next"]


BAD_IDS = ["abc", f"{ID}:{ID}", f"{ID}.{'0' * 40}", f"{ID}/x"]


@pytest.mark.parametrize("channel_id", ["", *BAD_IDS])
def test_version_3_refuses_wrong_channels_without_a_code(visitor: Visitor, channel_id: str) -> None:
    """Publishing and asking for listeners both need channels."""
    text = "Channel id is not correct." if channel_id else "No channel id provided."
    for answer in (
        post(visitor, channel_id, "{}"),
        post(visitor, channel_id, ""),
        visitor.http.get("/pub/", params={"CHANNEL_ID": channel_id}),
    ):
        assert (answer.status_code, answer.text) == (400, text)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", [3, 4])
def test_other_methods_are_not_found_where_one_can_listen(version: int, method: str) -> None:
    """The 404 is readable for a browser."""
    with visiting(server_version=version) as visitor:
        answer = visitor.http.request(method, "/sub/", params={"CHANNEL_ID": visitor.channel()})
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_mid_given_twice_is_ignored(visitor: Visitor) -> None:
    """Two positions are none: there is no backlog, by polling and by WebSocket."""
    visitor.sandbox.publish("before")
    query = httpx.QueryParams([("CHANNEL_ID", visitor.channel()), ("mid", ALL), ("mid", ALL)])
    assert visitor.http.get("/sub/", params=query).status_code == 304
    url = f"{visitor.sandbox.url.replace('http', 'ws')}/sub/?{query}"
    with connect(url, proxy=None) as websocket:
        live = visitor.sandbox.publish("live")
        assert received(websocket, 1) == [live]


def test_a_message_over_one_mebibyte_is_refused(visitor: Visitor) -> None:
    """A message of exactly one mebibyte is accepted."""
    assert post(visitor, ID, "x" * (1024 * 1024)).status_code == 200
    assert post(visitor, ID, "x" * (1024 * 1024 + 1)).status_code == 413


def test_online_channels_are_listed_in_the_order_asked(visitor: Visitor) -> None:
    """The answer has the channels with listeners only."""
    shared, private = (visitor.channel(kind) for kind in ("shared", "private"))
    with visitor.listen(shared), visitor.listen(private):
        ids = f"{private[:32]}/{ID}/{shared[:32]}"
        answer = visitor.http.get("/pub/", params={"CHANNEL_ID": ids})
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.json() == {
        "infos": [
            {"channel": private[:32], "subscribers": 1},
            {"channel": shared[:32], "subscribers": 1},
        ]
    }
