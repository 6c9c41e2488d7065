"""Reading fields of the portal's answers, in all their spellings."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bxpull_nb.errors import MissingField

__all__ = ["mapping_of", "missing_field", "time_of", "whole_number"]

_METHOD = "pull.application.config.get"


def whole_number(value: Any) -> int | None:
    """Return the number, which may be written as text; None for another value."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return the mapping; PHP may write `[]` for an empty one, `false` for none."""
    return value if isinstance(value, Mapping) else {}


def time_of(value: Any, field: str) -> datetime:
    """Return the time in UTC, from ISO 8601 or Unix seconds; raises MissingField."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise missing_field(field, f"is {value!r}, which is not a time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def missing_field(field: str, what: str = "is missing") -> MissingField:
    """Return the error that names the field and what to do."""
    return MissingField(
        f"{_METHOD}: the portal's answer came, but its field '{field}' {what}. "
        f"Ask again with fetch_config(portal, cache=False); if it stays so, the portal's pull "
        f"module needs its administrator.",
        method=_METHOD,
        field=field,
    )
