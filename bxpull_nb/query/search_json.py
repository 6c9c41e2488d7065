"""Patterns that find a text in JSON, however its characters are escaped there."""

import json
import re

__all__ = ["json_pattern"]

_PLAIN = re.compile(r"[A-Za-z0-9 _.,:(){}\[\]-]")  # known encoders write these as they are


def json_pattern(value: str, *, exact: bool) -> str:
    """Return the pattern of a text, for RE2. Unless `exact`, case does not matter."""
    body = "".join(_json_char(char, exact=exact) for char in value)
    return body if exact else f"(?i:{body})"


def _json_char(char: str, *, exact: bool) -> str:
    """Return the pattern of a character as JSON may write it."""
    cases = {char} if exact else {char, char.lower(), char.upper()}
    written = [re.escape(char)]
    if _PLAIN.fullmatch(char) is None:
        written += [_escaped(one) for one in cases if len(one) == 1]
    if char == "/":
        written.append(re.escape("\\/"))
    elif char in '"\\' or char < " ":
        written = [re.escape(json.dumps(char)[1:-1]), *written]
    return written[0] if len(written) == 1 else f"(?:{'|'.join(sorted(written))})"


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    halves = [units[place : place + 4] for place in range(0, len(units), 4)]
    return "".join(rf"\\u(?i:{half})" for half in halves)
