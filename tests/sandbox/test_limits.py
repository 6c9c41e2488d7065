"""Limits of the REST side, and REST faults on demand."""

import pytest

from bxpull_nb.sandbox.rest.error import RestRefusal, status_of
from bxpull_nb.sandbox.rest.limits import OperatingTime, RequestLimit
from tests.support.visitor import Visitor, visiting

CODES = {
    "expired_token": (401, 401),
    "NO_AUTH_FOUND": (401, 401),
    "insufficient_scope": (403, 401),
    "INVALID_CREDENTIALS": (403, 401),
    "user_access_error": (403, 401),
    "ACCESS_DENIED": (403, 403),
    "INVALID_REQUEST": (400, 401),
    "ERROR_METHOD_NOT_FOUND": (404, 404),
    "OPERATION_TIME_LIMIT": (429, 429),
    "OVERLOAD_LIMIT": (503, 401),
    "INTERNAL_SERVER_ERROR": (500, 500),
    "SERVER_ERROR": (200, 500),
    "PORTAL_DELETED": (500, 403),
    "COMMAND_ERROR": (400, 400),
}


@pytest.mark.parametrize("code", CODES)
def test_the_profiles_disagree_about_statuses(code: str) -> None:
    """The guide and the portals' own code have different statuses."""
    assert (status_of(code, "guide"), status_of(code, "portal")) == CODES[code]


@pytest.mark.parametrize(("edition", "column"), [("seed", 0), ("current", 1)])
def test_the_edition_chooses_the_default_profile(edition: str, column: int) -> None:
    """The default is `guide` for the seed edition, `portal` for the current one."""
    profiles = ("guide", "portal")
    for profile, expected in ((None, column), *((p, profiles.index(p)) for p in profiles)):
        with visiting(edition=edition, status_profile=profile) as visitor:
            visitor.sandbox.fail_rest("OVERLOAD_LIMIT")
            status = visitor.call("profile").status_code
        assert status == CODES["OVERLOAD_LIMIT"][expected]


def test_a_bucket_overflows_and_leaks() -> None:
    """It takes fifty at once, then two a second, also when the clock goes back."""
    clock = [100.0]
    limit = RequestLimit(2, 50, lambda: clock[0])
    for _ in range(50):
        limit.take()
    with pytest.raises(RestRefusal, match="QUERY_LIMIT_EXCEEDED"):
        limit.take()
    clock[0] += 1
    limit.take()
    limit.take()
    clock[0] -= 50  # a clock that was set back leaks nothing, and gives nothing either
    with pytest.raises(RestRefusal):
        limit.take()


def test_a_batch_is_one_request_for_the_limit() -> None:
    """The third request is refused; a second later one more is answered."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0], rest_limit=2, rest_burst=2) as visitor:
        assert visitor.call("batch", {"cmd": ["profile"] * 50}).status_code == 200
        assert visitor.call("profile").status_code == 200
        refused = visitor.call("profile")
        assert (refused.status_code, refused.json()["error"]) == (503, "QUERY_LIMIT_EXCEEDED")
        clock[0] += 0.5
        assert visitor.call("profile").status_code == 200


def test_the_limit_can_be_switched_off() -> None:
    """None means no limit, with any burst."""
    with visiting(rest_limit=None, rest_burst=1) as visitor:
        assert [visitor.call("profile").status_code for _ in range(5)] == [200] * 5


def test_operating_time_adds_up_for_ten_minutes() -> None:
    """It is counted per method, and begins at 0 again after its window."""
    clock = OperatingTime()
    blocks = []
    for method, start, finish in [
        ("profile", 0, 2),
        ("scope", 5, 6),
        ("profile", 599, 602),
        ("profile", 600, 600.5),
    ]:
        clock.spend(method, start, finish - start)
        blocks.append(clock.block(method, start, finish))
    assert [block["operating"] for block in blocks] == [2, 1, 5, 0.5]
    assert [block["operating_reset_at"] for block in blocks] == [600, 605, 600, 1200]


def test_a_method_that_used_its_time_up_is_blocked_until_the_reset() -> None:
    """The answer has the time of the reset; other methods and batches go on."""
    clock = [1_800_000_000.0]
    with visiting(now=lambda: clock[0]) as visitor:
        visitor.sandbox.use_operating_time("Crm.Deal.List", 480)
        clock[0] += 1
        refused = visitor.call("crm.deal.list")
        assert (refused.status_code, refused.json()["error"]) == (429, "OPERATION_TIME_LIMIT")
        time = refused.json()["time"]
        assert (time["operating"], time["operating_reset_at"]) == (480, 1_800_000_600)
        got = visitor.call("batch", {"cmd": {"l": "crm.deal.list", "g": "crm.deal.get?ID=1"}})
        result = got.json()["result"]
        assert result["result_error"]["l"]["error"] == "OPERATION_TIME_LIMIT"
        assert list(result["result"]) == ["g"]
        clock[0] = time["operating_reset_at"]
        assert visitor.call("crm.deal.list").json()["time"]["operating"] == 0


def test_calls_fail_so_many_times(visitor: Visitor) -> None:
    """Faults follow in the order of their requests, for any call; then calls succeed."""
    visitor.sandbox.fail_rest("INTERNAL_SERVER_ERROR", 2)
    visitor.sandbox.fail_rest("PORTAL_DELETED")
    visitor.sandbox.answer_rest_html()
    answers = [visitor.call("profile") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [500, 500, 403, 200, 200]
    assert [a.json()["error"] for a in answers[:3]] == [
        "INTERNAL_SERVER_ERROR",
        "INTERNAL_SERVER_ERROR",
        "PORTAL_DELETED",
    ]
    assert answers[3].headers["Content-Type"] == "text/html; charset=utf-8"
    assert answers[4].json()["result"]["ID"] == "1"
    assert "time" in answers[0].json()


METHODS = ["crm.deal.get", "event.offline.get", "tasks.task.list", "im.v2.Event.get", "user.get"]


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"])
@pytest.mark.parametrize("method", METHODS)
def test_calls_of_one_method_fail_so_many_times(visitor: Visitor, method: str, code: str) -> None:
    """In a batch only the command is refused; other methods are not touched."""
    params = {"ID": 1, "taskId": 1}
    status = {"QUERY_LIMIT_EXCEEDED": 503, "OPERATION_TIME_LIMIT": 429}[code]
    visitor.sandbox.fail_rest(code, 2, method=method)
    assert visitor.call("profile").status_code == 200
    answer = visitor.call(method, params)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["time"]["operating_reset_at"] > answer.json()["time"]["finish"]
    got = visitor.call("batch", {"cmd": {"a": f"{method}?ID=1", "b": "profile"}}).json()["result"]
    assert got["result_error"]["a"]["error"] == code
    assert list(got["result"]) == ["b"]
    assert visitor.call(method, params).status_code == 200


def test_a_renamed_portal_redirects_all_calls(visitor: Visitor) -> None:
    """Path and query are kept, for a host or a whole address; None ends it."""
    for host, origin in (
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("https://new.example/", "https://new.example"),
    ):
        visitor.sandbox.move_domain(host)
        answer = visitor.http.post("/rest/1/secret/profile.json?a=%D0%B9&b", json={"x": 1})
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"{origin}/rest/1/secret/profile.json?a=%D0%B9&b"
    visitor.sandbox.move_domain(None)
    assert visitor.call("profile").status_code == 200


@pytest.mark.parametrize("path", ["/", "/company/personal/", "/rest2/profile", "/stream"])
def test_a_wrong_path_is_answered_with_a_page(visitor: Visitor, path: str) -> None:
    """A program with a wrong address gets HTML, as from a portal."""
    answer = visitor.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
