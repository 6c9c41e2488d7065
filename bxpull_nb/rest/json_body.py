"""Read the JSON object in the body of an answer, also where a portal wrote more than that."""

import codecs
import html
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from bxpull_nb.masking import mask_foreign

__all__ = ["BodyProblem", "read_object"]

_log = logging.getLogger(__name__)
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_PAGE = re.compile(r"<(?:!doctype|html|head|body|form|script)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_START = re.compile(r"\{\s*\"")
_NAMES = {"result", "error", "access_token"}
"""An answer of a portal, or of its token server, has one of these."""
_TRIED = 20  # places where the object may begin
_SHOWN = 80  # characters of a body in a message


class BodyProblem(Exception):  # noqa: N818 - callers turn it into an error of the tree
    """The body holds no JSON object; the text describes it, short and masked."""


def read_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object in the body; raises BodyProblem.

    A byte order mark and a declared character set are heeded. Warnings that PHP printed around
    the object are left out, with a warning in the log.
    """
    content = response.content
    if not content.strip():
        raise BodyProblem(f"its body is empty{_no_content(response)}")
    text = _text(response)
    try:
        body = _value(text)
    except RecursionError:
        raise BodyProblem("its JSON is nested too deeply") from None
    except ValueError:
        body = _surrounded(text)
        if body is None:
            raise BodyProblem(f"it is {_kind(response)}, not JSON{_words(text)}") from None
        _log.warning("the portal wrote other text around its JSON; it was left out")
    if not isinstance(body, dict):
        raise BodyProblem(f"its JSON is not an object but {_json_kind(body)}")
    return body


def _value(text: str) -> Any:
    """Return the JSON value; a number without bounds costs only itself, as its field shows."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:  # such as 1e400
        value = json.loads(text)
        msgspec.json.encode(value)  # raises for half a character, which no table can hold
        return value


def _text(response: httpx.Response) -> str:
    """Return the body's text: by its byte order mark, as UTF-8, or by the declared charset."""
    content = response.content
    marked = next((name for bom, name in _BOMS.items() if content.startswith(bom)), None)
    for encoding in (marked, "utf-8", response.charset_encoding):
        try:
            if encoding is not None:
                return content.decode(encoding)
        except (LookupError, ValueError):
            continue
    raise BodyProblem(f"it is {_kind(response)}, but not in UTF-8, and declares no other charset")


def _surrounded(text: str) -> dict[str, Any] | None:
    """Return the answer that the text holds among PHP's warnings; None for none, or in a page.

    Raises BodyProblem for several answers that differ.
    """
    answers = [(around, body) for around, body in _objects(text) if _NAMES & body.keys()]
    if not answers or _PAGE.search(answers[0][0]):
        return None
    if any(body != answers[0][1] for _, body in answers):
        raise BodyProblem(f"it holds {len(answers)} different answers in one")
    return answers[0][1]


def _objects(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the first few objects in the text, none within another, and what is around each."""
    end = 0
    for _, found in zip(range(_TRIED), _START.finditer(text), strict=False):
        if found.start() < end:
            continue
        try:
            _, after = json.JSONDecoder().raw_decode(text, found.start())
            body = _value(text[found.start() : after])
        except (ValueError, RecursionError):
            continue
        end = after
        yield text[: found.start()] + text[end:], dict(body)


def _no_content(response: httpx.Response) -> str:
    return ", which is what 204 means" if response.status_code == httpx.codes.NO_CONTENT else ""


def _kind(response: httpx.Response) -> str:
    declared = response.headers.get("content-type", "").partition(";")[0].strip()
    return "an HTML page" if "html" in declared else mask_foreign(declared[:_SHOWN]) or "text"


def _words(text: str) -> str:
    """Return the title of a page, or the first words of a text, for a message."""
    title = _TITLE.search(text)
    bare = " ".join(html.unescape(_TAG.sub(" ", title[1] if title else text[:2000])).split())
    shown = mask_foreign(bare[: 2 * _SHOWN])[:_SHOWN]
    return f" ({shown!r})" if shown else ""


def _json_kind(body: Any) -> str:
    return {list: "a list", str: "a text", bool: "a flag"}.get(type(body), "a number or null")
