"""Many calls in one request."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bxpull_nb import errors
from bxpull_nb.rest import BatchResult, RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.rest.params import as_query
from tests.support.scripted_portal import PORTAL, ScriptedPortal


def batch(portal: ScriptedPortal, calls: Any, **how: Any) -> BatchResult:
    """The batch, by a client of its own."""

    async def main() -> BatchResult:
        async with portal.http() as http:
            client = RestClient(AccessToken(PORTAL, portal.access), http=http)
            return await client.batch(calls, **how)

    return asyncio.run(main())


def answer(results: Any, errors_: Any = ()) -> dict[str, Any]:
    """The portal's answer to a batch."""
    return {"result": {"result": results, "result_error": errors_ or []}}


def test_results_come_by_name() -> None:
    """The calls travel as queries, in one request."""
    portal = ScriptedPortal(answer({"me": {"ID": "1"}, "now": "2026"}))
    done = batch(portal, {"me": ("profile", {}), "now": ("server.time", {"A": {"b": [1, 2]}})})
    assert (done["me"], done["now"], len(done)) == ({"ID": "1"}, "2026", 2)
    assert str(portal.calls[0].url) == f"{PORTAL}/rest/batch"
    assert portal.bodies() == [
        {
            "halt": 0,
            "cmd": {"me": "profile", "now": "server.time?A%5Bb%5D%5B0%5D=1&A%5Bb%5D%5B1%5D=2"},
        }
    ]


def test_a_failure_does_not_hide_the_others() -> None:
    """It is raised only where its own name is asked for, as the error it would be alone."""
    refused = {"error": "insufficient_scope", "error_description": "no"}
    done = batch(ScriptedPortal(answer({"a": 1}, {"b": refused})), {"a": ("x", {}), "b": ("y", {})})
    assert (done.results, done.skipped) == ({"a": 1}, ())
    assert repr(done) == "BatchResult(1 results, 1 errors)"
    with pytest.raises(errors.AccessRefused, match="y: the portal answered insufficient_scope"):
        done["b"]
    with pytest.raises(KeyError):
        done["c"]


@pytest.mark.parametrize("error", ["BROKEN", {"error": "BROKEN"}])
def test_an_error_may_be_a_bare_code(error: Any) -> None:
    """Old portals write only that."""
    done = batch(ScriptedPortal(answer([], {"a": error})), {"a": ("x", {})})
    [found] = done.errors.values()
    assert isinstance(found, errors.ApiError)
    assert (found.code, found.method) == ("BROKEN", "x")


def test_names_that_php_takes_for_a_list_are_found() -> None:
    """A map numbered from 0 comes as a list, and an empty one too."""
    done = batch(ScriptedPortal(answer(["a", "b"])), {"0": ("x", {}), "1": ("y", {})})
    assert done.results == {"0": "a", "1": "b"}


def test_more_than_fifty_are_cut() -> None:
    """Into requests of at most fifty; every name comes back."""
    names = [f"n{number}" for number in range(120)]
    chunks = (names[:50], names[50:100], names[100:])
    portal = ScriptedPortal(*(answer({name: name.upper() for name in chunk}) for chunk in chunks))
    done = batch(portal, {name: ("profile", {}) for name in names})
    assert [list(body["cmd"]) for body in portal.bodies()] == list(map(list, chunks))
    assert done.results == {name: name.upper() for name in names}


def test_halt_ends_at_the_first_failure() -> None:
    """And tells what was not done, in this request and in the ones that were not sent."""
    names = [f"n{number}" for number in range(60)]
    portal = ScriptedPortal(answer({"n0": 1}, {"n1": {"error": "X"}}))
    done = batch(portal, {name: ("profile", {}) for name in names}, halt=True)
    assert (list(done.results), list(done.errors)) == (["n0"], ["n1"])
    assert list(done.skipped) == names[2:]
    assert [body["halt"] for body in portal.bodies()] == [1]
    assert "58 skipped" in repr(done)


def test_an_empty_batch_asks_nothing() -> None:
    """And brings nothing."""
    portal = ScriptedPortal()
    assert len(batch(portal, {})) == 0
    assert portal.calls == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("profile", "must be a method and its parameters"),
        (("profile", None), "a dict of parameters"),
        (("../x?auth=1", {}), "no REST method's name"),
        (("x", {"A": [float("nan")]}), r"params\['name'\]\['A'\]\[0\] is nan"),
    ],
)
def test_a_call_that_cannot_be_sent_is_refused_before_any(call: Any, message: str) -> None:
    """Even after fifty good ones."""
    portal = ScriptedPortal()
    good: dict[str, Any] = {f"n{number}": ("profile", {}) for number in range(50)}
    with pytest.raises(errors.SettingsError, match=message):
        batch(portal, good | {"name": call})
    assert portal.calls == []


def test_parameters_are_written_as_php_writes_them() -> None:
    """Brackets, 1 and 0 for True and False, nothing for nothing."""
    params = {"A": {"b": [True, None, "ü&="], "c": {}}, "D": False, "E": 1.5, "F": ("x",)}
    assert parse_qsl(as_query(params)) == [
        ("A[b][0]", "1"),
        ("A[b][2]", "ü&="),
        ("D", "0"),
        ("E", "1.5"),
        ("F[0]", "x"),
    ]
