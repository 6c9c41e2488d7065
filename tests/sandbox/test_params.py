"""Request parameters in every format."""

from typing import Any

import httpx
import pytest

from bxpull_nb.sandbox.rest.params import body_params, query_params


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("", {}),
        ("COMMAND=a&EMPTY=", {"COMMAND": "a", "EMPTY": ""}),
        ("PARAMS[a][b]=1&PARAMS[a][c]=2", {"PARAMS": {"a": {"b": "1", "c": "2"}}}),
        ("PARAMS%5Bt%5D=%D0%9F%D1%80%D0%B8+%F0%9F%8C%8D", {"PARAMS": {"t": "При 🌍"}}),
        ("U[]=1&U[]=2", {"U": ["1", "2"]}),
        ("U[0]=a&U[1]=b", {"U": ["a", "b"]}),
        ("U[1]=a&U[2]=b", {"U": {"1": "a", "2": "b"}}),
        ("U[][n]=1&U[][n]=2", {"U": [{"n": "1"}, {"n": "2"}]}),
        ("a=1&a=2", {"a": "2"}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("[x]=1&b=2", {"b": "2"}),
        ("a[b=1", {"a_b": "1"}),
        ("a.b=1&a b[c.d]=2&+e=3", {"a_b": {"c.d": "2"}, "e": "3"}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("&&", {}),
        ("d" + "[x]" * 64 + "=1&e=2", {"e": "2"}),
    ],
)
def test_php_brackets_nest(query: str, params: dict[str, Any]) -> None:
    """Names with brackets become maps, and lists where the keys are numbered."""
    assert query_params(query) == params


def test_only_a_thousand_fields_are_read() -> None:
    """A form of a hundred thousand fields must not hold the server up."""
    assert len(query_params("U[]=1&" * 100_000)["U"]) == 1000


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (b'{"PARAMS":{"n":1,"deep":[{"x":null}]}}', {"PARAMS": {"n": 1, "deep": [{"x": None}]}}),
        (b'{"PARAMS":{}}', {"PARAMS": []}),
        (b'{"PARAMS":{"m":{}}}', {"PARAMS": {"m": []}}),
        (b'{"PARAMS":{"0":"a","1":"b"}}', {"PARAMS": ["a", "b"]}),
        (b'{"COMMAND":', {}),
        (b"[1,2]", {}),
        (b'"text"', {}),
        (b"\xff", {}),
        (b'{"a":' * 100_000, {}),
    ],
)
def test_json_bodies_are_read_as_php_reads_them(body: bytes, params: dict[str, Any]) -> None:
    """An empty map is a list; JSON that is not an object gives no parameters."""
    assert body_params(body, "application/json; charset=utf-8") == params


def test_a_multipart_form_is_read() -> None:
    """Fields keep their text; files are left out."""
    form = httpx.Request(
        "POST",
        "http://x",
        data={"COMMAND": "a", "PARAMS[имя]": "Привет\r\nжизнь", "PARAMS[e]": ""},
        files={"file": ("x.txt", b"content")},
    )
    assert body_params(form.read(), form.headers["Content-Type"]) == {
        "COMMAND": "a",
        "PARAMS": {"имя": "Привет\r\nжизнь", "e": ""},
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=x",
        'multipart/form-data; boundary="',
        "text/plain",
        "",
        ";",
    ],
)
def test_an_unreadable_body_is_no_parameters(content_type: str) -> None:
    """An unknown content type or a broken form is not an error."""
    assert body_params(b"--y\r\nnonsense \xff\r\n", content_type) == {}
