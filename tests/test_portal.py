"""One portal as a user holds it."""

import pytest

from bxpull_nb.auth import AccessToken
from bxpull_nb.errors import EventRefused, SettingsError
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox


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
    """And the portal writes it in lower case."""
    feed = portal.feed(transport="websocket").start()
    portal.send_event("a")
    portal.send_event("b", module_id="My.Module")
    assert feed.wait(2, timeout=5)["module_id"].tolist() == ["application", "my.module"]


@pytest.mark.parametrize(
    ("command", "module", "code"),
    [("not a command!", "application", "COMMAND_ERROR"), ("ok", "no module!", "MODULE_ID_ERROR")],
)
def test_a_refused_event_says_what_is_allowed(
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
