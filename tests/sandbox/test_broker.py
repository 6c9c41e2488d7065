"""The broker: mids, history and mailboxes, without any network."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import Codec
from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.dialects import JSON_RPC, PROTOBUF, TEXT
from bxpull_nb.sandbox.push.history import History
from bxpull_nb.sandbox.push.subscription import Subscription
from tests.support.visitor import events

SHARED, PRIVATE = "c" * 32, "d" * 32
ALL = "0" * 26


class Desk:
    """A broker whose wake-ups are run by hand, and what came of them."""

    def __init__(self, **options: Any) -> None:
        self.moment = 1_795_447_866.0
        self.wakes: list[Callable[[], None]] = []
        self.ready: list[Subscription] = []
        self.broker = Broker(now=lambda: self.moment, wake=self.wakes.append, **options)

    def publish(self, *channels: str, body: str = "{}", expiry: int = 86400) -> str:
        """The mid of a message published now."""
        return self.broker.publish(body, channels or (SHARED,), expiry, self.moment)

    def subscribe(self, *channels: str, mid: str | None = None) -> tuple[Subscription, list[str]]:
        """A mailbox, and the mids of the backlog."""
        subscription, frame = self.broker.subscribe(channels or (SHARED,), mid, self.ready.append)
        return subscription, mids(frame)


def mids(frame: str | bytes) -> list[str]:
    """The mids of a frame, in order."""
    return [event.mid for event in events(frame)]


@pytest.fixture
def desk() -> Desk:
    """A broker with nobody at it."""
    return Desk()


def test_a_mid_is_the_servers_start_and_a_counter(desk: Desk) -> None:
    """10 digits of the unix second and 16 of the counter, over all channels."""
    assert desk.publish(SHARED) == "17954478660000000000000001"
    desk.moment += 100
    assert desk.publish(PRIVATE) == "17954478660000000000000002"
    assert desk.broker.published == 2


def test_the_frame_looks_like_a_recorded_one(desk: Desk) -> None:
    """Same envelope as a real server of protocol 3 wrote, but for its random tag."""
    subscription, _ = desk.subscribe()
    desk.moment = 1_795_447_869.4
    body = '{"module_id":"bxpull","command":"ping","params":{"n":50}}'
    desk.publish(SHARED, body=body)
    assert subscription.take() == (
        '#!NGINXNMS!#{"id":1,"mid":"17954478660000000000000001",'
        f'"channel":"{SHARED}","tag":"001","time":"Mon, 23 Nov 2026 15:31:09 GMT",'
        f'"text":{body}}}#!NGINXNME!#'
    )


def test_only_what_was_published_to_its_channels_is_in_a_mailbox(desk: Desk) -> None:
    """In order, and only once taken."""
    subscription, backlog = desk.subscribe(PRIVATE)
    sent = [desk.publish(channel) for channel in (PRIVATE, SHARED, PRIVATE)]
    assert backlog == []
    assert mids(subscription.take()) == [sent[0], sent[2]]
    assert subscription.take() == ""


def test_a_mailbox_can_be_taken_from_piece_by_piece(desk: Desk) -> None:
    """As many messages as asked for, the rest stays."""
    subscription, _ = desk.subscribe()
    sent = [desk.publish() for _ in range(4)]
    assert mids(subscription.take(1)) == sent[:1]
    assert mids(subscription.take(2)) == sent[1:3]
    assert mids(subscription.take(9)) == sent[3:]


def test_a_message_to_two_channels_arrives_twice_with_one_mid(desk: Desk) -> None:
    """Live and from the history; both copies name the first channel."""
    subscription, _ = desk.subscribe(PRIVATE, SHARED)
    mid = desk.publish(SHARED, PRIVATE)
    frame = subscription.take()
    assert isinstance(frame, str)
    assert mids(frame) == [mid, mid]
    assert frame.count(f'"channel":"{SHARED}"') == 2
    assert desk.subscribe(PRIVATE, SHARED, mid=ALL)[1] == [mid, mid]
    assert desk.subscribe(PRIVATE, mid=ALL)[1] == [mid]


def test_naming_a_channel_twice_is_naming_it_once(desk: Desk) -> None:
    """A connection does not hear double for it."""
    subscription, _ = desk.subscribe(SHARED, SHARED)
    mid = desk.publish()
    assert mids(subscription.take()) == [mid]


def test_a_resume_gets_what_is_newer_sorted_by_mid(desk: Desk) -> None:
    """Over all channels of the connection; without mid there is no backlog."""
    sent = [desk.publish(channel) for channel in (SHARED, PRIVATE, SHARED, PRIVATE, SHARED)]
    assert desk.subscribe(PRIVATE, SHARED, mid=sent[1])[1] == sent[2:]
    assert desk.subscribe(SHARED, mid=sent[0])[1] == [sent[2], sent[4]]
    assert desk.subscribe(SHARED, PRIVATE, mid=ALL)[1] == sent
    assert desk.subscribe(SHARED, mid="9" * 26)[1] == []
    assert desk.subscribe(SHARED)[1] == []


def test_what_is_not_stored_is_only_heard_live(desk: Desk) -> None:
    """An expiry of 0 stores nothing."""
    subscription, _ = desk.subscribe()
    mid = desk.publish(expiry=0)
    assert mids(subscription.take()) == [mid]
    assert desk.subscribe(mid=ALL)[1] == []


def test_a_stored_message_expires(desk: Desk) -> None:
    """At its last second it is there, then no more."""
    mid = desk.publish(expiry=60)
    desk.moment += 59
    assert desk.subscribe(mid=ALL)[1] == [mid]
    desk.moment += 1
    assert desk.subscribe(mid=ALL)[1] == []


def test_the_newest_stored_mid_is_told_per_channel(desk: Desk) -> None:
    """Unstored messages and other channels do not count."""
    assert desk.broker.newest([SHARED, PRIVATE]) == ""
    first = desk.publish(SHARED)
    second = desk.publish(PRIVATE)
    desk.publish(SHARED, expiry=0)
    assert desk.broker.newest([SHARED]) == first
    assert desk.broker.newest([SHARED, PRIVATE]) == second


def test_a_batch_wakes_the_server_once(desk: Desk) -> None:
    """However many messages and mailboxes; and again only for what comes after."""
    mailboxes = [desk.subscribe()[0] for _ in range(3)]
    for _ in range(100):
        desk.publish()
    assert len(desk.wakes) == 1
    desk.wakes.pop()()
    assert desk.ready == mailboxes
    desk.publish()
    assert desk.wakes == []
    for subscription in mailboxes:
        subscription.take()
    desk.publish()
    assert len(desk.wakes) == 1


def test_nobody_is_woken_when_nobody_listens(desk: Desk) -> None:
    """Nor after everybody has left."""
    desk.publish()
    subscription, _ = desk.subscribe()
    desk.broker.unsubscribe(subscription)
    desk.publish()
    assert desk.wakes == []
    assert subscription.take() == ""


def test_a_channel_is_online_while_somebody_listens(desk: Desk) -> None:
    """The last one out turns it off."""
    first, second = desk.subscribe()[0], desk.subscribe()[0]
    desk.broker.unsubscribe(first)
    assert desk.broker.is_online(SHARED)
    assert not desk.broker.is_online(PRIVATE)
    desk.broker.unsubscribe(second)
    assert not desk.broker.is_online(SHARED)


class Counting:
    """A codec that notes the mid of every message it writes."""

    def __init__(self, codec: Codec, written: list[str]) -> None:
        self.dialect, self.decode = codec.dialect, codec.decode
        self._codec, self._written = codec, written

    def encode(self, messages: Sequence[Message]) -> str | bytes:
        """What the codec writes."""
        self._written.extend(message.mid for message in messages)
        return self._codec.encode(messages)


def test_a_message_is_encoded_once_per_dialect_whatever_the_audience(desk: Desk) -> None:
    """And not at all when nobody listens."""
    written: list[str] = []
    dialects = [
        replace(dialect, codec=Counting(dialect.codec, written))
        for dialect in (TEXT, PROTOBUF, JSON_RPC)
    ]
    desk.publish()
    for _ in range(5):
        for dialect in dialects:
            desk.broker.subscribe([SHARED, PRIVATE], None, lambda _: None, dialect)
    mid = desk.publish(SHARED, PRIVATE)
    assert written == [mid] * 3


def test_a_binary_copy_after_a_text_copy_is_stamped_in_milliseconds() -> None:
    """A slip of protocol 4 servers: `created` is a date in the 1970s then, and else it is good."""
    desk = Desk(names_channels=False)
    desk.moment = 1_795_449_952.079  # as recorded
    binary, _ = desk.broker.subscribe([PRIVATE], None, desk.ready.append, PROTOBUF)
    desk.publish(PRIVATE, expiry=60)
    desk.publish(SHARED, PRIVATE, expiry=60)
    desk.broker.subscribe([SHARED], None, desk.ready.append, TEXT)
    desk.publish(SHARED, PRIVATE, expiry=60)
    created = [created_of(binary.take(1)) for _ in range(3)]
    assert created == [1795449952, 1795449952, 153622351]


def created_of(frame: str | bytes) -> int:
    """The time stamp of the frame's only message."""
    batch = pb.ResponseBatch.FromString(frame if isinstance(frame, bytes) else b"")
    return batch.responses[0].outgoingMessages.messages[0].created


def test_from_version_4_on_frames_do_not_name_the_channel() -> None:
    """Neither live nor from the history, where the time is that of the delivery."""
    desk = Desk(names_channels=False)
    subscription, _ = desk.subscribe()
    desk.publish()
    live = subscription.take()
    desk.moment += 3600
    _, backlog = desk.broker.subscribe([SHARED], ALL, desk.ready.append)
    assert '"channel":"-","tag":"001","time":"Mon, 23 Nov 2026 15:31:06 GMT"' in str(live)
    assert '"channel":"-","tag":"001","time":"Mon, 23 Nov 2026 16:31:06 GMT"' in str(backlog)


def test_a_wipe_forgets_everything_and_numbers_from_one(desk: Desk) -> None:
    """Under the same prefix; who listens goes on listening."""
    subscription, _ = desk.subscribe()
    old = [desk.publish() for _ in range(3)]
    desk.broker.wipe()
    new = desk.publish()
    assert new == old[0] == "17954478660000000000000001"
    assert mids(subscription.take()) == [*old, new]
    assert desk.subscribe(mid=ALL)[1] == [new]
    assert desk.subscribe(mid=old[2])[1] == []
    assert desk.broker.published == 4


def test_an_expiry_is_a_day_at_most(desk: Desk) -> None:
    """And never less than nothing, which the binary protocol could not write."""
    subscription, _ = desk.broker.subscribe([SHARED], None, desk.ready.append, PROTOBUF)
    desk.publish(expiry=1_000_000)
    desk.publish(expiry=-5)
    frame = subscription.take()
    assert isinstance(frame, bytes)
    batch = pb.ResponseBatch.FromString(frame)
    sent = [response.outgoingMessages.messages[0].expiry for response in batch.responses]
    assert sent == [86400, 0]


def test_a_mailbox_may_join_and_leave_channels(desk: Desk) -> None:
    """Twice is once, and leaving the server leaves them all."""
    subscription, _ = desk.subscribe(PRIVATE)
    for _ in range(2):
        desk.broker.join(subscription, SHARED)
    joined = desk.publish(SHARED)
    for _ in range(2):
        desk.broker.leave(subscription, SHARED)
    desk.publish(SHARED)
    assert mids(subscription.take()) == [joined]
    desk.broker.join(subscription, SHARED)
    desk.broker.unsubscribe(subscription)
    assert desk.broker.online == 0


def test_a_slow_subscriber_is_given_up_beyond_the_limit() -> None:
    """It keeps nothing more, and its listener is told; others are not touched."""
    desk = Desk(backlog_limit=1000)
    slow, quick = desk.subscribe()[0], desk.subscribe()[0]
    for _ in range(20):
        desk.publish(body='"' + "x" * 100 + '"')
        quick.take()
    assert slow.overflowed
    assert slow.take() == ""
    assert not quick.overflowed
    for wake in desk.wakes:
        wake()
    assert slow in desk.ready


def test_taking_makes_room_again() -> None:
    """What was sent does not count against the limit."""
    desk = Desk(backlog_limit=1000)
    subscription, _ = desk.subscribe()
    desk.publish()
    for _ in range(50):  # one more waits than is taken each time
        desk.publish(body='"' + "x" * 300 + '"')
        subscription.take(1)
    assert not subscription.overflowed
    subscription.take()
    for _ in range(2):
        desk.publish(body='"' + "x" * 300 + '"')
    assert not subscription.overflowed


def test_closing_lets_everybody_go_once(desk: Desk) -> None:
    """A listener to two channels is one listener."""
    subscription, _ = desk.subscribe(SHARED, PRIVATE)
    desk.broker.close()
    assert desk.broker.closed
    assert desk.ready == [subscription]


def test_nothing_falls_between_history_and_live() -> None:
    """Subscribing again and again while four threads publish: every message comes exactly once."""
    desk = Desk()
    each = 500
    threads = [Thread(target=lambda: [desk.publish() for _ in range(each)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    got: list[str] = []
    while any(thread.is_alive() for thread in threads) or len(got) < 4 * each:
        subscription, backlog = desk.subscribe(mid=got[-1] if got else ALL)
        got += backlog
        got += mids(subscription.take())
        desk.broker.unsubscribe(subscription)
        got += mids(subscription.take())
    assert got == [f"1795447866{n:016}" for n in range(1, 4 * each + 1)]


def message(number: int, body: str = "{}") -> Message:
    """A stored message with that number."""
    return Message(f"{number:026}", body, SHARED, 0, 60)


def test_the_history_forgets_the_oldest_first() -> None:
    """Whichever channel they are on."""
    history = History(limit=3)
    for number, channel in enumerate([SHARED, PRIVATE, SHARED, PRIVATE, PRIVATE]):
        history.add(channel, message(number))
    assert len(history) == 3
    kept = [int(m.mid) for m in history.newer([SHARED, PRIVATE], "", 0)]
    assert kept == [2, 3, 4]
    history.add(PRIVATE, message(5))
    assert history.newest([SHARED]) == ""


def test_the_history_is_bounded_in_size_too() -> None:
    """Large messages push out more of the old ones."""
    history = History(limit=100, characters=1000)
    for number in range(10):
        history.add(SHARED, message(number, "x" * 300))
    assert [int(m.mid) for m in history.newer([SHARED], "", 0)] == [7, 8, 9]
