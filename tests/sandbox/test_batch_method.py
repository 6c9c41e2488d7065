"""The method `batch`, as both Python SDKs and the JavaScript one call it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.visitor import Visitor, events, visiting

DEAL = {"ID": "3", "TITLE": "Deal 3"}
SHORT = "select[]=ID&select[]=TITLE"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox of the `portal` profile."""
    with visiting() as visitor:
        yield visitor


@pytest.fixture(scope="module")
def strict() -> Iterator[Visitor]:
    """Open a sandbox of the `guide` profile."""
    with visiting(status_profile="guide") as visitor:
        yield visitor


def batch(visitor: Visitor, cmd: Any, **more: Any) -> dict[str, Any]:
    """Return the `result` of a batch."""
    answer = visitor.call("batch", {"cmd": cmd, **more})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def codes(result: dict[str, Any]) -> dict[str, str]:
    """Return the error code of every refused command."""
    return {name: error["error"] for name, error in result["result_error"].items()}


def test_every_command_is_answered_by_its_name(visitor: Visitor) -> None:
    """Each command has its own result, total, next and time."""
    got = batch(
        visitor,
        {
            "deals": f"crm.deal.list?filter[%3C%3DID]=3&filter[%3EID]=2&{SHORT}&",
            "page": "crm.deal.list?start=50&bx24_request_id=7",
            "me": "profile",
        },
        halt=0,
        unknown="x",
    )
    assert got["result"]["deals"] == [DEAL]
    assert got["result"]["me"]["ID"] == "1"
    assert got["result_error"] == []
    assert got["result_total"] == {"deals": 1, "page": 1234}
    assert got["result_next"] == {"page": 100}
    assert [time["operating"] >= 0 for time in got["result_time"].values()] == [True] * 3


def test_a_list_of_commands_is_answered_with_lists(visitor: Visitor) -> None:
    """PHP writes maps that are numbered from 0 as lists."""
    got = batch(visitor, ["server.time", "crm.deal.get?ID=3&" + SHORT])
    assert [got["result"][1]["TITLE"], len(got["result"]), len(got["result_time"])] == [
        "Deal 3",
        2,
        2,
    ]
    assert (got["result_error"], got["result_total"], got["result_next"]) == ([], [], [])


def test_a_refused_command_leaves_a_gap(visitor: Visitor) -> None:
    """The list becomes a map by number, and the error has that number."""
    got = batch(visitor, ["profile", "no.such", "profile"])
    assert list(got["result"]) == ["0", "2"]
    assert got["result_error"] == {
        "1": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}
    }


@pytest.mark.parametrize(
    ("halt", "answered"),
    [(1, ["a"]), ("1", ["a"]), (True, ["a"]), (0, ["a", "c"]), ("0", ["a", "c"]), ("", ["a", "c"])],
)
def test_halt_stops_at_the_first_refusal(visitor: Visitor, halt: Any, answered: list[str]) -> None:
    """`halt` is true for values that are true in PHP."""
    got = batch(visitor, {"a": "profile", "b": "no.such", "c": "profile"}, halt=halt)
    assert list(got["result"]) == answered
    assert codes(got) == {"b": "ERROR_METHOD_NOT_FOUND"}


def test_a_batch_may_be_a_form_with_brackets(visitor: Visitor) -> None:
    """Brackets and ampersands of a command are encoded twice."""
    answer = visitor.http.post(
        f"{visitor.sandbox.webhook}batch.json",
        data={"halt": "0", "cmd[d]": f"crm.deal.list?filter[ID]=3&{SHORT}", "cmd[t]": "scope"},
    )
    assert answer.json()["result"]["result"] == {
        "d": [DEAL],
        "t": ["pull", "pull_channel", "crm", "user", "task", "im"],
    }


def test_the_order_field_of_fast_bitrix24_is_no_hindrance(visitor: Visitor) -> None:
    """`__order` is ignored like every unknown parameter."""
    cmd = {"order0000000000": "crm.deal.get?ID=3&__order=order0000000000&"}
    assert batch(visitor, cmd)["result"]["order0000000000"]["TITLE"] == "Deal 3"


def test_a_command_may_use_what_another_gave(visitor: Visitor) -> None:
    """`$result[name][key]` is replaced, also within a value; unknown ones by an empty text."""
    got = batch(
        visitor,
        {
            "first": "crm.deal.list?start=60",
            "deal": "crm.deal.get?ID=$result[first][4][ID]",
            "same": "crm.deal.list?filter[TITLE]=Deal%20$result[deal][ID]",
            "gone": "crm.deal.get?ID=$result[missing][0]",
        },
    )
    assert got["result"]["deal"]["ID"] == "65"
    assert [deal["ID"] for deal in got["result"]["same"]] == ["65"]
    assert got["result_error"]["gone"]["error_description"] == "Not found"


def test_events_of_one_batch_are_published_once_each(visitor: Visitor) -> None:
    """Identical events are merged, and all follow the answer."""
    add = "pull.application.event.add?COMMAND="
    with visitor.listen(visitor.channel()) as websocket:
        got = batch(visitor, [f"{add}a", f"{add}a", f"{add}b"])
        assert got["result"] == [True, True, True]
        found = events(websocket.recv(5))
        while len(found) < 2:
            found += events(websocket.recv(5))
    assert [event.command for event in found] == ["a", "b"]


def test_the_51st_command_is_refused_by_a_portal(visitor: Visitor) -> None:
    """A portal answers the other fifty commands."""
    got = batch(visitor, {f"c{number}": "server.time" for number in range(51)})
    assert len(got["result"]) == 50
    assert codes(got) == {"c50": "ERROR_BATCH_LENGTH_EXCEEDED"}


def test_a_batch_within_a_batch_is_refused_by_a_portal(visitor: Visitor) -> None:
    """The name is recognised in any case."""
    got = batch(visitor, {"a": "Batch?cmd[x]=profile", "b": "server.time"})
    assert codes(got) == {"a": "ERROR_BATCH_METHOD_NOT_ALLOWED"}
    assert list(got["result"]) == ["b"]


@pytest.mark.parametrize(
    ("cmd", "status", "code"),
    [
        (["server.time"] * 51, 400, "ERROR_BATCH_LENGTH_EXCEEDED"),
        (["server.time", "batch?x=1"], 405, "ERROR_BATCH_METHOD_NOT_ALLOWED"),
    ],
)
def test_the_guide_refuses_such_a_batch_as_a_whole(
    strict: Visitor, cmd: list[str], status: int, code: str
) -> None:
    """Each of the two errors has its own status."""
    answer = strict.call("batch", {"cmd": cmd})
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert "result" not in answer.json()


@pytest.mark.parametrize("cmd", [None, "", "profile", [], {}, 5, [1, None, ["profile"]]])
def test_a_batch_of_nothing_gives_nothing(visitor: Visitor, cmd: Any) -> None:
    """The answer has five empty maps, which PHP writes as lists."""
    got = batch(visitor, cmd)
    parts = ("result", "result_error", "result_total", "result_next", "result_time")
    assert got == {part: [] for part in parts}


def test_a_command_needs_its_scope(visitor: Visitor) -> None:
    """Only the command needs the scope, not the batch."""
    with visiting(scope="pull") as narrow:
        got = batch(narrow, {"a": "crm.deal.list", "b": "profile"})
    assert codes(got) == {"a": "insufficient_scope"}
    assert list(got["result"]) == ["b"]
