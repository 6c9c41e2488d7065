"""Answers in the wild: marks, other charsets, PHP's warnings, and bodies that are none."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from bxpull_nb.errors import ApiError, PortalUnreachable, UnexpectedAnswer
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken, request_tokens
from bxpull_nb.rest.json_body import BodyProblem, read_object
from bxpull_nb.rest.responses import read_answer

TOKEN = "0123456789abcdef0123456789abcdef"
NAME = "Иван"
BODY = json.dumps({"result": NAME}, ensure_ascii=False)
PHP = "<br />\n<b>Warning</b>:  Undefined variable ${x} in <b>/home/b/a.php</b> on line "
"<b>3</b><br />\n"
GRANT = {"grant_type": "refresh_token", "client_secret": "a-secret-0123456789"}


def response(
    content: bytes, kind: str | None = "application/json", status: int = 200
) -> httpx.Response:
    """Return an answer with that body."""
    headers = {} if kind is None else {"Content-Type": kind}
    request = httpx.Request("POST", "https://acme.example/rest/profile")
    return httpx.Response(status, content=content, headers=headers, request=request)


def asked(answer: httpx.Response) -> Any:
    """Return the result of a call that gets that answer."""

    async def main() -> Any:
        transport = httpx.MockTransport(lambda _: answer)
        async with httpx.AsyncClient(transport=transport) as http:
            client = RestClient(AccessToken("https://acme.example", TOKEN), http=http)
            return await client.call("profile")

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xef\xbb\xbf" + BODY.encode(), "application/json"),
        (b"\xef\xbb\xbf" * 3 + BODY.encode(), "application/json"),
        (BODY.encode("utf-16"), "application/json"),
        (BODY.encode("cp1251"), "application/json; charset=windows-1251"),
        (BODY.encode("koi8-r"), "text/html; charset=KOI8-R"),
        (BODY.encode(), "application/json; charset=windows-1251"),
        (BODY.encode(), "application/json; charset=nonsense"),
        (BODY.encode(), None),
        (PHP.encode() + BODY.encode(), "text/html; charset=UTF-8"),
        (BODY.encode() + PHP.encode(), "text/html"),
        (PHP.encode() * 3 + BODY.encode() + PHP.encode(), "text/html"),
        (b'PHP Notice:  {"a": 1} in x.php\n' + BODY.encode(), "text/html"),
        ((PHP + BODY).encode("cp1251"), "text/html; charset=windows-1251"),
        (b"\n\n" + BODY.encode() + b"\n", "application/json"),
    ],
)
def test_an_answer_is_read_where_it_is_certain(content: bytes, kind: str | None) -> None:
    """The name is the same in each."""
    assert asked(response(content, kind)) == NAME


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", None, 204, r"its body is empty, which is what 204 means"),
        (b"", "application/json", 200, r"its body is empty\b"),
        (b" \n", "text/html", 200, r"its body is empty\b"),
        (
            b"<html><title>Sign &amp; in</title>x",
            "text/html",
            200,
            r"an HTML page, not JSON "
            ".'Sign & in'",
        ),
        (b"bad gateway", "text/plain", 502, r"text/plain, not JSON .'bad gateway'"),
        (b"nothing", None, 200, r"it is text, not JSON .'nothing'"),
        (BODY.encode("cp1251"), "application/json", 200, r"not in UTF-8, and declares no other"),
        (b'"text"', "application/json", 200, r"not an object but a text"),
        (b"[1]", "application/json", 200, r"not an object but a list"),
        (b"null", "application/json", 200, r"not an object but a number or null"),
        (b'<html><script>x = {"result": 1}</script>', "text/html", 200, r"an HTML page"),
        (b'Fatal: {"other": 1}', "text/html", 200, r"an HTML page"),
        (b'{"result": 1', "application/json", 200, r"application/json, not JSON"),
        (b"[" * 100_000, "application/json", 200, r"nested too deeply"),
    ],
)
def test_another_answer_is_described(
    content: bytes, kind: str | None, status: int, words: str
) -> None:
    """By its kind and its first words."""
    with pytest.raises(UnexpectedAnswer, match=words) as caught:
        asked(response(content, kind, status))
    assert len(str(caught.value)) < 400


def test_the_words_of_another_answer_are_masked_and_bounded() -> None:
    """A page may repeat what was sent."""
    text = f"no such page: https://acme.example/rest/1/{TOKEN}/profile {TOKEN} " + "x" * 10_000
    with pytest.raises(UnexpectedAnswer) as caught:
        asked(response(text.encode(), "text/plain"))
    assert TOKEN not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_words_around_the_answer_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Without their text: it may hold anything."""
    caplog.set_level(logging.WARNING)
    assert read_object(response((PHP + BODY).encode(), "text/html")) == {"result": NAME}
    assert [record.getMessage() for record in caplog.records] == [
        "the portal wrote other text around its JSON; it was left out"
    ]


def test_numbers_may_be_texts() -> None:
    """The portal's clock, and the time at which a method's limit ends."""
    times = {"finish": "1767225605.5", "operating_reset_at": "1767226000"}
    body = json.dumps({"result": 1, "time": times}).encode()
    answer = read_answer("profile", response(body), str)
    assert answer.portal_time is not None
    assert answer.portal_time.timestamp() == 1767225605.5
    assert answer.reset_at == 1767226000.0


@pytest.mark.parametrize("empty", ["", None, False, []])
def test_an_empty_error_with_a_result_is_none(empty: Any) -> None:
    """The result is there."""
    assert asked(response(json.dumps({"error": empty, "result": 7}).encode())) == 7


def test_the_token_server_s_answers_are_read_alike() -> None:
    """They come from the same program."""

    def pair(answer: httpx.Response) -> Any:
        async def main() -> Any:
            async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
                return await request_tokens(http, "https://oauth.example/token/", GRANT)

        return asyncio.run(main())

    tokens = json.dumps({"access_token": "a" * 20, "refresh_token": "r" * 20, "user_id": "7"})
    read = pair(response(b"\xef\xbb\xbf" + PHP.encode() + tokens.encode(), "text/html"))
    assert (read.access_token, read.refresh_token, read.user_id) == ("a" * 20, "r" * 20, 7)
    with pytest.raises(UnexpectedAnswer, match="not with the JSON of a token server: its body is"):
        pair(response(b"", None, 204))


def test_a_library_s_words_are_masked_in_every_link_of_the_chain() -> None:
    """A protocol error of the HTTP library quotes the header it refused."""

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            raise ValueError(f"Illegal header value b'Bearer {TOKEN}'")
        except ValueError as exc:
            raise httpx.LocalProtocolError(str(exc), request=request) from exc

    auth = AccessToken("https://acme.example", "other-token-0000000")

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            client = RestClient(auth, http=http)
            await client.call("profile")

    with pytest.raises(PortalUnreachable) as caught:
        asyncio.run(main())
    link: BaseException | None = caught.value
    while link is not None:
        assert TOKEN not in f"{link!r} {link}"
        link = link.__cause__ or link.__context__


def test_a_body_problem_is_no_error_of_a_user() -> None:
    """Callers turn it into one."""
    with pytest.raises(BodyProblem, match="its body is empty"):
        read_object(response(b""))


@pytest.mark.parametrize("number", ["1e400", "-1e309", "9" * 400, "1" + "0" * 4_000])
def test_a_number_without_bounds_costs_only_its_field(number: str) -> None:
    """The error about it can name the field; other fields are read."""
    found = read_object(response(b'{"result":{"exp":%s,"a":1}}' % number.encode()))
    assert found["result"]["a"] == 1
    assert abs(found["result"]["exp"]) > 1e300


@pytest.mark.parametrize(
    "body", ['{"result":%s}' % ("9" * 5_000), '{"result":1e400,"b":"\\ud800"}', '{"result":NaN}']
)
def test_a_body_that_cannot_be_held_is_no_answer(body: str) -> None:
    """The error is ours."""
    with pytest.raises(BodyProblem):
        read_object(response(body.encode()))


@pytest.mark.parametrize(
    "text",
    [
        f'<b>Notice</b>: {{"result": 5}} in x.php\n{BODY}',
        f'{BODY}{{"result": 2}}',
        f'{{"error": "x"}} {BODY}',
    ],
)
def test_different_answers_in_one_are_no_answer(text: str) -> None:
    """One of them would be the wrong value."""
    with pytest.raises(UnexpectedAnswer, match="holds 2 different answers in one"):
        asked(response(text.encode(), "text/html"))


def test_an_object_within_another_is_no_answer() -> None:
    """PHP may print a part of its own state around the answer."""
    state = 'Array ( [x] => {"y": {"result": 5}} )'
    assert asked(response(f"{state}{BODY}{state}".encode())) == NAME
    assert asked(response(f"{BODY}\n{BODY}".encode())) == NAME
    with pytest.raises(UnexpectedAnswer, match="not JSON"):
        asked(response(state.encode()))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ({"code": "NOT_FOUND", "message": "no such deal"}, "NOT_FOUND", "no such deal"),
        ({"error": "NOT_FOUND", "error_description": "none"}, "NOT_FOUND", "none"),
        ({}, "an error without a code", "no description"),
        (404, "404", "no description"),
    ],
)
def test_an_error_may_be_an_object(error: Any, code: str, words: str) -> None:
    """As newer methods write it."""
    with pytest.raises(ApiError) as caught:
        asked(response(json.dumps({"error": error}).encode(), status=400))
    assert (caught.value.code, caught.value.description) == (code, words)
    assert f"the portal answered {code} ({words})" in str(caught.value)


def test_the_words_of_an_error_are_one_short_line() -> None:
    """They go to a terminal and into logs; the description holds all of them."""
    words = "bad\x1b[31m\n line " + "y" * 9000
    body = json.dumps({"error": "X\nY", "error_description": words})
    with pytest.raises(ApiError) as caught:
        asked(response(body.encode()))
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 700
    assert "answered X Y (bad" in text
    assert caught.value.description == words


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_with_troubles_is_not_taken_for_another_address(status: int) -> None:
    """The next step is to wait."""
    page = b"<html><title>Bad Gateway</title></html>"
    with pytest.raises(UnexpectedAnswer, match="troubles of its own: try again later"):
        asked(response(page, "text/html", status))


@pytest.mark.parametrize(
    ("written", "number"),
    [("50", 50), (50.0, 50), ("50.0", 50), (" 50\n", 50), (False, None), ("", None)],
)
def test_the_next_page_is_a_number_in_any_form(written: Any, number: int | None) -> None:
    """As its total is."""
    body = json.dumps({"result": [], "next": written, "total": written})
    answer = read_answer("user.get", response(body.encode()), str)
    assert (answer.next, answer.total) == (number, number)


@pytest.mark.parametrize("written", ["x", -1, [50], {"a": 1}, True, 10**20])
def test_a_next_page_that_is_no_number_does_not_end_a_list(written: Any) -> None:
    """All rows after it would be missing without a word."""
    body = json.dumps({"result": [], "next": written})
    with pytest.raises(UnexpectedAnswer, match="'next'"):
        asked(response(body.encode()))
