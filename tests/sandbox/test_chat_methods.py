"""Chat events over HTTP: subscription, acknowledgement by offset, a day's life."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from bxpull_nb.errors import SettingsError
from tests.support.clock import Clock
from tests.support.rest_answers import refusal, result
from tests.support.visitor import Visitor, visiting
from tests.support.waiting import eventually

SUBSCRIBE, GET = "im.v2.Event.subscribe", "im.v2.Event.get"
UNSUBSCRIBE = "im.v2.Event.unsubscribe"


@pytest.fixture
def visitor(clock: Clock) -> Iterator[Visitor]:
    """Open a sandbox whose user has subscribed."""
    with visiting(now=clock) as visitor:
        assert result(visitor, SUBSCRIBE) is True
        yield visitor


def send(visitor: Visitor, *texts: str) -> list[int]:
    """Send messages and return their ids."""
    return [visitor.sandbox.chat_message(text) for text in texts]


def texts(got: dict[str, Any]) -> list[str]:
    """Return the texts of the messages of one answer."""
    return [event["data"]["message"]["text"] for event in got["events"]]


def test_an_event_has_the_documented_shape(visitor: Visitor, clock: Clock) -> None:
    """It carries message, chat, user and language."""
    number = visitor.sandbox.chat_message("Добрый день!", chat=8, author=15)
    got = result(visitor, GET)
    event = got["events"][0]
    assert got == {"events": [event], "nextOffset": 2002, "hasMore": False}
    assert (event["eventId"], event["type"]) == (2001, "ONIMV2MESSAGEADD")
    assert datetime.fromisoformat(event["date"]).timestamp() == clock.now
    data = event["data"]
    assert set(data) == {"message", "chat", "user", "language"}
    message = {name: data["message"][name] for name in ("id", "chatId", "authorId", "text")}
    assert message == {"id": number, "chatId": 8, "authorId": 15, "text": "Добрый день!"}
    assert data["message"]["date"] == event["date"]
    chat = {name: data["chat"][name] for name in ("id", "dialogId", "name", "type")}
    assert chat == {"id": 8, "dialogId": "chat8", "name": "Отдел закупок", "type": "chat"}
    user = {name: data["user"][name] for name in ("id", "name", "email", "birthday", "phones")}
    assert user == {
        "id": 15,
        "name": "Дарья Орлова",
        "email": "user15@sandbox.example",
        "birthday": "30-01",
        "phones": {"personal_mobile": "+49 30 55500015"},
    }
    assert not {"role", "muteList"} & set(data["chat"])


def test_every_action_has_its_type(visitor: Visitor) -> None:
    """A deletion has only the message's id, a reaction its action."""
    sandbox = visitor.sandbox
    (number,) = send(visitor, "one")
    sandbox.edit_chat_message(number, "two")
    sandbox.like_chat_message(number, user=12)
    sandbox.like_chat_message(number, user=12, undo=True)
    sandbox.delete_chat_message(number)
    sandbox.join_chat(23, chat=11)
    events = result(visitor, GET)["events"]
    assert [event["type"].removeprefix("ONIMV2") for event in events] == [
        "MESSAGEADD",
        "MESSAGEUPDATE",
        "REACTIONCHANGE",
        "REACTIONCHANGE",
        "MESSAGEDELETE",
        "JOINCHAT",
    ]
    _, edited, liked, undone, deleted, joined = (event["data"] for event in events)
    assert edited["message"]["text"] == "two"
    assert (liked["reaction"], liked["action"], liked["user"]["id"]) == ("like", "add", 12)
    assert undone["action"] == "delete"
    assert (deleted["messageId"], "message" in deleted) == (number, False)
    assert (joined["dialogId"], joined["user"]["name"]) == ("chat11", "Émile Roy")


def test_an_offset_acknowledges_what_is_below_it(visitor: Visitor) -> None:
    """A get without an offset deletes no event."""
    send(visitor, "a", "b", "c")
    assert texts(result(visitor, GET)) == texts(result(visitor, GET)) == ["a", "b", "c"]
    got = result(visitor, GET, {"limit": 2})
    assert (texts(got), got["nextOffset"], got["hasMore"]) == (["a", "b"], 2003, True)
    got = result(visitor, GET, {"offset": 2003, "limit": "2"})
    assert (texts(got), got["nextOffset"], got["hasMore"]) == (["c"], 2004, False)
    assert len(visitor.sandbox.chat_queue()) == 1
    got = result(visitor, GET, {"offset": 2004})
    assert got == {"events": [], "nextOffset": 2004, "hasMore": False}
    assert visitor.sandbox.chat_queue() == []
    assert result(visitor, GET) == {"events": [], "nextOffset": None, "hasMore": False}


@pytest.mark.parametrize(("limit", "number"), [(None, 100), (1000, 1000), (5000, 1000), (0, 1)])
def test_a_get_gives_up_to_a_thousand(visitor: Visitor, limit: int | None, number: int) -> None:
    """By default a hundred; other limits are corrected."""
    send(visitor, *("text" for _ in range(1001)))
    got = result(visitor, GET, {} if limit is None else {"limit": limit})
    assert (len(got["events"]), got["hasMore"]) == (number, True)


def test_without_a_subscription_there_are_no_events(visitor: Visitor) -> None:
    """To subscribe again keeps the events; to unsubscribe ends only new ones."""
    send(visitor, "a")
    assert result(visitor, SUBSCRIBE) is True
    assert [result(visitor, UNSUBSCRIBE) for _ in range(2)] == [True, True]
    send(visitor, "b")
    assert texts(result(visitor, GET)) == ["a"]
    result(visitor, SUBSCRIBE)
    send(visitor, "c")
    assert texts(result(visitor, GET)) == ["a", "c"]


def test_events_live_a_day(visitor: Visitor, clock: Clock) -> None:
    """Older ones are gone without having been acknowledged."""
    send(visitor, "old")
    clock.now += 10
    send(visitor, "new")
    clock.now += 86390
    assert texts(result(visitor, GET)) == ["new"]


def test_two_programs_of_one_user_steal_from_each_other(visitor: Visitor) -> None:
    """A webhook and an application of the same user share one queue."""
    hook = f"{visitor.sandbox.webhook}{GET}"
    send(visitor, "a", "b")
    assert texts(visitor.http.post(hook, json={}).json()["result"]) == ["a", "b"]
    visitor.http.post(hook, json={"offset": 2002})
    assert texts(result(visitor, GET)) == ["b"]


def test_the_scope_is_needed() -> None:
    """Applications and webhooks are refused without `im`."""
    with visiting(scope="pull,crm") as visitor:
        hook = visitor.http.post(f"{visitor.sandbox.webhook}{SUBSCRIBE}")
        for answer in (hook, visitor.call(SUBSCRIBE), visitor.call(GET)):
            assert isinstance(answer, httpx.Response)
            assert refusal(answer)[:2] == (401, "insufficient_scope")


def test_the_demo_traffic_chats_too() -> None:
    """Its messages are events with the same ids and texts as on the channel."""
    with visiting(demo=True, rate=2000) as visitor:
        result(visitor, SUBSCRIBE)
        eventually(lambda: len(visitor.sandbox.chat_queue()) > 200)
        events = result(visitor, GET, {"limit": 200})["events"]
        kinds = {event["type"] for event in events}
        assert kinds == {
            f"ONIMV2{one}" for one in ("MESSAGEADD", "MESSAGEUPDATE", "REACTIONCHANGE")
        }
        sent = [one["data"] for one in events if one["type"] == "ONIMV2MESSAGEADD"]
        numbers = [data["message"]["id"] for data in sent]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert {data["chat"]["type"] for data in sent} == {"chat", "private"}


def test_wrong_users_and_messages_are_refused(visitor: Visitor) -> None:
    """The error names what there is."""
    sandbox = visitor.sandbox
    with pytest.raises(SettingsError, match=r"there is no user 2: take one of \(1, 7"):
        sandbox.chat_message("x", author=2)
    with pytest.raises(SettingsError, match="there is no chat message 5"):
        sandbox.edit_chat_message(5, "x")
    with pytest.raises(SettingsError, match="there is no chat message 5"):
        sandbox.delete_chat_message(5)
    assert sandbox.chat_queue() == []
