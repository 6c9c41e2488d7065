"""Batches: up to fifty calls in one request, more in several requests."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bxpull_nb.errors import ApiError, RestError, SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.html import html_table
from bxpull_nb.rest.params import as_query, checked_method
from bxpull_nb.rest.plain_values import plain_params
from bxpull_nb.rest.responses import api_error, mapping

__all__ = ["BatchResult", "Calls", "batch_requests", "read_batch"]

Calls = Mapping[str, tuple[str, Mapping[str, Any]]]
"""A name of your choice -> the method and its parameters."""

_MOST = 50  # calls in one request


@dataclass
class BatchResult:
    """Results and errors of a batch by name; `batch[name]` is one result."""

    results: dict[str, Any] = field(default_factory=dict)
    """The `result` of every call that succeeded."""
    errors: dict[str, RestError] = field(default_factory=dict)
    """The error of every call that failed; one failure does not hide the others."""
    skipped: tuple[str, ...] = ()
    """The calls that `halt=True` left out after a failure."""

    def __getitem__(self, name: str) -> Any:
        """Return the result of that name; raises the call's own error, or KeyError."""
        if name in self.errors:
            raise self.errors[name]
        return self.results[name]

    def __len__(self) -> int:
        return len(self.results) + len(self.errors) + len(self.skipped)

    def __repr__(self) -> str:
        counts = f"{len(self.results)} results, {len(self.errors)} errors"
        return f"BatchResult({counts}{f', {len(self.skipped)} skipped' if self.skipped else ''})"

    def _repr_html_(self) -> str:
        rows = {name: f"a {type(value).__name__}" for name, value in self.results.items()}
        rows |= {name: str(error) for name, error in self.errors.items()}
        rows |= dict.fromkeys(self.skipped, "skipped")
        return f"<div>{self!r}</div>{html_table(rows.items())}"


def batch_requests(calls: Calls, *, halt: bool) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Yield for each request the methods by name, and the parameters of `batch`.

    Raises SettingsError for a call that is not (method, params), or cannot be sent.
    """
    if not isinstance(calls, Mapping):
        raise SettingsError(f'{quoted(calls)} is no batch: write {{"name": ("method", {{}})}}.')
    commands = {name: _command(name, call) for name, call in calls.items()}
    names = iter(commands)
    while chunk := list(islice(names, _MOST)):
        methods = {name: calls[name][0] for name in chunk}
        yield methods, {"halt": int(halt), "cmd": {name: commands[name] for name in chunk}}


def read_batch(
    methods: Mapping[str, str], result: Any, mask_secrets: Callable[[str], str], into: BatchResult
) -> None:
    """Sort one answer of `batch` into results and errors; a call in neither was skipped."""
    answer = mapping(result)
    results, errors = mapping(answer.get("result")), mapping(answer.get("result_error"))
    for name, method in methods.items():
        if errors.get(name):
            into.errors[name] = _error(method, errors[name], mask_secrets)
        elif name in results:
            into.results[name] = results[name]
        else:
            into.skipped += (name,)


def _command(name: str, call: tuple[str, Mapping[str, Any]]) -> str:
    try:
        method, params = call
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(
            f"batch: {quoted(name)} must be a method and its parameters, like ('user.get', "
            f"{{'ID': 1}})."
        ) from None
    if not isinstance(name, str) or not isinstance(params, Mapping):
        raise SettingsError(
            f"batch: {quoted(name)}: give a text as the name, and a dict of parameters."
        )
    query = as_query(plain_params(checked_method(method), {name: params})[name])
    return f"{method}?{query}" if query else method


def _error(method: str, error: Any, mask_secrets: Callable[[str], str]) -> ApiError:
    body = error if isinstance(error, Mapping) and "error" in error else {"error": str(error)}
    return api_error(method, body, mask_secrets)
