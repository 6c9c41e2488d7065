"""Parse the portal's answers.

The body is read before the status, because a portal may send an error with HTTP 200.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bxpull_nb.errors import ApiError, UnexpectedAnswer
from bxpull_nb.masking import mask_text, one_line
from bxpull_nb.models.fields import number_of, whole_number
from bxpull_nb.rest.error_codes import code_of
from bxpull_nb.rest.json_body import BodyProblem, read_object

__all__ = ["RestAnswer", "api_error", "mapping", "not_rest", "read_answer"]

_SERVER_TROUBLES = 500
_LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class RestAnswer:
    """A REST answer: a result, or an error."""

    result: Any
    error: ApiError | None
    portal_time: datetime | None
    """The portal's clock (UTC), if the answer holds it."""
    reset_at: float | None
    """Unix second at which the method's operating time starts again from zero."""
    next: int | None = None
    """The `start` of a list's next page; None for the last one."""
    total: int | None = None
    """The number of all items of a list, if the portal counted them."""


def read_answer(
    method: str, response: httpx.Response, mask_secrets: Callable[[str], str]
) -> RestAnswer:
    """Return the answer, typed; `mask_secrets` masks secrets in the portal's words.

    Raises UnexpectedAnswer for anything but REST JSON.
    """
    try:
        body = read_object(response)
    except BodyProblem as problem:
        raise not_rest(method, response, str(problem)) from None
    times = mapping(body.get("time"))
    reset = times.get("operating_reset_at")
    error = None
    if body.get("error") or ("error" in body and "result" not in body):
        error = api_error(method, body, mask_secrets, status=response.status_code)
    elif "result" not in body:
        raise not_rest(method, response, "its JSON has neither 'result' nor 'error'")
    return RestAnswer(
        result=body.get("result"),
        error=error,
        portal_time=_portal_time(times, response),
        reset_at=_second(reset),
        next=_next(method, response, body.get("next")),
        total=_number(body.get("total")),
    )


def api_error(
    method: str,
    body: Mapping[str, Any],
    mask_secrets: Callable[[str], str],
    *,
    status: int | None = None,
) -> ApiError:
    """Return the error of our tree that fits `error` and `error_description`."""
    code, text = (mask_text(mask_secrets(words)) for words in _code_and_words(body))
    known = code_of(code)
    return known.error(
        f"{method}: the portal answered {one_line(code)} ({one_line(text)}). {known.advice}",
        method=method,
        code=code,
        description=text,
        status=status,
    )


def _code_and_words(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return code and description; newer methods have both in one object."""
    error, words = body["error"], body.get("error_description")
    if isinstance(error, Mapping):
        words = error.get("error_description") or error.get("message") or words
        error = error.get("code") or error.get("error")
    return str(error or "an error without a code"), str(words or "no description")


def not_rest(method: str, response: httpx.Response, problem: str) -> UnexpectedAnswer:
    """Return the error for an answer that is no REST answer; `problem` describes it."""
    server = f"{response.url.scheme}://{response.url.netloc.decode()}"
    todo = f"Is {server} a Bitrix24 portal, and no login page or proxy in between?"
    if response.status_code >= _SERVER_TROUBLES:
        todo = f"{server}, or a proxy before it, has troubles of its own: try again later."
    return UnexpectedAnswer(
        f"{method}: an answer came (HTTP {response.status_code}), but {problem}. {todo}",
        method=method,
        status=response.status_code,
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` as a map; PHP writes an empty or numbered one as a list."""
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, Mapping) else {}


def _portal_time(times: Mapping[str, Any], response: httpx.Response) -> datetime | None:
    """Return the portal's clock: `time.finish` to the microsecond, else the Date header.

    A time that no portal can have is passed over: channels would seem to have ended.
    """
    finish = _second(times.get("finish"))
    if finish is not None:
        return datetime.fromtimestamp(finish, UTC)
    try:
        date = parsedate_to_datetime(response.headers["date"])
        second = _second(date.timestamp())
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return None if second is None else datetime.fromtimestamp(second, UTC)


def _next(method: str, response: httpx.Response, value: Any) -> int | None:
    """Return the start of the next page; UnexpectedAnswer for one that would end a list early."""
    number = _number(value)
    if number is None and value not in (None, False, ""):
        raise not_rest(method, response, "the start of its next page ('next') is no number")
    return number


def _number(value: Any) -> int | None:
    """Return a number from 0 on, which may come as text."""
    number = whole_number(value)
    return number if number is not None and number >= 0 else None


def _second(value: Any) -> float | None:
    """Return the Unix second if it is one between the years 1970 and 2200; it may be text."""
    if isinstance(value, str):
        value = number_of(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < _LATEST else None
