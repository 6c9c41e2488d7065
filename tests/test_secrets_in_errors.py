"""No error shows a secret: each public entry gets one in many misspelt forms."""

import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.errors import BxPullError
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.rest.login import login
from tests.support.command import NO_PORTAL, bxpull

SECRETS = ("s3cr3tw0rd0fport", "TOPSECRETWORD")
HOST = "127.0.0.1:9"
"""Nothing listens there, so that a spelling that is read ends at once."""
TOKEN = "0123456789abcdef0123456789abcdef"
SPELLINGS = (
    *('"http://{h}/rest/1/{s}/"', "'http://{h}/rest/1/{s}/'", '"http://{h}/rest/1/{s}/'),
    *("http://{h}/rest/1/{s}/'", "«http://{h}/rest/1/{s}/»", "\u2039http://{h}/rest/1/{s}/\u203a"),
    *("“http://{h}/rest/1/{s}/”", "„http://{h}/rest/1/{s}/“", "<http://{h}/rest/1/{s}/>"),
    *("`http://{h}/rest/1/{s}/`", "\ufeffhttp://{h}/rest/1/{s}/", "\u200bhttp://{h}/rest/1/{s}/"),
    *("http://{h}/rest/1/{s}/\u2060", "\u00a0http://{h}/rest/1/{s}/ ", "htps://{h}/rest/1/{s}/"),
    *("ws://{h}/rest/1/{s}/", "wss://{h}/rest/1/{s}/", "ftp://{h}/rest/1/{s}/", "/rest/1/{s}/"),
    *("rest/1/{s}/", "1/{s}/", "{s}", "http:/{h}/rest/1/{s}/", "http:{h}/rest/1/{s}/"),
    *("http//{h}/rest/1/{s}/", "http;//{h}/rest/1/{s}/", "://{h}/rest/1/{s}/"),
    *("http://http://{h}/rest/1/{s}/", "http:\\\\{h}\\rest\\1\\{s}\\", "http://{h}/rest/1/{s}"),
    *("http://{h}/REST/1/{s}/", "http://{h}/rest//1//{s}//", "http://{h}/rest/{s}/"),
    *("http://{h}/rest/1/<{s}>/", "http://{h}/rest/1/{s} /profile", "http://{h}/rest/1/ {s}/"),
    *("http://{h}/sub/rest/1/{s}/", "http%3A%2F%2F{h}%2Frest%2F1%2F{s}%2F", "http://{h}:{s}/"),
    *("http://{h}/rest/1/{s}/profile.json?auth={s}", "http://u:{s}@{h}/rest/1/{s}/"),
    *("http://{s}@{h}:x/", "http://[{h}]/rest/1/{s}/", "BXPULL_WEBHOOK=http://{h}/rest/1/{s}/"),
    *("export BXPULL_TOKEN={s}", "Bearer {s}", "Bearer: {s}", '"{s}', "{s},", "{s};", "{s} {s}"),
    *("{s}\n{s}", "\udcff{s}", "т{s}", "token={s}", "http://{h}/?auth={s}&x=1", "javascript:{s}/"),
)


def all_spellings(secret: str) -> list[str]:
    """Return every misspelt form of a webhook or a token."""
    return [spelling.replace("{h}", HOST).replace("{s}", secret) for spelling in SPELLINGS]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_PORTAL:
        monkeypatch.delenv(name, raising=False)


def texts(work: Callable[[], object]) -> Iterator[str]:
    """Yield everything that a failure shows, also of the errors that it came from."""
    try:
        found = work()
    except BxPullError as error:
        yield "".join(traceback.format_exception(error))
        chain: BaseException | None = error
        while chain is not None:
            yield f"{chain!r} {chain} {chain.args}"
            chain = chain.__cause__ or chain.__context__
    else:
        yield repr(found)


def call(portal: Portal) -> object:
    """Call the portal, and end it."""
    with portal:
        portal.fetch_config()
    return portal


def on(work: Callable[[Portal], object]) -> Callable[[], object]:
    """Return work on a portal that does not answer."""

    def run() -> object:
        with Portal(AccessToken(f"http://{HOST}", TOKEN)) as portal:
            return work(portal)

    return run


def entries(text: str) -> dict[str, Callable[[], object]]:
    """Return the public entries, each with the text in the place of another argument."""
    url = f"http://{HOST}"
    app: dict[str, Any] = {"client_id": "local.1", "client_secret": "x" * 20}
    app["refresh_token"] = "r" * 20
    how: dict[str, Any] = {"open_browser": None, "timeout": 0.01}
    return {
        "webhook": lambda: call(bx.connect(webhook=text)),
        "url": lambda: call(bx.connect(text)),
        "url and token": lambda: call(bx.connect(text, token=TOKEN)),
        "token": lambda: call(bx.connect(url, token=text)),
        "application": lambda: call(bx.connect(text, **app)),
        "refresh_token": lambda: repr(bx.connect(url, **{**app, "refresh_token": text})),
        "client_secret": lambda: repr(bx.connect(url, **{**app, "client_secret": text})),
        "token_url": lambda: repr(bx.connect(url, **app, token_url=text)),
        "method": on(lambda portal: portal.call(text)),
        "batch": on(lambda portal: portal.batch({"a": (text, {})})),
        "batch name": on(lambda portal: portal.batch({text: ()})),  # type: ignore[dict-item]
        "channels": on(lambda portal: bx.listen(portal, channels=text)),
        "transport": on(lambda portal: bx.listen(portal, transport=text)),
        "users": on(lambda portal: portal.public_channels([text])),  # type: ignore[list-item]
        "doctor": on(lambda portal: bx.doctor(portal, echoes=0, seconds=text)),  # type: ignore[arg-type]
        "listen": lambda: bx.listen(text),  # type: ignore[arg-type]
        "fetch_config": lambda: bx.fetch_config(text),  # type: ignore[arg-type]
        "doctor's portal": lambda: bx.doctor(text),  # type: ignore[arg-type]
        "login url": lambda: login(text, "local.1", "x" * 20, **how),
        "login secret": lambda: login(url, "local.1", text, **how),
        "login port": lambda: login(url, "local.1", "x", port=text, **how),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("entry", list(entries("")))
def test_a_misspelt_secret_is_in_no_error(
    entry: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in no message, no chained error, no traceback, no repr and no log line."""
    caplog.set_level(logging.DEBUG)
    is_word = {"channels", "transport", "method", "batch", "batch name", "users"}
    is_word |= {"doctor", "login port", "listen", "fetch_config", "doctor's portal"}
    spellings = [
        text
        for text in all_spellings(secret)
        if entry not in is_word or "/" in text or not secret.isalpha()  # else a word like any other
    ]

    def leaked(text: str) -> list[tuple[str, str]]:
        return [(text, shown[-300:]) for shown in texts(entries(text)[entry]) if secret in shown]

    # A login waits for a browser, so that many wait at once.
    with ThreadPoolExecutor(len(spellings) if entry.startswith("login") else 1) as pool:
        leaks = [leak for found in pool.map(leaked, spellings) for leak in found]
    leaks += [("log", r.getMessage()) for r in caplog.records if secret in r.getMessage()]
    assert leaks == []


COMMANDS: dict[str, tuple[str, ...]] = {
    "webhook": ("config", "--webhook", "{}"),
    "url": ("config", "--url", "{}"),
    "url and token": ("listen", "--url", "{}", "--token", TOKEN),
    "token": ("doctor", "--url", f"http://{HOST}", "--token", "{}"),
    "argument": ("listen", "{}"),
    "command": ("{}",),
    "choice": ("listen", "--transport", "{}"),
    "login": ("login", "--client-id", "a", "--client-secret", "b", "--url", "{}", "--no-browser"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_the_command_shows_no_misspelt_secret(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on stdout nor on stderr, and it ends without a traceback."""
    monkeypatch.setattr("bxpull_nb.rest.login.login", lambda url, *_, **__: bx.connect(url))
    for text in all_spellings(SECRETS[0]):
        result = bxpull(*(part.replace("{}", text) for part in command))
        assert SECRETS[0] not in result.output, text
        assert result.exit_code in (0, 1, 2), text
        assert result.exception is None or isinstance(result.exception, SystemExit), text


@pytest.mark.parametrize("name", ["WEBHOOK", "URL", "TOKEN", "CLIENT_SECRET"])
def test_the_environment_s_misspelt_secret_is_not_shown(name: str) -> None:
    """The variables are those that an env file sets."""
    known = {"BXPULL_URL": f"http://{HOST}", "BXPULL_CLIENT_ID": "local.1"}
    for text in all_spellings(SECRETS[0]):
        if "\udcff" in text:
            continue
        given = {**(known if name not in ("WEBHOOK", "URL") else {}), f"BXPULL_{name}": text}
        result = bxpull("config", **given)
        assert SECRETS[0] not in result.output, text
        assert result.exit_code in (1, 2), text


@pytest.mark.parametrize(
    "mark", ['"{}"', "'{}'", "«{}»", "\u2039{}\u203a", "<{}>", "`{}`", "\ufeff{}", "“{}"]
)
def test_marks_around_a_value_are_left_out(
    mark: str, sandbox: bx.Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token, an address and a webhook in marks are those without."""
    monkeypatch.setenv("BXPULL_URL", mark.format(sandbox.url))
    monkeypatch.setenv("BXPULL_TOKEN", mark.format(sandbox.token))
    with bx.connect() as portal:
        assert portal.call("profile")["ID"]
    monkeypatch.setenv("BXPULL_WEBHOOK", mark.format(sandbox.webhook))
    with bx.connect() as portal:
        assert portal.call("profile")["ID"]
    with bx.connect(mark.format(sandbox.url), token=mark.format(f"Bearer {sandbox.token}")) as one:
        assert one.call("profile")["ID"]


HOSTILE = (
    5,
    1.5,
    True,
    b"bytes",
    ["x"],
    {"a": 1},
    object(),
    "",
    " ",
    "\0",
    '""',
    "\ud800",
    "x" * 9999,
)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
def test_an_argument_of_another_kind_is_an_error_of_ours(value: Any) -> None:
    """No foreign exception comes out of the functions that choose a portal."""
    url, app = "https://acme.example", {"client_id": "local.1", "client_secret": "x" * 20}
    tries: list[dict[str, Any]] = [
        {"url": value, "token": TOKEN},
        {"url": url, "token": value},
        {"webhook": value},
        {"url": url, **app, "client_id": value},
        {"url": url, **app, "client_secret": value},
        {"url": url, **app, "refresh_token": value},
        {"url": url, **app, "refresh_token": "r" * 20, "token": value},
        {"url": url, **app, "token_url": value},
    ]
    works: list[Callable[[], object]] = [partial(bx.connect, **given) for given in tries]
    works += [partial(work, value) for work in (bx.listen, bx.fetch_config, bx.doctor)]
    works.append(partial(login, value, "local.1", "x", open_browser=None, timeout=0.01))
    for work in works:
        with suppress(BxPullError):
            assert isinstance(work(), Portal)


def test_a_mistake_of_the_program_shows_its_place_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The words of a foreign exception are masked, also in the command's traceback."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError(f"http://{HOST}/rest/1/{SECRETS[0]}/")

    monkeypatch.setattr(bx.Portal, "fetch_config", broken)
    result = bxpull("config", "--url", f"http://{HOST}", "--token", TOKEN)
    assert result.exit_code == 1
    assert "in broken" in result.stderr
    assert result.stderr.splitlines()[-1] == f"KeyError: 'http://{HOST}/…"
