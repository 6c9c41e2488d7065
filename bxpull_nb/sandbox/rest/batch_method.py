"""The method `batch`: many calls in one request (protocol 1.1)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import BASIC, Call, Method, Methods
from bxpull_nb.sandbox.rest.params import php_array, query_params

__all__ = ["LONGEST_BATCH", "BatchMethod"]

LONGEST_BATCH = 50
_PARTS = {
    "result": "result",
    "error": "result_error",
    "total": "result_total",
    "next": "result_next",
    "time": "result_time",
}
_TOO_LONG = RestRefusal("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
_NESTED = RestRefusal("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
_REFERENCE = re.compile(r"\$result((?:\[[^\[\]]+\])+)")
_KEY = re.compile(r"\[([^\[\]]+)\]")


class BatchMethod:
    """Runs a batch: `cmd` maps names to `METHOD?query`, the answers have the same names.

    `strict` refuses a whole batch that is too long or contains another one, as in the guide;
    otherwise only the commands at fault are refused, as portals do.
    """

    def __init__(self, methods: Methods, *, strict: bool) -> None:
        self._methods = methods
        self._strict = strict

    def table(self) -> dict[str, Method]:
        """Return the method by its name; each of its commands is checked for its own scope."""
        return {"batch": Method(BASIC, self._run)}

    def _run(self, call: Call) -> dict[str, Any]:
        params = call.upper
        commands = list(_commands(params.get("CMD")))
        if self._strict:
            self._refuse_whole(commands)
        answers: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
        for number, (name, command) in enumerate(commands):
            answer = self._answer(number, command, call, answers["result"])
            for part, value in answer.items():
                answers[part][name] = value
            if "error" in answer and _is_true(params.get("HALT")):
                break
        return {name: php_array(answers[part]) for part, name in _PARTS.items()}

    def _answer(
        self, number: int, command: str, call: Call, results: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the command's `result` or `error`, by the names of _PARTS."""
        method, _, query = command.strip().partition("?")
        try:
            if number >= LONGEST_BATCH:
                raise _TOO_LONG
            if _is_batch(method):
                raise _NESTED
            params = {**_connector(call), **_resolved(query_params(query), results)}
            return self._methods.answer(method, Call(call.caller, params, call.pending_events))
        except RestRefusal as exc:
            return {"error": exc.answer()}

    def _refuse_whole(self, commands: list[tuple[str, str]]) -> None:
        if len(commands) > LONGEST_BATCH:
            raise _TOO_LONG
        if any(_is_batch(command.strip().partition("?")[0]) for _, command in commands):
            raise _NESTED


def _connector(call: Call) -> dict[str, str]:
    """Return the batch's `auth_connector`, which its commands have too."""
    return {"auth_connector": call.connector} if call.connector else {}


def _commands(cmd: Any) -> Iterator[tuple[str, str]]:
    """Yield name and text of every command; other values are skipped."""
    listed = enumerate(cmd) if isinstance(cmd, list) else ()
    for name, command in cmd.items() if isinstance(cmd, Mapping) else listed:
        if isinstance(command, str):
            yield str(name), command


def _is_batch(method: str) -> bool:
    return method.lower() == "batch"


def _is_true(value: Any) -> bool:
    return bool(value) and value != "0"  # as in PHP, where the text "false" is true


def _resolved(value: Any, results: dict[str, Any]) -> Any:
    """Return the parameters with every `$result[name][key]` replaced by that result."""
    if isinstance(value, dict):
        return {key: _resolved(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, results) for item in value]
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _looked_up(whole[1], results)
    return _REFERENCE.sub(lambda found: str(_looked_up(found[1], results)), value)


def _looked_up(keys: str, results: Any) -> Any:
    """Return the value at these keys, or the empty text."""
    for key in _KEY.findall(keys):
        try:
            results = results[int(key) if isinstance(results, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            return ""
    return results
