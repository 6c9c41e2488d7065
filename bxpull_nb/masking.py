"""Mask secrets in texts that people see.

Channel ids, tokens and webhook secrets give access to a portal's events for as long as they
live, so the package never prints them in full unless the caller sets `reveal=True`. An input
that cannot be used is shown by `quoted`, and the message of another library by `reason_of`:
the functions that put foreign text into an error; `listed` does so for names of events.
"""

import os
import re
from collections.abc import Sequence

__all__ = ["listed", "mask", "mask_foreign", "mask_text", "mask_url", "quoted", "reason_of"]

_SECRET_QUERY = re.compile(
    r"(?i)\b(CHANNEL_ID|token|auth|access_token|refresh_token|client_secret)=([^&\s]+)"
)
_CHANNEL_ID = re.compile(r"(?i)\b[0-9a-f]{32}\b(?:[.:][0-9a-f]{32,40}\b)*")
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_WEBHOOK_PATH = re.compile(r"(/rest/+\d+/+)([^/?\s]+)")
_CREDENTIALS = re.compile(r"//[^/?#\s]*@")
_AFTER_HOST = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,20}:[/\\]++(?:\[[0-9a-f:.]*\]|[\w.-]*+)(?::\d{1,5}\b)?+)([^\s'\".,;)]\S*)",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?<![^\s'\"(])[^\s'\"(]*(?:\b|(?<=%2f))rest(?:[/\\]|%2f)+\S*", re.IGNORECASE
)  # from the start of a word only: otherwise it takes the square of a long word's length
_LONG = re.compile(r"[A-Za-z0-9]{16,}|(?=[\w+=-]*\d)[\w+=-]{16,}")
_SHORTEST = 16  # characters of a secret that shows its ends

_ADDRESS = re.compile(r"[/\\@]|%2f", re.IGNORECASE)
_SCHEME_AND_HOST = re.compile(
    r"([a-z][a-z0-9+.-]{0,11}:)?//(?:[^/?#]*@)?"
    r"(localhost|[\d.]{7,15}|\[[0-9a-f:]{2,39}\]|(?:[\w-]{1,32}\.)+[\w-]{2,32})\.?(:\d{1,5})?(?=[/?#]|$)",
    re.IGNORECASE,
)
_LARGE = 10**18
_LONGEST = 60  # characters of an input in a message
_LONGEST_REASON = 200  # characters of another library's message


def mask(secret: str) -> str:
    """Return the first four and last three characters; only dots for a short secret."""
    return f"{secret[:4]}…{secret[-3:]}" if len(secret) >= _SHORTEST else "…"


def mask_url(url: str) -> str:
    """Return `url` with credentials, the webhook secret and the secret query values masked."""
    masked = _WEBHOOK_PATH.sub(lambda m: m[1] + mask(m[2]), _CREDENTIALS.sub("//…@", url))
    return _SECRET_QUERY.sub(lambda m: f"{m[1]}={mask(m[2])}", masked)


def mask_text(text: str) -> str:
    """Return `text` with everything like a channel id, jwt or URL secret masked."""
    masked = _CHANNEL_ID.sub(lambda m: mask(m[0]), mask_url(text))
    return _JWT.sub(lambda m: mask(m[0]), masked)


def mask_foreign(text: str) -> str:
    """Return words of another program: addresses end at their host, long codes are masked.

    >>> mask_foreign("wss://rt.example/sub/?CHANNEL_ID=1234 isn't a valid URI")
    "wss://rt.example/… isn't a valid URI"
    """
    masked = _AFTER_HOST.sub(r"\1/…", _CREDENTIALS.sub("//", text))
    masked = _PATH.sub("…", masked)
    return _LONG.sub("…", mask_text(masked))


def listed(names: Sequence[str], most: int = 20) -> str:
    """Return names for an error message: masked, short, on one line, and at most so many.

    >>> listed(["id", "stage", "title"], most=2)
    'id, stage and 1 more'
    """
    shown = [mask_text("".join(map(_printable, name))) for name in names[:most]]
    short = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…" for name in shown]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(short)}{more}" or "none"


def _printable(char: str) -> str:
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def quoted(value: object, *, is_address: bool = False) -> str:
    """Return an input for an error message: masked, short, on one line.

    An address is shown up to its host. Other texts lose whatever may be a secret, other values
    than numbers only name their type.

    >>> quoted("htps://acme.example/rest/1/s3cret/")
    "'htps://acme.example/…'"
    >>> quoted("carrier pigeon"), quoted(-1)
    ("'carrier pigeon'", '-1')
    """
    if isinstance(value, int) and abs(value) >= _LARGE:
        return "a number of more than 18 digits"
    if value is None or isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    if is_address or _ADDRESS.search(value):
        return _address(value)
    masked = mask_foreign(value)
    return repr(masked if len(masked) <= _LONGEST else f"{masked[:_LONGEST]}…")


def reason_of(error: BaseException) -> str:
    """Return another library's error in one short line: masked, its kind where it has no words.

    >>> reason_of(TimeoutError())
    'TimeoutError'
    """
    if isinstance(error, OSError) and error.errno and type(error).__module__ == "builtins":
        words = os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    else:
        words = " ".join(str(error).split())
    masked = mask_foreign(words)
    if len(masked) > _LONGEST_REASON:
        masked = f"{masked[:_LONGEST_REASON]}…"
    return masked or type(error).__name__


def _address(text: str) -> str:
    """Return scheme, host and port where they are certain; else only how long the text is."""
    found = _SCHEME_AND_HOST.match(text.strip())
    if found is None:
        return f"a text of length {len(text):,}" if text else "''"
    host = _LONG.sub("…", found[2])
    rest = "…" if text.strip()[found.end() :].strip("/") else ""
    return repr(f"{(found[1] or '').lower()}//{host}{found[3] or ''}{'/' if rest else ''}{rest}")
