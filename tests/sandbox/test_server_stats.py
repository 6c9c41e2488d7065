"""Statistics of a push server."""

import os

import httpx
import msgspec

from bxpull_nb.protocol.codec import push_pb2 as pb
from tests.support.batches import server_question
from tests.support.visitor import visiting
from tests.support.waiting import eventually

NOW = 1_795_449_952.25
LIMITS = {
    "maxPayload": 1048576,
    "maxConnPerChannel": 100,
    "maxMessagesPerRequest": 100,
    "maxChannelsPerRequest": 100,
}


def test_the_statistics_are_a_list_with_one_item_a_process() -> None:
    """The item has listeners by transport, the time, and the limits."""
    with visiting(server_version=4, now=lambda: NOW, poll_hold=5) as visitor:
        shared, private = visitor.channel("shared"), visitor.channel("private")
        with visitor.listen(shared), visitor.listen(f"{private}/{shared}"):
            visitor.sandbox.publish("c")
            answer = visitor.http.get("/server-stat/")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json() == [
        {
            "pid": os.getpid(),
            "date": 1795449952250,
            "processUniqueId": os.getpid(),
            "channels": 2,
            "limits": LIMITS,
            "clusterMode": False,
            "websockets": 2,
            "pollings": 0,
            "published": 1,
        }
    ]


def test_the_trusted_side_may_ask_for_them_in_binary_mode() -> None:
    """The answer is the same list, as JSON in an envelope."""
    with visiting(server_version=4, now=lambda: NOW) as visitor:
        answer = visitor.http.post(
            "/pub/", params={"binaryMode": "true"}, content=server_question()
        )
        plain = visitor.http.get("/server-stat/").json()
    text = pb.ResponseBatch.FromString(answer.content).responses[0].serverStats.json
    assert msgspec.json.decode(text) == plain


def test_a_held_poll_is_counted_while_it_is_held() -> None:
    """The count ends with the poll."""
    with visiting(server_version=4) as visitor:
        url = f"{visitor.sandbox.url}/sub/?CHANNEL_ID={visitor.channel()}"

        def pollings() -> int:
            return int(visitor.http.get("/server-stat/").json()[0]["pollings"])

        with httpx.Client(trust_env=False, timeout=0.3, verify=False) as client:
            try:
                client.get(url)
            except httpx.ReadTimeout:
                assert pollings() in (0, 1)
        eventually(lambda: pollings() == 0)
