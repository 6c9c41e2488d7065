"""Read fields of the portal's answers, whatever spelling they came in."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bxpull_nb.errors import MissingField
from bxpull_nb.masking import mask_text, quoted

__all__ = [
    "address_of",
    "mapping_of",
    "missing_field",
    "number_of",
    "second_of",
    "text_of",
    "time_of",
    "whole_number",
]

_METHOD = "pull.application.config.get"
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,18})(?:\.0*)?\s*")
_FRACTION = re.compile(r"\s*[+-]?[0-9]{1,18}(?:\.[0-9]{0,9})?\s*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PLACEHOLDER = re.compile(r"#[A-Z_]{2,20}#", re.IGNORECASE)
_TOO_LARGE = 10**18
_YEARS = range(2000, 2200)
_LONGEST = 4096  # characters of a text


def whole_number(value: Any) -> int | None:
    """Return the number, which may be written as text ("4.0" is 4); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int):
        return value if abs(value) < _TOO_LARGE else None
    found = _NUMBER.fullmatch(str(value))
    return int(found[1]) if found else None


def mapping_of(value: Any, field: str | None = None) -> Mapping[str, Any]:
    """Return the map, or an empty one where PHP wrote `[]`, or `false` for none.

    Raises MissingField for anything else if `field` is given.
    """
    if field is not None and value and not isinstance(value, Mapping):
        raise missing_field(field, f"is a {_kind(value)}, not an object")
    return value if isinstance(value, Mapping) else {}


def text_of(value: Any, field: str) -> str:
    """Return an id, a token or a name; raises MissingField for anything else.

    The error shows no value: it may be a secret.
    """
    if not isinstance(value, str):
        raise missing_field(field, f"is a {_kind(value)}, not a text")
    if not value.isprintable() or " " in value:
        raise missing_field(field, "holds spaces, or characters that cannot be printed")
    if len(value) > _LONGEST:
        raise missing_field(field, f"has {len(value):,} characters; {_LONGEST:,} are read")
    return value


def address_of(value: Any, field: str, schemes: tuple[str, ...]) -> str:
    """Return the address with one of these schemes; raises MissingField for anything else."""
    text = text_of(value, field)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        is_address = _is_host(host) and port != 0 and "#" not in text
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in schemes:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        left = _PLACEHOLDER.search(text)
        what = f"still has the placeholder {left[0]}" if left else f"is {_shown(text)}"
        raise missing_field(field, f"{what}, not an address with {wanted} and a host")
    return text


def second_of(value: Any, field: str) -> int:
    """Return the Unix second; raises MissingField for anything else."""
    second = whole_number(value)
    if second is None:
        raise missing_field(field, f"is {_shown(value)}, which is not a Unix second")
    return int(time_of(second, field).timestamp())


def time_of(value: Any, field: str) -> datetime:
    """Return the moment in UTC, from ISO 8601 or Unix seconds.

    Raises MissingField for anything else, and for a year before 2000 or after 2199.
    """
    try:
        number = number_of(value) if isinstance(value, str) else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            moment = datetime.fromtimestamp(number, UTC)
        else:
            moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise missing_field(field, f"is {_shown(value)}, which is not a time") from None
    if moment.year not in _YEARS:
        raise missing_field(field, f"is {_shown(value)}, a time in the year {moment.year}")
    return moment


def number_of(text: str) -> float | None:
    """Return the number that the text is; None for another text."""
    return float(text) if _FRACTION.fullmatch(text) else None


def missing_field(field: str, what: str = "is missing") -> MissingField:
    """Return the error that names the field, and what to do about it."""
    field = mask_text(field)[:80]
    return MissingField(
        f"{_METHOD}: the portal's answer came, but its field '{field}' {what}. "
        f"Ask again with fetch_config(portal, cache=False); if it stays so, the portal's pull "
        f"module needs its administrator.",
        method=_METHOD,
        field=field,
    )


def _is_host(host: str) -> bool:
    """Whether a connection can be tried: no empty or overlong label, which Python refuses."""
    if not host.isascii():
        host = host.encode("idna").decode()
    labels = host.removesuffix(".").split(".")
    return bool(_HOST.fullmatch(host)) and all(0 < len(label) < 64 for label in labels)


def _kind(value: Any) -> str:
    kinds = {"dict": "map", "bool": "flag", "int": "number", "float": "number", "str": "text"}
    return kinds.get(type(value).__name__, type(value).__name__)


def _shown(value: Any) -> str:
    """Return the value for a message, short and without secrets."""
    return f"a {_kind(value)}" if isinstance(value, bool) else quoted(value)
