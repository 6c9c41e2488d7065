"""Tokens that renew themselves, and where they are kept."""

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import (
    FileStore,
    KeyringStore,
    MemoryStore,
    OAuthApp,
    TokenPair,
    default_store,
    token_server,
)
from bxpull_nb.rest.auth.token_pair import origin_of
from tests.support.scripted_portal import CLIENT, PORTAL, ScriptedPortal

GIVEN: dict[str, Any] = {"token": "access-token-0000", "refresh_token": "refresh-token-0000"}
PAIR = TokenPair(access_token="access-token-9999", refresh_token="refresh-token-9999")


def app(store: Any = None, **how: Any) -> OAuthApp:
    """The application, with a store of its own."""
    return OAuthApp(PORTAL, *CLIENT, store=store or MemoryStore(), **how)


def run(portal: ScriptedPortal, auth: OAuthApp, work: Callable[[RestClient], Any]) -> Any:
    """What the work with a client gives."""

    async def main() -> Any:
        async with portal.http() as http:
            return await work(RestClient(auth, http=http))

    return asyncio.run(main())


def profile(client: RestClient) -> Coroutine[Any, Any, Any]:
    """One call."""
    return client.call("profile")


def test_an_expired_token_is_renewed_and_the_call_repeated() -> None:
    """The caller notices nothing; the secret travels in the body."""
    portal, auth = ScriptedPortal(), app(**GIVEN)
    portal.expire()
    assert run(portal, auth, profile) is True
    assert portal.grants == [
        {
            "grant_type": "refresh_token",
            "client_id": CLIENT[0],
            "client_secret": CLIENT[1],
            "refresh_token": "refresh-token-0000",
        }
    ]
    assert [call.headers["Authorization"] for call in portal.calls] == [
        "Bearer access-token-0000",
        "Bearer access-token-0001",
    ]


def test_a_good_token_is_never_renewed() -> None:
    """Not by the clock either."""
    portal = ScriptedPortal()
    assert run(portal, app(**GIVEN), profile) is True
    assert portal.grants == []


def test_each_refresh_uses_the_refresh_token_of_the_one_before() -> None:
    """They rotate."""
    portal = ScriptedPortal()

    async def thrice(client: RestClient) -> None:
        for _ in range(3):
            portal.expire()
            await client.call("profile")

    run(portal, app(**GIVEN), thrice)
    assert [grant["refresh_token"][-4:] for grant in portal.grants] == ["0000", "0001", "0002"]


def test_many_callers_cause_one_refresh() -> None:
    """All of them are refused first, and all succeed."""
    portal = ScriptedPortal()
    portal.expire()

    async def crowd(client: RestClient) -> list[Any]:
        portal.gate = asyncio.Event()
        calls = [asyncio.create_task(client.call("profile")) for _ in range(25)]
        while not portal.grants or len(portal.calls) < 25:  # noqa: ASYNC110 - turns, no time
            await asyncio.sleep(0)
        portal.gate.set()
        return await asyncio.gather(*calls)

    assert run(portal, app(**GIVEN), crowd) == [True] * 25
    assert len(portal.grants) == 1
    assert len(portal.calls) == 50


def test_who_was_refused_with_an_older_token_only_repeats() -> None:
    """A late answer to the old token must not spend the new refresh token."""
    portal, auth = ScriptedPortal(), app(**GIVEN)
    portal.expire()

    async def late(client: RestClient) -> bool:
        await client.call("profile")
        async with portal.http() as http:
            return await auth.renew(http, {"Authorization": "Bearer access-token-0000"})

    assert run(portal, auth, late) is True
    assert len(portal.grants) == 1


def test_a_lasting_refusal_ends_after_one_refresh() -> None:
    """No endless loop: the call, the refresh, the call once more."""
    portal = ScriptedPortal()
    portal.broken = True
    with pytest.raises(errors.TokenRefused) as caught:
        run(portal, app(**GIVEN), profile)
    assert type(caught.value) is errors.TokenRefused
    assert (len(portal.calls), len(portal.grants)) == (2, 1)


def test_a_lasting_refusal_of_many_callers_ends_too() -> None:
    """Each repeats once."""
    portal = ScriptedPortal()
    portal.broken = True

    async def crowd(client: RestClient) -> list[Any]:
        calls = (client.call("profile") for _ in range(10))
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = run(portal, app(**GIVEN), crowd)
    assert {type(answer) for answer in answers} == {errors.TokenRefused}
    assert (len(portal.calls), len(portal.grants)) == (20, 1)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((400, {"error": "invalid_grant"}), errors.GrantRefused, "`bxpull login`"),
        ((200, {"error": "INVALID_GRANT"}), errors.GrantRefused, "`bxpull login`"),
        ((401, {"error": "invalid_client"}), errors.GrantRefused, "client_secret on the"),
        ((500, {"error": "INTERNAL_SERVER_ERROR"}), errors.ApiError, "Try again later"),
        ((502, "<html>"), errors.UnexpectedAnswer, "not with the JSON of a token server"),
        ((200, {"refresh_token": "r" * 20}), errors.MissingField, "lacks 'access_token'"),
    ],
)
def test_a_refused_refresh_names_the_next_step(
    answer: tuple[int, Any], kind: type[Exception], message: str
) -> None:
    """Refused for good, or a passing trouble of the token server."""
    portal = ScriptedPortal()
    portal.expire()
    portal.grant_answer = answer
    with pytest.raises(kind, match=message) as caught:
        run(portal, app(**GIVEN), profile)
    assert type(caught.value) is kind
    assert isinstance(caught.value, errors.RestError)
    assert caught.value.method == "oauth/token"


def test_an_echoed_secret_is_not_repeated() -> None:
    """A talkative token server must not bring it into the message."""
    portal = ScriptedPortal()
    portal.expire()
    portal.grant_answer = (
        400,
        {"error": "invalid_grant", "error_description": f"{CLIENT[1]} {GIVEN['refresh_token']}"},
    )
    with pytest.raises(errors.GrantRefused) as caught:
        run(portal, app(**GIVEN), profile)
    shown = str(caught.value) + caught.value.description
    assert CLIENT[1] not in shown
    assert GIVEN["refresh_token"] not in shown


def test_a_token_server_that_does_not_answer_leaves_no_secret_in_the_error() -> None:
    """Nor in the request the HTTP library's exception keeps; the old pair stays in use."""
    portal = ScriptedPortal()
    portal.expire()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token/":
            raise httpx.ConnectError("no route", request=request)
        return httpx.Response(401, json={"error": "expired_token"})

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await RestClient(app(**GIVEN), http=http).call("profile")

    with pytest.raises(
        errors.PortalUnreachable, match=r"https://oauth\.bitrix\.info did"
    ) as caught:
        asyncio.run(main())
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.ConnectError)
    assert cause.request.content == b""


def test_the_new_pair_is_stored_before_it_is_used_and_passed_on_afterwards() -> None:
    """A program that is killed in between must find it again."""
    order: list[str] = []

    class Noting(MemoryStore):
        def save(self, portal: str, client_id: str, pair: TokenPair) -> None:
            super().save(portal, client_id, pair)
            order.append(f"store after {len(portal_.calls)} call")

    portal_, store = ScriptedPortal(), Noting()
    portal_.expire()
    auth = app(store, **GIVEN, on_refresh=lambda pair: order.append(pair.refresh_token))
    run(portal_, auth, profile)
    assert order == ["store after 1 call", "refresh-token-0001"]
    stored = store.load(PORTAL, CLIENT[0])
    assert stored is not None
    assert (stored.access_token, stored.refresh_token, stored.user_id) == (
        "access-token-0001",
        "refresh-token-0001",
        7,
    )
    assert stored.origin == origin_of("refresh-token-0000")


def test_a_store_or_callback_that_fails_costs_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """Both are in the log."""

    class Full(MemoryStore):
        def save(self, *_: Any) -> None:
            raise errors.TokensNotStored("the disk is full")

    def broken(pair: TokenPair) -> None:
        raise RuntimeError(pair.access_token)

    portal = ScriptedPortal()
    portal.expire()
    assert run(portal, app(Full(), **GIVEN, on_refresh=broken), profile) is True
    assert "last only as long as this program: the disk is full" in caplog.text
    assert "on_refresh failed (RuntimeError)" in caplog.text
    assert "access-token-0001" not in caplog.text


def test_a_caller_who_gives_up_does_not_lose_the_tokens() -> None:
    """Ctrl-C during a refresh: the pair comes only once."""
    portal, store = ScriptedPortal(), MemoryStore()
    portal.expire()

    async def interrupted(client: RestClient) -> None:
        portal.gate = asyncio.Event()
        call = asyncio.create_task(client.call("profile"))
        while not portal.grants:  # noqa: ASYNC110 - turns of the loop, no time
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        portal.gate.set()
        await client.aclose()

    run(portal, app(store, **GIVEN), interrupted)
    stored = store.load(PORTAL, CLIENT[0])
    assert stored is not None
    assert stored.refresh_token == portal.refresh == "refresh-token-0001"


def test_a_refresh_token_alone_is_enough() -> None:
    """The first call fetches a token, once for all that wait."""
    portal = ScriptedPortal()

    async def two(client: RestClient) -> list[Any]:
        return list(await asyncio.gather(client.call("a"), client.call("b")))

    assert run(portal, app(refresh_token="refresh-token-0000"), two) == [True, True]
    assert (len(portal.grants), len(portal.calls)) == (1, 2)


def test_stored_tokens_are_used_without_any_argument() -> None:
    """As `bxpull login` left them."""
    portal, store = ScriptedPortal(), MemoryStore()
    store.save(PORTAL, CLIENT[0], TokenPair(access_token=portal.access, refresh_token="r" * 20))
    assert run(portal, app(store), profile) is True
    assert portal.grants == []


def test_without_any_token_the_error_names_the_way_to_one() -> None:
    """Nothing is sent."""
    portal = ScriptedPortal()
    with pytest.raises(errors.SettingsError, match="bxpull login"):
        run(portal, app(), profile)
    assert portal.calls == []


def test_a_cell_run_again_next_week_finds_the_newer_tokens() -> None:
    """The refresh token written in it was spent long ago."""
    portal, store = ScriptedPortal(), MemoryStore()
    portal.expire()
    run(portal, app(store, **GIVEN), profile)
    assert run(portal, app(store, **GIVEN), profile) is True
    assert len(portal.grants) == 1


def test_a_newly_given_refresh_token_goes_before_the_stored_pair() -> None:
    """What is stored descends from another one."""
    portal, store = ScriptedPortal(), MemoryStore()
    store.save(PORTAL, CLIENT[0], PAIR)
    assert run(portal, app(store, **GIVEN), profile) is True
    assert portal.calls[0].headers["Authorization"] == "Bearer access-token-0000"


def test_tokens_another_program_has_renewed_are_taken_over() -> None:
    """Two notebooks share one store; the second must not spend the refresh token twice."""
    portal, store = ScriptedPortal(), MemoryStore()
    first, second = app(store, **GIVEN), app(store, **GIVEN)

    async def both(client: RestClient) -> None:
        other = RestClient(second, http=client._http)
        await client.call("profile")
        await other.call("profile")
        portal.expire()
        await client.call("profile")
        await other.call("profile")

    run(portal, first, both)
    assert len(portal.grants) == 1


def test_stale_tokens_of_another_program_are_renewed_in_turn() -> None:
    """It renewed them, ended, and an hour went by."""
    portal, store = ScriptedPortal(), MemoryStore()
    auth = app(store, **GIVEN)

    async def slept(client: RestClient) -> Any:
        await client.call("profile")
        stored = TokenPair(
            access_token="stale-token-1111",
            refresh_token="refresh-token-1111",
            origin=origin_of(GIVEN["refresh_token"]),
        )
        store.save(PORTAL, CLIENT[0], stored)
        portal.expire()
        portal.refresh = stored.refresh_token
        return await client.call("profile")

    assert run(portal, auth, slept) is True
    assert [grant["refresh_token"] for grant in portal.grants] == ["refresh-token-1111"]


def test_no_repr_and_no_hidden_text_holds_a_secret() -> None:
    """Of the application, nor of the pair."""
    auth = app(**GIVEN)
    run(ScriptedPortal(), auth, profile)
    secrets = (*GIVEN.values(), CLIENT[1])
    for shown in (repr(auth), repr(PAIR), auth.mask_secrets(" ".join(secrets))):
        assert not [secret for secret in (*secrets, "token-9999") if secret in shown]
    assert repr(auth) == "OAuthApp('https://acme.bitrix24.com', 'loca…def', 'acce…000')"


@pytest.mark.parametrize(
    ("portal", "token_url", "server"),
    [
        (PORTAL, None, "https://oauth.bitrix.info/oauth/token/"),
        ("http://127.0.0.1:8001", None, "http://127.0.0.1:8001/oauth/token/"),
        (PORTAL, "https://oauth.bitrix24.tech/t/", "https://oauth.bitrix24.tech/t/"),
    ],
)
def test_where_tokens_come_from(portal: str, token_url: str | None, server: str) -> None:
    """A sandbox is its own token server; the secret of a test never leaves this machine."""
    assert token_server(portal, token_url) == server


@pytest.mark.parametrize("token_url", ["http://oauth.example/", "ftp://a", "nonsense"])
def test_a_token_server_without_tls_is_refused(token_url: str) -> None:
    """The application's secret would be readable on the way."""
    with pytest.raises(errors.SettingsError, match="https address"):
        app(token_url=token_url, **GIVEN)


def test_a_token_without_its_refresh_token_is_half_of_the_arguments() -> None:
    """It would end after an hour, without a word now."""
    with pytest.raises(errors.SettingsError, match="refresh_token is missing"):
        app(token="access-token-0000")


def test_a_token_file_is_only_its_owners(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700, and nothing left next to it."""
    store = FileStore(tmp_path / "tokens")
    assert store.load(PORTAL, "a") is None
    store.save(PORTAL, "a", PAIR)
    path = store.path(PORTAL, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert path.name.startswith("acme.bitrix24.com-")
    assert store.load(PORTAL, "a") == PAIR
    assert store.load(PORTAL, "b") is None
    store.forget(PORTAL, "a")
    store.forget(PORTAL, "a")
    assert store.load(PORTAL, "a") is None


def test_a_break_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is written next to it, and renamed at the end."""
    store = FileStore(tmp_path)
    store.save(PORTAL, "a", PAIR)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.TokensNotStored, match="No space left on device"):
        store.save(PORTAL, "a", TokenPair(access_token="x", refresh_token="y"))
    assert store.load(PORTAL, "a") == PAIR
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"access_token": 1}', b"\xff\xfe"])
def test_a_damaged_file_is_logged_and_not_fatal(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With its path; the next login writes a new one."""
    store = FileStore(tmp_path)
    path = store.path(PORTAL, "a")
    path.write_bytes(content)
    assert store.load(PORTAL, "a") is None
    assert str(path) in caplog.text
    assert "bxpull login" in caplog.text
    store.save(PORTAL, "a", PAIR)
    assert store.load(PORTAL, "a") == PAIR


class FakeBackend:
    """A keyring in memory; `__module__` decides what it passes for."""

    __module__ = "keyring.backends.Windows"

    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = broken

    def get_password(self, service: str, name: str) -> str | None:
        """What was kept."""
        if self.broken:
            raise RuntimeError("the bus is gone")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        """Keep it."""
        if self.broken:
            raise RuntimeError("the bus is gone")
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        """Remove it; like the library's, it complains when there is none."""
        del self.kept[service, name]


class AskingBackend(FakeBackend):
    """One that would open a window."""

    __module__ = "keyring.backends.kwallet"


def install(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    """Let `import keyring` give this one."""
    keyring = ModuleType("keyring")
    keyring.get_keyring = lambda: backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)


def test_a_keyring_that_works_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """And gives back what it was given, for each application."""
    backend = FakeBackend()
    install(monkeypatch, backend)
    store = default_store()
    assert repr(store) == "KeyringStore(keyring.backends.Windows)"
    store.save(PORTAL, "a", PAIR)
    assert default_store().load(PORTAL, "a") == PAIR
    assert store.load(PORTAL, "b") is None
    assert json.loads(next(iter(backend.kept.values())))["refresh_token"] == PAIR.refresh_token
    store.forget(PORTAL, "a")
    store.forget(PORTAL, "a")
    assert backend.kept == {}


@pytest.mark.parametrize("backend", [None, FakeBackend(broken=True), AskingBackend()])
def test_files_are_used_where_no_keyring_answers_without_asking(
    monkeypatch: pytest.MonkeyPatch, backend: Any
) -> None:
    """None at all, a broken one, one that prompts."""
    if backend is None:
        monkeypatch.setitem(sys.modules, "keyring", None)
    else:
        install(monkeypatch, backend)
    store = default_store()
    assert isinstance(store, FileStore)
    assert store.folder.parts[-2:] == ("bxpull-nb", "tokens")


@pytest.mark.parametrize("locked", [True, False])
def test_a_locked_keyring_is_not_asked_to_unlock(
    monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """Linux's would open a window in the middle of a cell."""

    class SecretService(FakeBackend):
        __module__ = "keyring.backends.SecretService"

    class Collection:
        def __init__(self, connection: Any) -> None: ...

        def is_locked(self) -> bool:
            return locked

    class Bus:
        def close(self) -> None: ...

    library = ModuleType("secretstorage")
    library.dbus_init = Bus  # type: ignore[attr-defined]
    library.Collection = Collection  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "secretstorage", library)
    install(monkeypatch, SecretService())
    assert isinstance(default_store(), FileStore if locked else KeyringStore)


def test_a_keyring_that_breaks_later_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Reading gives nothing, writing is an error with a way out."""
    store = KeyringStore(FakeBackend(broken=True))
    assert store.load(PORTAL, "a") is None
    assert "bxpull login" in caplog.text
    with pytest.raises(errors.TokensNotStored, match=r"store=FileStore\(\)"):
        store.save(PORTAL, "a", PAIR)


def test_connect_takes_an_application() -> None:
    """And sends nothing yet."""
    with bx.connect(
        PORTAL, client_id=CLIENT[0], client_secret=CLIENT[1], **GIVEN, store=MemoryStore()
    ) as portal:
        assert isinstance(portal.rest.auth, OAuthApp)
        assert portal.url == PORTAL
        assert CLIENT[1] not in repr(portal)


def test_connect_takes_an_application_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With or without a refresh token: `bxpull login` may have stored one."""
    for name, value in (("URL", PORTAL), ("CLIENT_ID", CLIENT[0]), ("CLIENT_SECRET", CLIENT[1])):
        monkeypatch.setenv(f"BXPULL_{name}", value)
    for name in ("TOKEN", "WEBHOOK", "REFRESH_TOKEN"):
        monkeypatch.delenv(f"BXPULL_{name}", raising=False)
    with bx.connect() as portal:
        assert repr(portal.rest.auth).endswith("'no token yet')")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": PORTAL, "client_id": "x"}, "the client_secret is missing"),
        ({"url": PORTAL, "token": "x" * 20, "refresh_token": "y"}, "the client_id is missing"),
        ({"client_id": "x", "client_secret": "y"}, "the url is missing"),
        ({"webhook": f"{PORTAL}/rest/1/s/", "client_id": "x"}, "not both"),
        ({"url": PORTAL, "token": "x" * 20, "store": MemoryStore()}, "are for an application"),
        ({"url": PORTAL, "client_id": " ", "client_secret": "y"}, "the client_id is empty"),
    ],
)
def test_half_of_an_application_is_an_error(arguments: dict[str, Any], message: str) -> None:
    """Which names what is missing."""
    with pytest.raises(errors.SettingsError, match=message):
        bx.connect(**arguments)
