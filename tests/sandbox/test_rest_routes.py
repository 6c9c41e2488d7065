"""The sandbox's REST interface over real HTTP: both editions, errors, and events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from bxpull_nb.models import PullConfig
from tests.support.visitor import Visitor, events, visiting

CONFIG = "pull.application.config.get"
EVENT = "pull.application.event.add"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox with default options."""
    with visiting() as visitor:
        yield visitor


@pytest.fixture(scope="module")
def seed_visitor() -> Iterator[Visitor]:
    """Open a sandbox of the seed edition."""
    with visiting(edition="seed") as visitor:
        yield visitor


def received(visitor: Visitor, params: Any, channel: str = "shared") -> Any:
    """Call event.add; return module, command and params of the event that arrives."""
    with visitor.listen(visitor.channel(channel)) as websocket:
        answer = visitor.call(EVENT, params)
        assert answer.json()["result"] is True, answer.text
        (event,) = events(websocket.recv(5))
    return event.module_id, event.command, event.params


def test_the_current_edition_answers_what_portals_answer_today(visitor: Visitor) -> None:
    """Every field is there, with the addresses of this server."""
    host = visitor.sandbox.url.removeprefix("http://")
    config = visitor.config()
    channels = config.pop("channels")
    server = config.pop("server")
    assert server.pop("config_timestamp") > 1_700_000_000
    assert server == {
        "version": 3,
        "server_enabled": True,
        "long_polling": f"http://{host}/sub/",
        "long_pooling_secure": "",
        "websocket_enabled": True,
        "websocket": f"ws://{host}/sub/",
        "websocket_secure": "",
        "publish_enabled": False,
        "publish": f"http://{host}/pubweb/",
        "publish_secure": "",
        "mode": "personal",
        "hostname": "127.0.0.1",
    }
    assert set(channels) == {"shared", "private"}
    assert channels["shared"]["public_id"] is None
    end = datetime.fromisoformat(channels["shared"]["end"])
    assert config == {
        "api": {"revision_web": 19, "revision_mobile": 3},
        "publicChannels": False,
        "exp": int(end.timestamp()),
    }


def test_the_seed_edition_answers_what_the_page_shows(seed_visitor: Visitor) -> None:
    """It has two objects, the ten server fields of the page, channels of four fields."""
    config = seed_visitor.config()
    assert set(config) == {"server", "channels"}
    assert set(config["server"]) == {
        "version",
        "server_enabled",
        "long_polling",
        "long_polling_secure",
        "websocket_enabled",
        "websocket",
        "websocket_secure",
        "publish_enabled",
        "publish",
        "publish_secure",
    }
    assert set(config["channels"]["private"]) == {"id", "start", "end", "type"}
    assert config["channels"]["private"]["type"] == "private"


def test_the_clients_model_reads_the_answer(visitor: Visitor) -> None:
    """A channel lives 43 205 seconds, and each has its own id."""
    config = PullConfig.from_answer(visitor.config(), portal_time=datetime.now(UTC))
    shared, private = config.channel("shared"), config.channel("private")
    assert shared.end - shared.start == timedelta(seconds=43205)
    assert shared.id != private.id


def test_asking_again_gives_the_same_channels(visitor: Visitor) -> None:
    """CACHE has no effect, as on today's portals."""
    answers = [visitor.call(CONFIG, {"CACHE": cache}).json()["result"] for cache in "YN"]
    assert answers[0]["channels"] == answers[1]["channels"]


def test_a_channel_past_its_end_is_replaced_when_asked_for() -> None:
    """The portal's clock decides, not the machine's; times carry an offset."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], channel_ttl=60) as visitor:
        first = visitor.config()["channels"]["shared"]
        assert first["start"] == "2027-01-15T10:00:00+02:00"
        assert first["end"] == "2027-01-15T10:01:00+02:00"
        clock[0] += 60
        second = visitor.config()["channels"]["shared"]
    assert second["id"] != first["id"]
    assert second["start"] == first["end"]


def test_without_private_there_is_only_the_shared_channel() -> None:
    """An event for the user is accepted, and not delivered."""
    with visiting(private=False) as visitor:
        assert list(visitor.config()["channels"]) == ["shared"]
        assert visitor.call(EVENT, {"COMMAND": "c", "USER_ID": 1}).json()["result"] is True


def test_without_websocket_the_config_has_it_disabled() -> None:
    """The polling address is still there."""
    with visiting(websocket=False) as visitor:
        server = visitor.config()["server"]
    assert server["websocket_enabled"] is False
    assert server["long_polling"].endswith("/sub/")


@pytest.mark.parametrize(("edition", "status"), [("seed", 200), ("current", 500)])
def test_a_portal_without_push_server_answers_with_an_error(edition: str, status: int) -> None:
    """Code and text are the page's, the status the edition's; the option may change."""
    with visiting(edition=edition, configured=False) as visitor:
        answer = visitor.call(CONFIG)
        assert answer.status_code == status
        body = answer.json()
        assert body["error"] == "SERVER_ERROR"
        assert body["error_description"] == "Push & Pull server is not configured"
        visitor.sandbox.configured = True
        assert visitor.call(CONFIG).json()["result"]["server"]["version"] == 3


def test_a_webhook_is_let_in_by_the_seed_edition_only(
    visitor: Visitor, seed_visitor: Visitor
) -> None:
    """A webhook belongs to no application today; the page accepts it."""
    good = visitor.http.post(f"{seed_visitor.sandbox.webhook}{CONFIG}")
    assert good.status_code == 200
    assert set(good.json()["result"]["channels"]) == {"shared", "private"}
    for method in (CONFIG, EVENT):
        bad = visitor.http.post(f"{visitor.sandbox.webhook}{method}.json")
        assert (bad.status_code, bad.json()["error"]) == (403, "WRONG_AUTH_TYPE")


def test_a_webhook_may_ask_who_it_is(visitor: Visitor) -> None:
    """`profile` needs no application."""
    answer = visitor.http.get(f"{visitor.sandbox.webhook}profile.json").json()["result"]
    assert (answer["ID"], answer["ADMIN"]) == ("1", True)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/rest/profile", 401, "NO_AUTH_FOUND"),
        ("/rest/profile?auth=", 401, "NO_AUTH_FOUND"),
        ("/rest/profile?auth=wrong", 401, "invalid_token"),
        ("/rest/profile?auth=%D0%B9", 401, "invalid_token"),
        ("/rest/1/wrong/profile", 401, "INVALID_CREDENTIALS"),
        ("/rest/2/wrong/profile", 401, "INVALID_CREDENTIALS"),
        ("/rest/", 401, "NO_AUTH_FOUND"),
        ("/rest/1/profile", 404, "ERROR_METHOD_NOT_FOUND"),
        ("/rest/1/2/3/profile", 404, "ERROR_METHOD_NOT_FOUND"),
    ],
)
def test_an_unknown_caller_is_refused(visitor: Visitor, path: str, status: int, code: str) -> None:
    """Status and code show the reason; the answer has a time."""
    answer = visitor.http.get(path)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert set(answer.json()) == {"error", "error_description", "time"}


def test_a_webhooks_secret_is_good_for_its_user_only(visitor: Visitor) -> None:
    """The secret is invalid for another user's number."""
    other = visitor.sandbox.webhook.replace("/rest/1/", "/rest/2/")
    answer = visitor.http.get(f"{other}profile")
    assert (answer.status_code, answer.json()["error"]) == (401, "INVALID_CREDENTIALS")


def test_an_unknown_method_is_refused(visitor: Visitor) -> None:
    """The token is valid, the method is not."""
    answer = visitor.call("no.such.method")
    assert (answer.status_code, answer.json()["error"]) == (404, "ERROR_METHOD_NOT_FOUND")


def test_a_token_can_expire() -> None:
    """The error differs from that of an unknown token."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], token_ttl=3600) as visitor:
        assert visitor.call("profile").status_code == 200
        clock[0] += 3600
        answer = visitor.call("profile")
    assert (answer.status_code, answer.json()["error"]) == (401, "expired_token")


@pytest.mark.parametrize("where", ["bearer", "query", "json", "form", "multipart", "access_token"])
def test_the_token_is_found_in_every_place(visitor: Visitor, where: str) -> None:
    """The token may be Bearer, or field `auth` or `access_token` of query or body."""
    token = visitor.sandbox.token
    options: dict[str, dict[str, Any]] = {
        "bearer": {"headers": {"Authorization": f"bearer {token}"}},
        "query": {"params": {"auth": token}},
        "json": {"json": {"auth": token}},
        "form": {"data": {"auth": token}},
        "multipart": {"data": {"auth": token}, "files": {"f": b"x"}},
        "access_token": {"data": {"access_token": token}},
    }
    answer = visitor.http.post("/rest/profile.json", **options[where])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "path", ["/rest//profile", "//rest/profile", "/rest/PROFILE.json", "/rest/profile/"]
)
def test_paths_are_read_generously(visitor: Visitor, path: str) -> None:
    """Clients send double and trailing slashes; case does not matter."""
    answer = visitor.http.get(
        f"{visitor.sandbox.url}{path}", params={"auth": visitor.sandbox.token}
    )
    assert answer.status_code == 200, answer.text


def test_every_answer_has_the_portals_time() -> None:
    """The time block and the Date header follow the portal's clock."""
    with visiting(now=lambda: 1_800_000_000.25) as visitor:
        answer = visitor.call("server.time")
    assert answer.json() == {
        "result": "2027-01-15T10:00:00+02:00",
        "time": {
            "start": 1_800_000_000.25,
            "finish": 1_800_000_000.25,
            "duration": 0.0,
            "processing": 0.0,
            "date_start": "2027-01-15T10:00:00+02:00",
            "date_finish": "2027-01-15T10:00:00+02:00",
            "operating_reset_at": 1_800_000_600,
            "operating": 0.0,
        },
    }
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == 1_800_000_000


def test_browsers_may_ask_from_anywhere(visitor: Visitor) -> None:
    """Answers, errors and preflight requests have CORS headers."""
    assert visitor.call("profile").headers["Access-Control-Allow-Origin"] == "*"
    assert visitor.http.get("/rest/profile").headers["Access-Control-Allow-Origin"] == "*"
    asked = visitor.http.options("/rest/profile")
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Headers"] == "origin, content-type, accept"


def test_a_body_over_one_mebibyte_is_refused(visitor: Visitor) -> None:
    """A body of the limit is read, one byte more is not; the connection stays usable."""
    auth = {"Authorization": f"Bearer {visitor.sandbox.token}"}
    for size, status in ((1024 * 1024, 200), (1024 * 1024 + 1, 413), (10, 200)):
        answer = visitor.http.post("/rest/profile", headers=auth, content=b" " * size)
        assert answer.status_code == status


def test_an_event_reaches_the_shared_channel(visitor: Visitor) -> None:
    """The default of MODULE_ID is `application`."""
    params = {"COMMAND": "order:paid|x.y-z_1", "PARAMS": {"n": 1, "t": "Привет 🌍"}}
    assert received(visitor, params) == (
        "application",
        "order:paid|x.y-z_1",
        {"n": 1, "t": "Привет 🌍"},
    )


@pytest.mark.parametrize("user", [1, "1", [1], ["1", 2], [2, 1, 1]])
def test_an_event_for_the_own_user_reaches_the_private_channel(visitor: Visitor, user: Any) -> None:
    """USER_ID may be a number, a string or a list; names are read whatever their case."""
    params = {"command": "c", "Module_Id": "my.module_2", "params": {"n": 2}, "user_id": user}
    assert received(visitor, params, "private") == ("my.module_2", "c", {"n": 2})


@pytest.mark.parametrize("params", [{}, {"PARAMS": {}}, {"PARAMS": []}, {"PARAMS": None}])
def test_empty_params_arrive_as_phps_empty_map(visitor: Visitor, params: dict[str, Any]) -> None:
    """An empty map is `[]`."""
    assert received(visitor, {"COMMAND": "c", **params}) == ("application", "c", [])


@pytest.mark.parametrize(
    ("given", "arriving"),
    [
        ([1, {"a": 2}], [1, {"a": 2}]),
        ({"0": "a", "1": "b"}, ["a", "b"]),
        ({"0": "a", "2": "b"}, {"0": "a", "2": "b"}),
        ('{"a":{"b":1},"c":{}}', {"a": {"b": 1}, "c": []}),
        ("[1,2]", [1, 2]),
        ("{}", []),
    ],
)
def test_params_may_be_a_list_or_json_text(visitor: Visitor, given: Any, arriving: Any) -> None:
    """PHP does not distinguish a map from a list; a text is parsed first."""
    assert received(visitor, {"COMMAND": "c", "PARAMS": given}) == ("application", "c", arriving)


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("", "PARAMS[]=1&PARAMS[]=b&MODULE_ID={}"),
        ("", "PARAMS[0]=1&PARAMS[1]=b&module_id={}"),
        ("PARAMS[]=1&PARAMS[]=b&MODULE_ID={}", ""),
        ("PARAMS[]=1&PARAMS[]=b&MODULE_ID=QUERY", "MODULE_ID={}"),
        ("MODULE_ID={}", "PARAMS=%5B%221%22,%22b%22%5D"),
    ],
)
def test_a_list_of_params_comes_in_every_body(visitor: Visitor, query: str, form: str) -> None:
    """Forms and queries write it with brackets; the rules for the module are the same."""
    with visitor.listen(visitor.channel()) as websocket:
        for module in ("CRM", "crm"):
            answer = visitor.http.post(
                f"/rest/{EVENT}?COMMAND=c&{query.format(module)}",
                content=f"auth={visitor.sandbox.token}&{form.format(module)}",
                headers={"Content-Type": FORM},
            )
            expected = "MODULE_ID_ERROR" if module == "CRM" else None
            assert answer.json().get("error") == expected
        (event,) = events(websocket.recv(5))
    assert (event.module_id, event.params) == ("crm", ["1", "b"])


def test_a_form_with_brackets_is_an_event_too(visitor: Visitor) -> None:
    """Values are text then; the body has precedence over the query."""
    with visitor.listen(visitor.channel()) as websocket:
        answer = visitor.http.post(
            f"/rest/{EVENT}?COMMAND=from_query&MODULE_ID=query",
            data={"auth": visitor.sandbox.token, "command": "from_body", "PARAMS[a][b]": "1"},
        )
        assert answer.json()["result"] is True
        (event,) = events(websocket.recv(5))
    assert (event.module_id, event.command) == ("query", "from_body")
    assert event.params == {"a": {"b": "1"}}


def test_an_event_for_another_user_is_not_delivered(visitor: Visitor) -> None:
    """The answer is true, but only the next event arrives."""
    with visitor.listen(visitor.channel("private")) as websocket:
        assert visitor.call(EVENT, {"COMMAND": "other", "USER_ID": 2}).json()["result"] is True
        assert visitor.call(EVENT, {"COMMAND": "own", "USER_ID": 1}).json()["result"] is True
        assert [event.command for event in events(websocket.recv(5))] == ["own"]


def test_an_event_carries_the_portals_extra() -> None:
    """`extra` has the time of publishing in both formats, and the revisions."""
    clock = 1_800_000_000.123456
    with (
        visiting(now=lambda: clock) as visitor,
        visitor.listen(visitor.channel()) as websocket,
    ):
        visitor.call(EVENT, {"COMMAND": "c"})
        frame = websocket.recv(5)
    assert str(frame).endswith(
        '"text":{"module_id":"application","command":"c","params":[],"extra":'
        '{"server_time":"2027-01-15T10:00:00+02:00","server_time_unix":1800000000.123456,'
        '"server_name":"bxpull-sandbox","revision_web":19,"revision_mobile":3}}}#!NGINXNME!#'
    )


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "COMMAND_ERROR"),
        ({"COMMAND": ""}, "COMMAND_ERROR"),
        ({"COMMAND": "with space"}, "COMMAND_ERROR"),
        ({"COMMAND": "line\n"}, "COMMAND_ERROR"),
        ({"COMMAND": "заказ"}, "COMMAND_ERROR"),
        ({"COMMAND": ["c"]}, "COMMAND_ERROR"),
        ({"COMMAND": "c", "MODULE_ID": "a-b"}, "MODULE_ID_ERROR"),
        ({"COMMAND": "c", "MODULE_ID": 5}, "MODULE_ID_ERROR"),
        ({"COMMAND": "c", "PARAMS": "text"}, "PARAMS_ERROR"),
        ({"COMMAND": "c", "PARAMS": 5}, "PARAMS_ERROR"),
        ({"COMMAND": "c", "PARAMS": ""}, "PARAMS_ERROR"),
        ({"COMMAND": "c", "PARAMS": "5"}, "PARAMS_ERROR"),
        ({"COMMAND": "c", "PARAMS": '"text"'}, "PARAMS_ERROR"),
        ({"COMMAND": "c", "MODULE_ID": "CRM"}, "MODULE_ID_ERROR"),
        ({"COMMAND": "c", "MODULE_ID": "my.Module"}, "MODULE_ID_ERROR"),
        ({"COMMAND": "c", "USER_ID": "me"}, "USER_ID_ACCESS_ERROR"),
        ({"COMMAND": "c", "USER_ID": [1, "9" * 5000]}, "USER_ID_ACCESS_ERROR"),
        ({"COMMAND": "c", "USER_ID": -1}, "USER_ID_ACCESS_ERROR"),
    ],
)
def test_a_wrong_event_is_refused(visitor: Visitor, params: dict[str, Any], code: str) -> None:
    """The answer is HTTP 400 with the code of the wrong field."""
    answer = visitor.call(EVENT, params)
    assert (answer.status_code, answer.json()["error"]) == (400, code)


def test_invalid_json_is_no_parameters(visitor: Visitor) -> None:
    """The error is the missing command, not the JSON."""
    answer = visitor.http.post(
        f"/rest/{EVENT}",
        params={"auth": visitor.sandbox.token},
        content=b'{"COMMAND": "c"',
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "COMMAND_ERROR")
