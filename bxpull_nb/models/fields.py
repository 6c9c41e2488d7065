"""Fields of the portal's answers, whatever spelling they came in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bxpull_nb.errors import MissingField

__all__ = ["mapping_of", "missing_field", "time_of", "whole_number"]

_METHOD = "pull.application.config.get"


def whole_number(value: Any) -> int | None:
    """The number, which may be written as text; None for what is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value, or nothing where PHP wrote an empty map as `[]` or left it out as `false`."""
    return value if isinstance(value, Mapping) else {}


def time_of(value: Any, field: str) -> datetime:
    """The moment in UTC, from ISO 8601 or Unix seconds; raises MissingField for anything else."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise missing_field(field, f"is {value!r}, which is not a time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def missing_field(field: str, what: str = "is missing") -> MissingField:
    """The error that names the field, and what to do about it."""
    return MissingField(
        f"{_METHOD}: the portal's answer came, but its field '{field}' {what}. "
        f"Ask again with fetch_config(portal, cache=False); if it stays so, the portal's pull "
        f"module needs its administrator.",
        method=_METHOD,
        field=field,
    )
