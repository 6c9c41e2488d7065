"""Lists in pages: one page of an answer, and the parameters of the following one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bxpull_nb.errors import SettingsError, UnexpectedAnswer
from bxpull_nb.masking import quoted
from bxpull_nb.models.fields import whole_number
from bxpull_nb.models.html import html_table
from bxpull_nb.rest.plain_values import plain_params

__all__ = ["Page", "first_page", "following_page", "page_params"]


@dataclass(frozen=True, repr=False)
class Page:
    """One page of a list: iterating gives its rows.

    The rows are the `result` if that is a list, or the only list in it, as in
    `{"items": [...]}`. Raises UnexpectedAnswer for a result without rows.
    """

    method: str
    result: Any
    """The `result` as the portal sent it."""
    next: int | None = None
    """The `start` of the next page; None for the last one."""
    total: int | None = None
    """The number of rows on all pages, if the portal counted them."""

    @property
    def rows(self) -> list[Any]:
        """The rows of this page."""
        if isinstance(self.result, list):
            return self.result
        values = self.result.values() if isinstance(self.result, Mapping) else ()
        lists = [value for value in values if isinstance(value, list)]
        if len(lists) == 1:
            return lists[0]
        raise UnexpectedAnswer(
            f"{self.method}: the result is {type(self.result).__name__} with {len(lists)} lists "
            f"in it, so it has no rows of its own. Read `page.result`.",
            method=self.method,
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Page({self.method}, next={self.next}, total={self.total})"

    def _repr_html_(self) -> str:
        facts = {"method": self.method, "next": str(self.next), "total": str(self.total)}
        return html_table(facts.items())


def page_params(params: object, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a list, given as a dict, by name, or both; SettingsError else."""
    if params is not None and not isinstance(params, Mapping):
        raise SettingsError(f"the parameters are {quoted(params)}: give a dict, or name them.")
    return {**(params or {}), **more}


def first_page(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the first page; raises SettingsError for a `start` below 0.

    With -1 the portal does not count, and names no next page.
    """
    name = _start_name(params)
    start = plain_params(method, {name: params.get(name, 0)})[name]
    number = whole_number(start)
    if number is None or number < 0:
        raise SettingsError(
            f"{method}: pages begin at a `start` of 0 or above. Leave it out to get all; for a "
            f"single page without counting use call()."
        )
    return {**params, name: number}


def following_page(page: Page, params: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of the page after this one; None after the last.

    Raises UnexpectedAnswer for a `next` that leads back: it would never end.
    """
    if page.next is None:
        return None
    name = _start_name(params)
    if page.next <= params[name]:
        raise UnexpectedAnswer(
            f"{page.method}: the page from {params[name]} on names {page.next} as the next one, "
            f"which leads back. Does this method read `start`?",
            method=page.method,
        )
    return {**params, name: page.next}


def _start_name(params: Mapping[str, Any]) -> str:
    """Return the name of `start` as the user wrote it; the portal ignores the case."""
    return next((name for name in params if str(name).lower() == "start"), "start")
