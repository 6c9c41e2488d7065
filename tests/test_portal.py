"""One portal as a user holds it."""

import inspect
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    BxPullError,
    ChannelMissing,
    EventRefused,
    GrantRefused,
    LimitReached,
    LoginDenied,
    SettingsError,
)
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken, MemoryStore, TokenPair
from bxpull_nb.rest.login import login
from bxpull_nb.sandbox import Sandbox
from tests.support.hostile_values import HOSTILE, SECRET


def test_the_same_settings_give_the_same_feed(portal: Portal) -> None:
    """Other settings another one."""
    assert portal.feed() is portal.feed(("shared", "private"), "auto")
    assert portal.feed("shared") is not portal.feed("private")
    assert len(portal.feeds) == 3


def test_a_feed_that_was_switched_is_found_by_what_it_is_now(portal: Portal) -> None:
    """The panel may have changed it since."""
    feed = portal.feed("shared").start()
    feed.start(channels="private")
    assert portal.feed("private") is feed


def test_an_event_may_go_to_the_own_private_channel(portal: Portal) -> None:
    """With the user's own id."""
    feed = portal.feed(transport="websocket").start()
    portal.send_event("note", {"n": 1}, user_id=1)
    assert feed.wait(1, timeout=5)["channel"].tolist() == ["private"]


def test_the_module_is_the_application_unless_named(portal: Portal) -> None:
    """It is written in lower case; the portal refuses any other (the next test)."""
    feed = portal.feed(transport="websocket").start()
    portal.send_event("a")
    portal.send_event("b", module_id="my.module")
    assert feed.wait(2, timeout=5)["module_id"].tolist() == ["application", "my.module"]


@pytest.mark.parametrize(
    ("command", "module", "code"),
    [
        ("not a command!", "application", "COMMAND_ERROR"),
        ("ok", "no module!", "MODULE_ID_ERROR"),
        ("ok", "CRM", "MODULE_ID_ERROR"),
    ],
)
def test_the_error_of_a_refused_event_names_the_allowed_characters(
    portal: Portal, command: str, module: str, code: str
) -> None:
    """With the portal's code."""
    with pytest.raises(EventRefused, match="is made of") as caught:
        portal.send_event(command, module_id=module)
    assert caught.value.code == code


def test_params_that_json_cannot_hold_are_refused_before_sending(portal: Portal) -> None:
    """With the method's name."""
    with pytest.raises(SettingsError, match=r"pull\.application\.event\.add: .* JSON"):
        portal.send_event("a", {"x": object()})


def test_closing_ends_everything_and_keeps_the_events(sandbox: Sandbox) -> None:
    """With `with` or without."""
    with Portal(AccessToken(sandbox.url, sandbox.token)) as portal:
        feed = portal.feed(transport="websocket").start()
        sandbox.publish("a")
        feed.wait(1, timeout=5)
    assert (feed.state, len(feed)) == ("stopped", 1)
    portal.close()


def test_its_repr_holds_no_secret(sandbox: Sandbox) -> None:
    """The host, and the ends of the token."""
    portal = Portal(AccessToken(sandbox.url, sandbox.token))
    assert sandbox.url.removeprefix("http://") in repr(portal)
    assert sandbox.token not in repr(portal)


def application(sandbox: Sandbox, **how: Any) -> Portal:
    """The sandbox as an application that renews its token automatically."""
    arguments: dict[str, Any] = {
        "token": sandbox.token,
        "refresh_token": sandbox.refresh_token,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "store": MemoryStore(),
    }
    return bx.connect(sandbox.url, **arguments | how)


def test_any_method_may_be_called(portal: Portal) -> None:
    """With its parameters by name, whatever they are called."""
    assert portal.call("profile")["NAME"] == "Ada"
    assert portal.call("method.get", name="profile")["isExisting"] is True
    with pytest.raises(ApiError, match="ERROR_METHOD_NOT_FOUND"):
        portal.call("no.such.method")


def test_a_batch_brings_results_and_errors_by_name(portal: Portal) -> None:
    """More than fifty too."""
    calls: dict[str, Any] = {f"n{number}": ("profile", {}) for number in range(60)}
    done = portal.batch(calls | {"bad": ("no.such.method", {})})
    assert (len(done.results), list(done.errors)) == (60, ["bad"])
    assert done["n59"]["ID"] == "1"
    with pytest.raises(ApiError, match=r"no\.such\.method: the portal answered"):
        done["bad"]


def test_a_batch_of_events_arrives_in_full(portal: Portal) -> None:
    """Their parameters written in PHP's brackets."""
    feed = portal.feed(transport="websocket").start()
    done = portal.batch(
        {
            f"e{n}": ("pull.application.event.add", {"COMMAND": "tick", "PARAMS": {"n": n}})
            for n in range(12)
        }
    )
    assert done.results == {f"e{n}": True for n in range(12)}
    params = feed.wait(12, timeout=5)["params"]
    assert set(params) == {f'{{"n":"{n}"}}' for n in range(12)}


def test_an_expired_token_is_renewed_while_a_feed_is_running(sandbox: Sandbox) -> None:
    """Nobody has to reconnect."""
    received: list[TokenPair] = []
    with application(sandbox, on_refresh=received.append) as portal:
        feed = portal.feed(transport="websocket").start()
        sandbox.expire_token()
        portal.send_event("after")
        assert feed.wait(1, timeout=5)["command"].tolist() == ["after"]
        assert [pair.access_token for pair in received] == [sandbox.token]
        assert received[0].refresh_token == sandbox.refresh_token
        assert sandbox.client_secret not in repr(portal)


def test_a_user_who_took_the_consent_back_must_log_in_again(sandbox: Sandbox) -> None:
    """The error names the way."""
    sandbox.expire_token()
    with application(sandbox) as portal:
        sandbox.revoke()
        with pytest.raises(GrantRefused, match="bxpull login"):
            portal.call("profile")


def follow(address: str) -> None:
    """What a browser does, with the redirect back to this machine."""
    urllib.request.urlopen(address, timeout=5).close()


def test_what_a_login_stored_is_enough_to_connect(sandbox: Sandbox) -> None:
    """The whole way through the sandbox's own login."""
    store, who = MemoryStore(), (sandbox.client_id, sandbox.client_secret)
    pair = login(sandbox.url, *who, open_browser=follow, store=store)
    assert (pair.access_token, pair.user_id) == (sandbox.token, 1)
    with application(sandbox, token=None, refresh_token=None, store=store) as portal:
        assert portal.call("profile")["ID"] == "1"
        sandbox.expire_token()
        assert portal.call("profile")["ID"] == "1"
    assert store.load(sandbox.url, sandbox.client_id) != pair


def test_a_login_the_user_denies(sandbox: Sandbox) -> None:
    """With the portal's code."""
    sandbox.deny_login()

    def refuse(address: str) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            follow(address)
        caught.value.close()

    with pytest.raises(LoginDenied, match="access_denied"):
        login(
            sandbox.url,
            sandbox.client_id,
            sandbox.client_secret,
            open_browser=refuse,
            store=MemoryStore(),
        )


def test_an_overloaded_portal_is_not_asked_again(sandbox: Sandbox, portal: Portal) -> None:
    """The next call would find it well, but this one must not try."""
    sandbox.fail_rest("OVERLOAD_LIMIT")
    with pytest.raises(LimitReached, match="support"):
        portal.call("profile")
    assert portal.call("profile")["ID"] == "1"


def test_a_portal_that_was_renamed_is_followed(sandbox: Sandbox, portal: Portal) -> None:
    """Here from one address of this machine to another, which is a sandbox's too."""
    with Sandbox() as other:
        sandbox.move_domain(other.url)
        portal.rest.auth = AccessToken(sandbox.url, other.token)
        assert portal.call("app.info")["install"]["uri"] == other.url
        assert portal.url == other.url


def test_the_error_names_a_missing_scope() -> None:
    """Inside the batch under its name."""
    with Sandbox(scope="user") as sandbox, bx.connect(sandbox.url, token=sandbox.token) as portal:
        done = portal.batch({"config": ("pull.application.config.get", {}), "me": ("profile", {})})
        assert done["me"]["ID"] == "1"
        with pytest.raises(AccessRefused, match="scope"):
            done["config"]


def test_public_channels_and_publishing_need_a_server_of_version_4(portal: Portal) -> None:
    """Below it there are none, and the error names the other way."""
    assert portal.public_channels([1]) == {}
    with pytest.raises(ChannelMissing, match=r"user 1 is not in .*publicChannels.*send_event\(\)"):
        portal.publish([1], "hello")


def test_a_message_to_a_public_channel_arrives() -> None:
    """From one application to its user, straight through the push server."""
    with (
        Sandbox(server_version=4) as sandbox,
        bx.connect(sandbox.url, token=sandbox.token) as portal,
    ):
        assert portal.public_channels([1])[1].user_id == 1
        feed = portal.feed(transport="websocket").start()
        portal.publish([1], "hello", {"n": 1})
        assert feed.wait(1, timeout=5)["command"].tolist() == ["hello"]
        with pytest.raises(ChannelMissing, match=r"user 7 is not in the config's publicChannels"):
            portal.publish([1, 7], "hello")


def test_a_portal_that_lists_public_channels_is_asked_for_other_users() -> None:
    """Where the portal lets applications, messages reach users outside the config."""
    with (
        Sandbox(server_version=4, public_list=True) as sandbox,
        bx.connect(sandbox.url, token=sandbox.token) as portal,
    ):
        assert portal.public_channels([1, 7, 99]).keys() == {1, 7}
        portal.publish([7], "hello")


Both = tuple[Sandbox, Portal]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """Return a sandbox whose push server takes messages of clients, and its portal."""
    with (
        Sandbox(server_version=4, rest_limit=None) as sandbox,
        Portal(AccessToken(sandbox.url, sandbox.token), limit=None) as one,
    ):
        yield sandbox, one


CALLS: dict[str, Callable[[Both, Any], object]] = {
    "send_event command": lambda both, value: both[1].send_event(value),
    "send_event params": lambda both, value: both[1].send_event("x", value),
    "send_event module": lambda both, value: both[1].send_event("x", {}, module_id=value),
    "send_event user": lambda both, value: both[1].send_event("x", {}, user_id=value),
    "call": lambda both, value: both[1].call(value),
    "call parameter": lambda both, value: both[1].call("profile", a=value),
    "call_page": lambda both, value: both[1].call_page(value),
    "pages": lambda both, value: list(both[1].pages(value)),
    "batch": lambda both, value: both[1].batch(value),
    "batch call": lambda both, value: both[1].batch({"a": value}),
    "batch parameters": lambda both, value: both[1].batch({"a": ("profile", value)}),
    "users": lambda both, value: both[1].public_channels(value),
    "user": lambda both, value: both[1].public_channels([value]),
    "publish users": lambda both, value: both[1].publish(value, "x"),
    "publish command": lambda both, value: both[1].publish([1], value),
    "publish params": lambda both, value: both[1].publish([1], "x", value),
    "fetch_config": lambda _, value: bx.fetch_config(value),
    "fetch_config cache": lambda both, value: both[1].fetch_config(cache=value),
    "sandbox command": lambda both, value: both[0].publish(value),
    "sandbox params": lambda both, value: both[0].publish("x", value),
    "sandbox channel": lambda both, value: both[0].publish("x", channel=value),
    "sandbox expiry": lambda both, value: both[0].publish("x", expiry=value),
    "sandbox body": lambda both, value: both[0].publish_raw(value),
    "sandbox sender": lambda both, value: both[0].publish_raw("{}", sender=value),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_hostile_argument_is_an_error_of_ours(
    both: Both, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Or the portal's, which is one too; none shows a secret."""
    monkeypatch.chdir(tmp_path)
    foreign = {}
    for kind, value in HOSTILE.items():
        try:
            CALLS[name](both, value)
        except BxPullError as exc:
            if SECRET in str(exc):
                foreign[kind] = str(exc)
        except Exception as exc:  # noqa: BLE001 - the point of the test
            foreign[kind] = type(exc).__name__
    assert foreign == {}


def test_an_event_may_have_a_list_as_its_params(both: Both) -> None:
    """The portal takes one, for it asks whether the params are an array."""
    feed = both[1].listen(transport="websocket")
    both[1].send_event("a_list", [1, {"n": 2}])
    event = feed.wait(lambda event: event.command == "a_list", timeout=10)
    feed.stop()
    assert event.params == [1, {"n": 2}]


@pytest.mark.parametrize(
    "functions",
    [
        (bx.listen, bx.Portal.listen, bx.Portal.listen_async),
        (bx.Feed.start, bx.Feed.start_async),
        (bx.Feed.wait, bx.Feed.wait_async),
    ],
)
def test_a_function_and_its_async_form_take_the_same_parameters(
    functions: tuple[Callable[..., object], ...],
) -> None:
    """With the same types and defaults, each spelled out for help() and completion."""
    first, *others = (
        list(inspect.signature(function).parameters.values())[1:] for function in functions
    )
    assert others == [first] * len(others)
