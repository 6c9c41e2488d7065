"""Mask secrets in texts that people see.

Channel ids, tokens and webhook secrets give access to a portal's events for as long as they
live, so the package never prints them in full unless the caller sets `reveal=True`. An input
that cannot be used is shown by `quoted`, a file's path by `shown_path`, and the message of
another library by `reason_of`: the functions that put foreign text into an error; `listed` does
so for names of events, and `scrub` for the error that ours came from. `is_secret_name` is the one
list of names that hold secrets.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress

__all__ = [
    "is_secret_name",
    "listed",
    "mask",
    "mask_codes",
    "mask_foreign",
    "mask_text",
    "mask_url",
    "one_line",
    "quoted",
    "reason_of",
    "scrub",
    "shown_path",
]

_SECRET_NAME = re.compile(
    r"auth|authorization|bearer|credentials?|csrf|jwt|pwd|sign"
    r"|.*(?:token|secret|password|passwd|sessid|signature|webhook(?:url)?|cookie"
    r"|(?:api|secret|access|private)key|(?:auth|refresh|channel)id)s?"
)
"""Names of values that give access, in lower case and without the marks between their words."""
_BETWEEN = re.compile(r"%5[bd]|[^a-z0-9]")
_QUERY = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]*+(?:(?:\[|%5[Bb])[\w.-]*+(?:\]|%5[Dd])){0,9}+(?:\]|%5[Dd])?=)"
    r"([^&\s\"'<>]+)"
)
_NAMED = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]*+)"
    r"(\\*[\"']?(?:;s:\d+:|\s*+(?::|=>)\s*+))(\\*[\"'])?([^\s\"'\\,;(){}\[\]<>]++)"
)
_BEARER = re.compile(r"\b(bearer|basic)(\s++)([\w.~+/=-]{8,})", re.IGNORECASE)
_CHANNEL_ID = re.compile(
    r"(?<![0-9a-z])[0-9a-f]{32,}(?![0-9a-z])(?:[.:][0-9a-f]{32,}(?![0-9a-z]))*", re.IGNORECASE
)
_JWT = re.compile(r"(?<![A-Za-z0-9])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_SLASHES = r"(?:[/\\]|%2f)+"
_WEBHOOK_PATH = re.compile(
    rf"((?<![a-z0-9_])rest{_SLASHES}|(?<=%2f)rest{_SLASHES})(\d+{_SLASHES})?([^/\\?&#%\s\"'<>]+)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(//|(?<=:)/)[^/?#\s]*@")
_AFTER_HOST = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,20}:[/\\]++(?:\[[0-9a-f:.]*\]|[\w.-]*+)(?::\d{1,5}\b)?+)([^\s'\".,;)]\S*)",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?<![^\s'\"(])[^\s'\"(]*?(?:\b|(?<=%2f))rest(?:[/\\]|%2f)+\S*", re.IGNORECASE
)  # from the start of a word only: otherwise it takes the square of a long word's length
_LONG = re.compile(
    r"(?<![\w+=-])(?:[A-Za-z0-9]{16,})?+(?=[\w+=-]*\d)[\w+=-]{16,}|[A-Za-z0-9]{16,}"
)  # a digit is looked for once a word: otherwise it takes the square of a long word's length
_CODE = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}")
_WORDS_OF_CODE = re.compile(r"[A-Za-z]+|\d+")
_SHORTEST = 16  # characters of a secret that shows its ends
_LEAST = 8  # characters of a secret without quotation marks
_TIMES_CHANGED = 4  # runs of letters and of digits in a code; a name with a date has fewer

_ADDRESS = re.compile(r"[/\\@]|%2f", re.IGNORECASE)
_SCHEME_AND_HOST = re.compile(
    r"([a-z][a-z0-9+.-]{0,11}:)?//(?:[^/?#]*@)?"
    r"(localhost|[\d.]{7,15}|\[[0-9a-f:]{2,39}\]|(?:[\w-]{1,32}\.)+[\w-]{2,32})\.?(:\d{1,5})?(?=[/?#]|$)",
    re.IGNORECASE,
)
_LARGE = 10**18
_LONGEST = 60  # characters of an input in a message
_LONGEST_REASON = 200  # characters of another library's message
_LONGEST_PATH = 300
_LONGEST_WORDS = 500
_READ = 4096  # characters of other programs' words


def mask(secret: str) -> str:
    """Return the first four and last three characters; only dots for a short secret."""
    return f"{secret[:4]}…{secret[-3:]}" if len(secret) >= _SHORTEST else "…"


def is_secret_name(name: str) -> bool:
    """Whether a value of that name gives access: a token, a password, a channel's id.

    >>> is_secret_name("accessToken"), is_secret_name("X-Auth-Token"), is_secret_name("author")
    (True, True, False)
    """
    return bool(_SECRET_NAME.fullmatch(_BETWEEN.sub("", name.lower())))


def mask_url(url: str) -> str:
    """Return `url` with credentials, the webhook secret and the secret query values masked."""
    masked = _WEBHOOK_PATH.sub(_without_secret, _CREDENTIALS.sub(r"\1…@", url))
    return _QUERY.sub(_without_value, masked)


def mask_text(text: str) -> str:
    """Return `text` with everything like a channel id, jwt, token or URL secret masked."""
    masked = _CHANNEL_ID.sub(lambda m: mask(m[0]), mask_url(text))
    masked = _JWT.sub(lambda m: mask(m[0]), masked)
    return _NAMED.sub(_without_named, _BEARER.sub(_without_bearer, masked))


def _without_secret(found: re.Match[str]) -> str:
    """Return a webhook's path; without a user's id only a code is a secret, not a method."""
    start, user, secret = found.groups()
    is_secret = user is not None or _CODE.fullmatch(secret)
    return f"{start}{user or ''}{mask(secret)}" if is_secret else found[0]


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}{mask(found[2])}" if is_secret_name(found[1]) else found[0]


def _without_named(found: re.Match[str]) -> str:
    """Return `name: value` as it is unless it names a secret; a word of prose is none."""
    name, between, mark, value = found.groups()
    is_prose = mark is None and (len(value) < _LEAST or value.isalpha())
    if is_prose or "…" in value or not is_secret_name(name):
        return found[0]
    return f"{name}{between}{mark or ''}{mask(value)}"


def _without_bearer(found: re.Match[str]) -> str:
    is_prose = found[3].isalpha() and len(found[3]) < _SHORTEST
    return found[0] if is_prose else f"{found[1]}{found[2]}{mask(found[3])}"


def mask_foreign(text: str) -> str:
    """Return words of another program: addresses end at their host, long codes are masked.

    >>> mask_foreign("wss://rt.example/sub/?CHANNEL_ID=1234 isn't a valid URI")
    "wss://rt.example/… isn't a valid URI"
    """
    if len(text) > _READ:
        text = f"{text[:_READ].rpartition(' ')[0] or text[:_READ]}…"
    masked = _AFTER_HOST.sub(r"\1/…", _CREDENTIALS.sub(r"\1", text))
    masked = _JWT.sub(lambda m: mask(m[0]), _PATH.sub("…", masked))
    return mask_text(_LONG.sub("…", masked))


def listed(names: Sequence[str], most: int = 20) -> str:
    """Return names for an error message: masked, short, on one line, and at most so many.

    >>> listed(["id", "stage", "title"], most=2)
    'id, stage and 1 more'
    """
    shown = [mask_codes("".join(map(_printable, name))) for name in names[:most]]
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


def scrub(error: BaseException) -> BaseException:
    """Return another library's error for a traceback: its words masked, nothing before it.

    The places in its traceback stay.
    """
    masked = reason_of(error)
    if isinstance(error, OSError):
        for name in ("filename", "filename2"):
            with suppress(AttributeError):
                delattr(error, name)
        error.strerror = masked if error.errno else None
    error.args = (masked,)
    error.__cause__ = error.__context__ = None
    return error


def shown_path(path: object) -> str:
    """Return a path for a message: on one line, with addresses and codes in it masked.

    >>> shown_path("events/2026-11-27.csv")
    'events/2026-11-27.csv'
    >>> shown_path("https://acme.example/rest/1/k7v2m9qz4x1c8b5n/")
    'https://acme.example/rest/1/k7v2…b5n/'
    """
    masked = mask_codes("".join(map(_printable, str(path))))
    return masked if len(masked) <= _LONGEST_PATH else f"…{masked[-_LONGEST_PATH:]}"


def mask_codes(text: str) -> str:
    """Return `text` masked, and words in which letters and digits take turns as in a secret.

    >>> mask_codes("k7v2m9qz4x1c8b5n"), mask_codes("CRM_DEAL_UPDATE_2026")
    ('k7v2…b5n', 'CRM_DEAL_UPDATE_2026')
    """
    return _CODE.sub(_without_code, mask_text(text))


def _without_code(found: re.Match[str]) -> str:
    is_code = len(_WORDS_OF_CODE.findall(found[0])) >= _TIMES_CHANGED
    return mask(found[0]) if is_code else found[0]


def one_line(words: str) -> str:
    """Return masked words of another program on one line: short, and harmless for a terminal."""
    shown = "".join(map(_printable, " ".join(words[:_READ].split())))
    return shown if len(shown) <= _LONGEST_WORDS else f"{shown[:_LONGEST_WORDS]}…"


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
