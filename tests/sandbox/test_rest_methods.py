"""The sandbox's REST methods, except the application's config and events."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.support.visitor import Visitor, visiting

CONFIG = "pull.application.config.get"
EVENT = "pull.application.event.add"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox with default options."""
    with visiting() as visitor:
        yield visitor


def ask(visitor: Visitor, method: str, params: Any = None, *, webhook: bool = False) -> Any:
    """Return the result of a method, as the application or by the webhook."""
    url = f"{visitor.sandbox.webhook}{method}" if webhook else f"/rest/{method}"
    bearer = {} if webhook else {"Authorization": f"Bearer {visitor.sandbox.token}"}
    return visitor.http.post(url, headers=bearer, json=params or {}).json()["result"]


def test_a_webhook_has_its_users_own_feed(visitor: Visitor) -> None:
    """It has channels of its own with listeners, and the portal's time."""
    feed = ask(visitor, "pull.config.get", webhook=True)
    config = visitor.config()
    assert set(feed) - set(config) == {"serverTime"}
    assert datetime.fromisoformat(feed["serverTime"]).utcoffset() == timedelta(hours=2)
    for kind in ("shared", "private"):
        assert feed["channels"][kind]["id"] != config["channels"][kind]["id"]
        with visitor.listen(feed["channels"][kind]["id"]):
            pass


def test_the_users_own_feed_is_not_for_applications(visitor: Visitor) -> None:
    """An application may not call the webhook's method."""
    answer = visitor.call("pull.config.get")
    assert (answer.status_code, answer.json()["error"]) == (403, "WRONG_AUTH_TYPE")


def test_version_4_has_public_ids() -> None:
    """Config and methods have them; the application's differ from the web interface's."""
    with visiting(server_version=4, public_list=True) as visitor:
        config = visitor.config()
        private = config["channels"]["private"]
        entry = config["publicChannels"]["1"]
        assert private["public_id"] == f"{entry['public_id']}.{entry['signature']}"
        assert entry["public_id"] in private["id"]
        assert config["channels"]["shared"]["public_id"] is None
        assert "jwt" not in config
        own = {"USER_ID": 1, "APPLICATION": "Y"}
        assert ask(visitor, "pull.channel.public.get", own) == entry
        assert ask(visitor, "pull.channel.public.get")["public_id"] != entry["public_id"]
        listed = ask(
            visitor, "pull.channel.public.list", {"users": [1, "7", 99], "application": "Y"}
        )
        assert sorted(listed) == ["1", "7"]
        assert listed["1"] == entry
        assert ask(visitor, "pull.channel.public.get", {"USER_ID": 99}) is False


def test_below_version_4_there_are_no_public_ids(visitor: Visitor) -> None:
    """The answers are `false`, and an empty map as PHP writes it."""
    assert ask(visitor, "pull.channel.public.get", {"USER_ID": 1}) is False
    assert ask(visitor, "pull.channel.public.list", {"USERS": [1]}, webhook=True) == []


LIST = "pull.channel.public.list"


def test_an_application_may_not_list_public_channels() -> None:
    """For it the method does not exist, in any way to ask; a webhook has it."""
    with visiting(server_version=4) as visitor:
        answer = visitor.call(LIST, {"USERS": [1], "APPLICATION": "Y"})
        assert (answer.status_code, answer.json()["error"]) == (404, "ERROR_METHOD_NOT_FOUND")
        batch = ask(visitor, "batch", {"cmd": {"a": f"{LIST}?USERS[]=1"}})
        assert batch["result_error"]["a"]["error"] == "ERROR_METHOD_NOT_FOUND"
        assert ask(visitor, LIST, {"USERS": [1]}, webhook=True).keys() == {"1"}
        assert ask(visitor, "pull.channel.public.get", {"USER_ID": 1})["user_id"] == 1
        for webhook in (True, False):
            assert (LIST in ask(visitor, "methods", webhook=webhook)) is webhook
            found = ask(visitor, "method.get", {"name": LIST}, webhook=webhook)
            assert found == {"isExisting": webhook, "isAvailable": webhook}


def test_version_5_has_a_token() -> None:
    """It ends with the config, and a listener may use it."""
    with visiting(server_version=5, channel_ttl=3600) as visitor:
        config = visitor.config()
        url = f"{config['server']['websocket']}?token={config['jwt']}&jsonRpc=true"
        with connect(url, proxy=None) as websocket:
            visitor.sandbox.publish("c")
            assert '"command":"c"' in str(websocket.recv(5))
        start = datetime.fromisoformat(config["channels"]["shared"]["start"]).timestamp()
    assert 3599 <= config["exp"] - start <= 3601


def test_an_application_without_private_channel_has_no_public_ids() -> None:
    """The answer is an empty map, which PHP writes as a list."""
    with visiting(server_version=4, private=False) as visitor:
        assert visitor.config()["publicChannels"] == []
        assert ask(visitor, LIST, {"USERS": [1]}, webhook=True) == []


@pytest.mark.parametrize("edition", ["seed", "current"])
def test_a_push_server_in_the_cloud_has_an_account(edition: str) -> None:
    """It is next to the channels or within the server, by the edition."""
    with visiting(mode="shared", edition=edition) as visitor:
        config = visitor.config()
    holder = config["server"] if edition == "seed" else config
    assert len(holder["clientId"]) == 32
    assert config["server"].get("mode", "shared") == "shared"


def test_the_seed_edition_shows_a_public_id_where_there_is_one() -> None:
    """The private channel has it from version 4 on, as on the page."""
    with visiting(edition="seed", server_version=4) as visitor:
        channels = visitor.config()["channels"]
    assert set(channels["private"]) == {"id", "public_id", "start", "end", "type"}
    assert set(channels["shared"]) == {"id", "start", "end", "type"}


def test_a_user_without_admin_rights_may_do_less() -> None:
    """Own events with the id as text only; no mobile push; no seed config."""
    users = [("1", ""), (1, "USER_ID_ACCESS_ERROR"), (["1"], "USER_ID_ACCESS_ERROR")]
    with visiting(admin=False) as visitor:
        assert ask(visitor, "profile")["ADMIN"] is False
        assert visitor.call(CONFIG).status_code == 200
        assert ask(visitor, EVENT, {"COMMAND": "c"}) is True
        for user, code in [*users, ("2", "USER_ID_ACCESS_ERROR")]:
            answer = visitor.call(EVENT, {"COMMAND": "c", "USER_ID": user})
            assert answer.json().get("error", "") == code
        push = visitor.call("pull.application.push.add", {"USER_ID": "1", "TEXT": "t"})
        assert (push.status_code, push.json()["error"]) == (403, "ACCESS_ERROR")
    with visiting(admin=False, edition="seed") as visitor:
        answer = visitor.call(CONFIG)
    assert (answer.status_code, answer.json()["error"]) == (403, "ACCESS_DENIED")


def test_a_mobile_push_needs_a_text(visitor: Visitor) -> None:
    """Nothing is sent, but the portal's checks apply."""
    assert ask(visitor, "pull.application.push.add", {"user_id": 1, "text": "Hi"}) is True
    for text in ({}, {"TEXT": " "}, {"TEXT": ["a"]}):
        answer = visitor.call("pull.application.push.add", {"USER_ID": 1, **text})
        assert (answer.status_code, answer.json()["error"]) == (400, "TEXT_ERROR")


@pytest.mark.parametrize(
    ("tags", "result"),
    [
        (["A", "B"], {"A": True, "B": True}),
        ({"x": "A", "7": "B"}, {"A": True, "B": True}),
        ("A", {"A": True}),
        ([], []),
        ({}, []),
        (None, []),
    ],
)
def test_watches_are_extended(visitor: Visitor, tags: Any, result: Any) -> None:
    """Every tag is in the answer; without tags it is PHP's empty map."""
    assert ask(visitor, "pull.watch.extend", {"TAGS": tags}) == result


def test_a_program_may_ask_what_it_may_call(visitor: Visitor) -> None:
    """It gets its scope, all scopes, the methods of each, and single ones."""
    own = ["pull", "pull_channel", "crm", "user", "task", "im"]
    assert ask(visitor, "scope") == own
    assert sorted(ask(visitor, "scope", {"full": True})) == sorted(own)
    assert "pull.application.config.get" in ask(visitor, "methods", {"SCOPE": "pull"})
    with visiting(scope="crm") as narrow:
        assert "crm.deal.list" in ask(narrow, "methods")
        assert "user.get" not in ask(narrow, "methods")
        assert "user.get" in ask(narrow, "methods", {"full": "true"})
        for name, existing, available in [
            ("Crm.Deal.Get", True, True),
            ("user.get", True, False),
            ("no.such", False, False),
        ]:
            answer = ask(narrow, "method.get", {"name": name})
            assert answer == {"isExisting": existing, "isAvailable": available}


@pytest.mark.parametrize(
    ("params", "first", "count", "total", "following"),
    [
        ({}, "1", 50, 1234, 50),
        ({"start": 1200}, "1201", 34, 1234, None),
        ({"start": "50", "order": {"id": "desc"}}, "1184", 50, 1234, 100),
        ({"start": -1, "filter": {">ID": 1214}, "order": {"ID": "ASC"}}, "1215", 20, None, None),
        ({"filter": {"STAGE_ID": "WON", "<=ID": 20}}, "3", 4, 4, None),
        ({"filter": {"ID": [5, "7"]}}, "5", 2, 2, None),
        ({"filter": {"@ID": ["9"]}}, "9", 1, 1, None),
        ({"filter": {"!STAGE_ID": "WON"}, "order": {"OPPORTUNITY": "DESC"}}, "1234", 50, 987, 50),
        ({"filter": {"NO_SUCH_FIELD": 1}}, None, 0, 0, None),
        ({"start": "nonsense"}, "1", 50, 1234, 50),
        ({"start": "--5"}, "1", 50, 1234, 50),
        ({"start": "9" * 5000, "filter": [], "order": "ID", "select": "ID"}, "1", 50, 1234, 50),
    ],
)
def test_lists_come_in_pages(
    visitor: Visitor,
    params: dict[str, Any],
    first: str | None,
    count: int,
    total: int | None,
    following: int | None,
) -> None:
    """Filter, order and `start` apply; -1 does not count, the last page has no next."""
    answer = visitor.call("crm.deal.list", params).json()
    assert (answer.get("total"), answer.get("next")) == (total, following)
    assert len(answer["result"]) == count
    assert (answer["result"] or [{"ID": None}])[0]["ID"] == first


def test_records_are_found_by_their_id(visitor: Visitor) -> None:
    """A missing record is an error without a code, as on the portal."""
    assert ask(visitor, "crm.deal.get", {"id": "120"})["OPPORTUNITY"] == "12000.00"
    assert set(ask(visitor, "crm.deal.fields")) == set(ask(visitor, "crm.deal.get", {"ID": 1}))
    assert ask(visitor, "user.current")["ID"] == "1"
    assert [user["NAME"] for user in ask(visitor, "user.get", {"ID": 7})] == ["Борис"]
    missing = visitor.call("crm.deal.get", {"ID": 1235})
    assert (missing.status_code, missing.json()["error"]) == (400, "")
    assert missing.json()["error_description"] == "Not found"
