"""Lists in pages: all rows, what leads on, and what never would end."""

import asyncio
from typing import Any

import pytest

from bxpull_nb import errors
from bxpull_nb.portal import Portal
from bxpull_nb.rest import Page, RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.scripted_portal import PORTAL, ScriptedPortal


@pytest.fixture
def quick(sandbox: Sandbox) -> Portal:
    """A portal without a limit: 25 pages would take some seconds."""
    return Portal(AccessToken(sandbox.url, sandbox.token), limit=None)


def paged(portal: ScriptedPortal, method: str, params: dict[str, Any]) -> list[Page]:
    """All pages, by the async client."""

    async def main() -> list[Page]:
        async with portal.http() as http:
            client = RestClient(AccessToken(PORTAL, portal.access), http=http, limit=None)
            return [page async for page in client.pages(method, params)]

    return asyncio.run(main())


def test_all_rows_come_once(quick: Portal) -> None:
    """More than a thousand deals, where one call gives fifty of them."""
    with quick:
        assert len(quick.call("crm.deal.list")) == 50
        pages = list(quick.pages("crm.deal.list"))
    assert [int(row["ID"]) for page in pages for row in page] == list(range(1, 1235))
    assert [len(page) for page in pages] == [50] * 24 + [34]
    assert {page.total for page in pages} == {1234}
    assert [page.next for page in pages] == [*range(50, 1250, 50), None]


def test_parameters_hold_for_every_page(quick: Portal) -> None:
    """Filter, order and select; as a dict, by name, or both."""
    wanted = {"filter": {"<=ID": 120}, "order": {"ID": "DESC"}}
    with quick:
        rows = [row for page in quick.pages("crm.deal.list", wanted, select=["ID"]) for row in page]
    assert rows == [{"ID": str(number)} for number in range(120, 0, -1)]


@pytest.mark.parametrize("name", ["start", "START", "Start"])
def test_a_start_begins_later(quick: Portal, name: str) -> None:
    """In any case of its letters, as on the portal, and as text too."""
    with quick:
        pages = list(quick.pages("crm.deal.list", {name: "1150"}))
    assert [page.rows[0]["ID"] for page in pages] == ["1151", "1201"]


def test_one_page_with_the_way_on(quick: Portal) -> None:
    """`result` is what `call` gives."""
    with quick:
        page = quick.call_page("crm.deal.list", start=1200)
        assert page.result == quick.call("crm.deal.list", start=1200)
        assert (len(page), page.next, page.total) == (34, None, 1234)
        assert repr(page) == "Page(crm.deal.list, next=None, total=1234)"
        assert "1234" in page._repr_html_()
        assert quick.call_page("crm.deal.list", {"start": -1}).total is None


def test_pages_are_asked_for_one_by_one() -> None:
    """Each with the `next` of the one before, which may be text."""
    portal = ScriptedPortal(
        {"result": [1, 2], "next": "50", "total": "3"}, {"result": [3], "total": 3}
    )
    pages = paged(portal, "user.get", {"FILTER": {"ACTIVE": True}})
    assert [list(page) for page in pages] == [[1, 2], [3]]
    assert (pages[0].next, pages[0].total) == (50, 3)
    assert [body["start"] for body in portal.bodies()] == [0, 50]
    assert all(body["FILTER"] == {"ACTIVE": True} for body in portal.bodies())


def test_rows_may_lie_in_a_map() -> None:
    """As those of `crm.item.list` and `tasks.task.list`."""
    portal = ScriptedPortal({"result": {"items": [1, 2]}, "next": 50}, {"result": {"items": [3]}})
    assert [row for page in paged(portal, "crm.item.list", {}) for row in page] == [1, 2, 3]


@pytest.mark.parametrize("result", [{"a": [1], "b": [2]}, {"a": 1}, True, None])
def test_a_result_without_rows_is_an_error_of_the_rows(result: Any) -> None:
    """The result itself can be read."""
    [page] = paged(ScriptedPortal({"result": result}), "app.info", {})
    assert page.result == result
    with pytest.raises(errors.UnexpectedAnswer, match=r"app\.info: the result is .* no rows"):
        list(page)


@pytest.mark.parametrize("following", [0, 50])
def test_a_next_that_leads_back_ends_it(following: int) -> None:
    """It would never end."""
    portal = ScriptedPortal({"result": [1], "next": 50}, {"result": [1], "next": following})
    with pytest.raises(errors.UnexpectedAnswer, match="leads back"):
        paged(portal, "user.get", {})
    assert len(portal.calls) == 2


@pytest.mark.parametrize("start", [-1, "-1", "x", None, [1], 1.5, True, 10**400])
def test_pages_begin_at_a_number(quick: Portal, start: Any) -> None:
    """The portal names no next page for -1, so all but fifty rows would be missing."""
    with quick, pytest.raises(errors.SettingsError, match="`start` of 0 or above"):
        quick.pages("crm.deal.list", start=start)
