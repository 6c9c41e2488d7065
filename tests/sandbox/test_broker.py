"""The broker: mids, history and subscriptions, without a network."""

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


class BrokerHarness:
    """A broker with recorded wake-ups, which the test runs itself."""

    def __init__(self, **options: Any) -> None:
        self.moment = 1_795_447_866.0
        self.wakes: list[Callable[[], None]] = []
        self.ready: list[Subscription] = []
        self.broker = Broker(now=lambda: self.moment, wake=self.wakes.append, **options)

    def publish(self, *channels: str, body: str = "{}", expiry: int = 86400) -> str:
        """Publish a message now and return its mid."""
        return self.broker.publish(body, channels or (SHARED,), expiry, self.moment)

    def subscribe(self, *channels: str, mid: str | None = None) -> tuple[Subscription, list[str]]:
        """Return a subscription, and the mids of the backlog."""
        subscription, frame = self.broker.subscribe(channels or (SHARED,), mid, self.ready.append)
        return subscription, mids(frame)


def mids(frame: str | bytes) -> list[str]:
    """Return the mids of a frame, in order."""
    return [event.mid for event in events(frame)]


@pytest.fixture
def harness() -> BrokerHarness:
    """Return a broker without subscriptions."""
    return BrokerHarness()


def test_a_mid_is_the_servers_start_and_a_counter(harness: BrokerHarness) -> None:
    """A mid has 10 digits of the Unix second and 16 of a common counter."""
    assert harness.publish(SHARED) == "17954478660000000000000001"
    harness.moment += 100
    assert harness.publish(PRIVATE) == "17954478660000000000000002"
    assert harness.broker.published == 2


def test_the_frame_looks_like_a_recorded_one(harness: BrokerHarness) -> None:
    """The envelope is a real protocol 3 server's, except for its random tag."""
    subscription, _ = harness.subscribe()
    harness.moment = 1_795_447_869.4
    body = '{"module_id":"bxpull","command":"ping","params":{"n":50}}'
    harness.publish(SHARED, body=body)
    assert subscription.take() == (
        '#!NGINXNMS!#{"id":1,"mid":"17954478660000000000000001",'
        f'"channel":"{SHARED}","tag":"001","time":"Mon, 23 Nov 2026 15:31:09 GMT",'
        f'"text":{body}}}#!NGINXNME!#'
    )


def test_a_subscription_gets_only_messages_of_its_channels(
    harness: BrokerHarness,
) -> None:
    """Messages are taken in order, and once only."""
    subscription, backlog = harness.subscribe(PRIVATE)
    sent = [harness.publish(channel) for channel in (PRIVATE, SHARED, PRIVATE)]
    assert backlog == []
    assert mids(subscription.take()) == [sent[0], sent[2]]
    assert subscription.take() == ""


def test_a_subscription_can_be_taken_from_piece_by_piece(harness: BrokerHarness) -> None:
    """`take` returns as many messages as asked for and keeps the rest."""
    subscription, _ = harness.subscribe()
    sent = [harness.publish() for _ in range(4)]
    assert mids(subscription.take(1)) == sent[:1]
    assert mids(subscription.take(2)) == sent[1:3]
    assert mids(subscription.take(9)) == sent[3:]


@pytest.mark.parametrize(("version", "named", "stored"), [(3, SHARED, 1), (4, "-", 2)])
def test_a_message_to_two_channels_arrives_twice_with_one_mid(
    version: int, named: str, stored: int
) -> None:
    """Live it does on every version; the history of version 3 gives it once."""
    harness = BrokerHarness(version=version)
    subscription, _ = harness.subscribe(PRIVATE, SHARED)
    mid = harness.publish(SHARED, PRIVATE)
    frame = subscription.take()
    assert isinstance(frame, str)
    assert mids(frame) == [mid, mid]
    assert frame.count(f'"channel":"{named}"') == 2
    assert harness.subscribe(PRIVATE, SHARED, mid=ALL)[1] == [mid] * stored
    assert harness.subscribe(PRIVATE, mid=ALL)[1] == [mid]


def test_naming_a_channel_twice_is_naming_it_once(harness: BrokerHarness) -> None:
    """A repeated channel does not repeat its messages."""
    subscription, _ = harness.subscribe(SHARED, SHARED)
    mid = harness.publish()
    assert mids(subscription.take()) == [mid]


def test_a_resume_gets_what_is_newer_sorted_by_mid(harness: BrokerHarness) -> None:
    """The backlog covers all channels of the connection; without mid there is none."""
    sent = [harness.publish(channel) for channel in (SHARED, PRIVATE, SHARED, PRIVATE, SHARED)]
    assert harness.subscribe(PRIVATE, SHARED, mid=sent[1])[1] == sent[2:]
    assert harness.subscribe(SHARED, mid=sent[0])[1] == [sent[2], sent[4]]
    assert harness.subscribe(SHARED, PRIVATE, mid=ALL)[1] == sent
    assert harness.subscribe(SHARED, mid="9" * 26)[1] == []
    assert harness.subscribe(SHARED)[1] == []


@pytest.mark.parametrize("expiry", [0, -1])
def test_an_unstored_message_arrives_live_only(expiry: int) -> None:
    """From version 4 on a message with an expiry of 0 is not stored."""
    harness = BrokerHarness(version=4)
    subscription, _ = harness.subscribe()
    mid = harness.publish(expiry=expiry)
    assert mids(subscription.take()) == [mid]
    assert harness.subscribe(mid=ALL)[1] == []


@pytest.mark.parametrize("expiry", [0, -1])
def test_version_3_stores_every_message(harness: BrokerHarness, expiry: int) -> None:
    """Without an expiry it is stored for a day."""
    mid = harness.publish(expiry=expiry)
    harness.moment += 86399
    assert harness.subscribe(mid=ALL)[1] == [mid]
    harness.moment += 1
    assert harness.subscribe(mid=ALL)[1] == []


def test_a_stored_message_expires(harness: BrokerHarness) -> None:
    """A message is in the backlog until its last second."""
    mid = harness.publish(expiry=60)
    harness.moment += 59
    assert harness.subscribe(mid=ALL)[1] == [mid]
    harness.moment += 1
    assert harness.subscribe(mid=ALL)[1] == []


def test_the_newest_stored_mid_is_known_per_channel() -> None:
    """Unstored messages and other channels are ignored."""
    harness = BrokerHarness(version=4)
    assert harness.broker.newest([SHARED, PRIVATE]) == ""
    first = harness.publish(SHARED)
    second = harness.publish(PRIVATE)
    harness.publish(SHARED, expiry=0)
    assert harness.broker.newest([SHARED]) == first
    assert harness.broker.newest([SHARED, PRIVATE]) == second


def test_a_batch_wakes_the_server_once(harness: BrokerHarness) -> None:
    """Many messages to many subscriptions wake once; later messages wake again."""
    subscriptions = [harness.subscribe()[0] for _ in range(3)]
    for _ in range(100):
        harness.publish()
    assert len(harness.wakes) == 1
    harness.wakes.pop()()
    assert harness.ready == subscriptions
    harness.publish()
    assert harness.wakes == []
    for subscription in subscriptions:
        subscription.take()
    harness.publish()
    assert len(harness.wakes) == 1


def test_there_is_no_wake_up_without_listeners(harness: BrokerHarness) -> None:
    """Without subscriptions there is no wake-up, also after the last has ended."""
    harness.publish()
    subscription, _ = harness.subscribe()
    harness.broker.unsubscribe(subscription)
    harness.publish()
    assert harness.wakes == []
    assert subscription.take() == ""


def test_a_channel_is_online_while_it_has_listeners(harness: BrokerHarness) -> None:
    """The channel is offline when its last subscription ends."""
    first, second = harness.subscribe()[0], harness.subscribe()[0]
    harness.broker.unsubscribe(first)
    assert harness.broker.is_online(SHARED)
    assert not harness.broker.is_online(PRIVATE)
    harness.broker.unsubscribe(second)
    assert not harness.broker.is_online(SHARED)


class Counting:
    """A codec that records the mid of every message it encodes."""

    def __init__(self, codec: Codec, written: list[str]) -> None:
        self.dialect, self.decode = codec.dialect, codec.decode
        self._codec, self._written = codec, written

    def encode(self, messages: Sequence[Message]) -> str | bytes:
        """Encode as the codec does, and record the mids."""
        self._written.extend(message.mid for message in messages)
        return self._codec.encode(messages)


def test_a_message_is_encoded_once_per_dialect(
    harness: BrokerHarness,
) -> None:
    """Without subscriptions it is not encoded at all."""
    written: list[str] = []
    dialects = [
        replace(dialect, codec=Counting(dialect.codec, written))
        for dialect in (TEXT, PROTOBUF, JSON_RPC)
    ]
    harness.publish()
    for _ in range(5):
        for dialect in dialects:
            harness.broker.subscribe([SHARED, PRIVATE], None, lambda _: None, dialect)
    mid = harness.publish(SHARED, PRIVATE)
    assert written == [mid] * 3


def test_a_binary_frame_after_a_text_frame_is_stamped_in_milliseconds() -> None:
    """Protocol 4 servers write a `created` in the 1970s then, otherwise the right one."""
    harness = BrokerHarness(version=4)
    harness.moment = 1_795_449_952.079  # as recorded
    binary, _ = harness.broker.subscribe([PRIVATE], None, harness.ready.append, PROTOBUF)
    harness.publish(PRIVATE, expiry=60)
    harness.publish(SHARED, PRIVATE, expiry=60)
    harness.broker.subscribe([SHARED], None, harness.ready.append, TEXT)
    harness.publish(SHARED, PRIVATE, expiry=60)
    created = [created_of(binary.take(1)) for _ in range(3)]
    assert created == [1795449952, 1795449952, 153622351]


def created_of(frame: str | bytes) -> int:
    """Return the time stamp of the frame's only message."""
    batch = pb.ResponseBatch.FromString(frame if isinstance(frame, bytes) else b"")
    return batch.responses[0].outgoingMessages.messages[0].created


def test_from_version_4_on_frames_do_not_name_the_channel() -> None:
    """Live frames and the backlog lack the channel; the backlog has the time of delivery."""
    harness = BrokerHarness(version=4)
    subscription, _ = harness.subscribe()
    harness.publish()
    live = subscription.take()
    harness.moment += 3600
    _, backlog = harness.broker.subscribe([SHARED], ALL, harness.ready.append)
    assert '"channel":"-","tag":"001","time":"Mon, 23 Nov 2026 15:31:06 GMT"' in str(live)
    assert '"channel":"-","tag":"001","time":"Mon, 23 Nov 2026 16:31:06 GMT"' in str(backlog)


def test_a_wipe_forgets_everything_and_numbers_from_one(harness: BrokerHarness) -> None:
    """The prefix of mids stays, and so do subscriptions."""
    subscription, _ = harness.subscribe()
    old = [harness.publish() for _ in range(3)]
    harness.broker.wipe()
    new = harness.publish()
    assert new == old[0] == "17954478660000000000000001"
    assert mids(subscription.take()) == [*old, new]
    assert harness.subscribe(mid=ALL)[1] == [new]
    assert harness.subscribe(mid=old[2])[1] == []
    assert harness.broker.published == 4


def test_an_expiry_is_a_day_at_most() -> None:
    """An expiry is never negative, which the binary protocol could not encode."""
    harness = BrokerHarness(version=4)
    subscription, _ = harness.broker.subscribe([SHARED], None, harness.ready.append, PROTOBUF)
    harness.publish(expiry=1_000_000)
    harness.publish(expiry=-5)
    frame = subscription.take()
    assert isinstance(frame, bytes)
    batch = pb.ResponseBatch.FromString(frame)
    sent = [response.outgoingMessages.messages[0].expiry for response in batch.responses]
    assert sent == [86400, 0]


def test_a_subscription_may_join_and_leave_channels(harness: BrokerHarness) -> None:
    """Adding and removing twice counts once; `unsubscribe` removes all channels."""
    subscription, _ = harness.subscribe(PRIVATE)
    for _ in range(2):
        harness.broker.add_channel(subscription, SHARED)
    joined = harness.publish(SHARED)
    for _ in range(2):
        harness.broker.remove_channel(subscription, SHARED)
    harness.publish(SHARED)
    assert mids(subscription.take()) == [joined]
    harness.broker.add_channel(subscription, SHARED)
    harness.broker.unsubscribe(subscription)
    assert harness.broker.online == 0


def test_a_slow_subscriber_is_given_up_beyond_the_limit() -> None:
    """It keeps no messages, and `on_ready` is called; others are not affected."""
    harness = BrokerHarness(backlog_limit=1000)
    slow, quick = harness.subscribe()[0], harness.subscribe()[0]
    for _ in range(20):
        harness.publish(body='"' + "x" * 100 + '"')
        quick.take()
    assert slow.overflowed
    assert slow.take() == ""
    assert not quick.overflowed
    for wake in harness.wakes:
        wake()
    assert slow in harness.ready


def test_taking_makes_room_again() -> None:
    """Messages that were taken do not count against the limit."""
    harness = BrokerHarness(backlog_limit=1000)
    subscription, _ = harness.subscribe()
    harness.publish()
    for _ in range(50):  # one more waits than is taken each time
        harness.publish(body='"' + "x" * 300 + '"')
        subscription.take(1)
    assert not subscription.overflowed
    subscription.take()
    for _ in range(2):
        harness.publish(body='"' + "x" * 300 + '"')
    assert not subscription.overflowed


def test_closing_releases_every_subscription_once(harness: BrokerHarness) -> None:
    """A subscription to two channels is called once."""
    subscription, _ = harness.subscribe(SHARED, PRIVATE)
    harness.broker.close()
    assert harness.broker.closed
    assert harness.ready == [subscription]


def test_nothing_falls_between_history_and_live() -> None:
    """Every message comes exactly once while four threads publish and subscriptions change."""
    harness = BrokerHarness()
    each = 500
    threads = [Thread(target=lambda: [harness.publish() for _ in range(each)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    got: list[str] = []
    while any(thread.is_alive() for thread in threads) or len(got) < 4 * each:
        subscription, backlog = harness.subscribe(mid=got[-1] if got else ALL)
        got += backlog
        got += mids(subscription.take())
        harness.broker.unsubscribe(subscription)
        got += mids(subscription.take())
    assert got == [f"1795447866{n:016}" for n in range(1, 4 * each + 1)]


def message(number: int, body: str = "{}") -> Message:
    """Return a stored message with that number."""
    return Message(f"{number:026}", body, SHARED, 0, 60)


def test_the_history_forgets_the_oldest_first() -> None:
    """The oldest messages of all channels go first."""
    history = History(limit=3)
    for number, channel in enumerate([SHARED, PRIVATE, SHARED, PRIVATE, PRIVATE]):
        history.add(channel, message(number))
    assert len(history) == 3
    kept = [int(m.mid) for m in history.newer([SHARED, PRIVATE], "", 0)]
    assert kept == [2, 3, 4]
    history.add(PRIVATE, message(5))
    assert history.newest([SHARED]) == ""


def test_the_history_is_bounded_in_size_too() -> None:
    """A large message deletes more of the old ones."""
    history = History(limit=100, characters=1000)
    for number in range(10):
        history.add(SHARED, message(number, "x" * 300))
    assert [int(m.mid) for m in history.newer([SHARED], "", 0)] == [7, 8, 9]
