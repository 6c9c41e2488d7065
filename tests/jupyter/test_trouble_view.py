"""What the panel offers when something went wrong, without a browser."""

from collections.abc import Iterator
from itertools import repeat

import pytest

from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.listener import Timing
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("comms")


@pytest.fixture
def one_channel() -> Iterator[Explorer]:
    """The panel of a portal without a private channel: its start fails."""
    with Sandbox(private=False) as sandbox, patient(sandbox) as portal:
        panel = Explorer(portal, repaint=0.01)
        panel.start_button.click()
        eventually(lambda: "no private channel" in panel.error.value)
        eventually(lambda: panel.feed.state == "failed")
        yield panel
        panel.close()


@pytest.fixture
def cut_off() -> Iterator[tuple[Explorer, Sandbox]]:
    """The panel of a feed that lost its connections, and waits ten minutes for the next try."""
    with Sandbox() as sandbox, patient(sandbox) as portal:
        panel = Explorer(portal, repaint=0.01)
        panel.start_button.click()
        eventually(lambda: panel.feed.state == "connected")
        sandbox.drop_connections()
        eventually(lambda: panel.feed.next_try is not None)
        yield panel, sandbox
        panel.close()


def patient(sandbox: Sandbox) -> Portal:
    """The portal, whose feeds wait ten minutes before each try."""
    return Portal(
        AccessToken(sandbox.url, sandbox.token), timing=Timing(delays=lambda: repeat(600.0))
    )


def offered(panel: Explorer) -> list[str]:
    """The names of the buttons in sight; none when the trouble is hidden."""
    trouble = panel.trouble
    if trouble.layout.display == "none":
        return []
    buttons = trouble.children[1].children
    return [one.description for one in buttons if one.layout.display != "none"]


def test_a_healthy_panel_offers_nothing(portal: Portal) -> None:
    """Before the start, and connected."""
    panel = Explorer(portal, repaint=0.01)
    assert offered(panel) == []
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    panel.paint()
    assert offered(panel) == []
    panel.close()


def test_without_a_private_channel_shared_only_helps(one_channel: Explorer) -> None:
    """One click: the setting changes, and the feed starts."""
    panel = one_channel
    eventually(lambda: offered(panel) == ["Shared only", "Doctor", "Close"])
    panel.trouble.shared_button.click()
    eventually(lambda: panel.feed.state == "connected")
    assert panel.feed.channels == ("shared",)
    assert panel.channels.value == "shared"
    eventually(lambda: offered(panel) == [])


def test_the_doctor_shows_its_findings(one_channel: Explorer) -> None:
    """And does not report that all is well where the start fails."""
    panel = one_channel
    panel.trouble.doctor_button.click()
    eventually(lambda: "Listen with channels" in panel.trouble.findings.value, 20)
    assert "nothing fails, see the warnings" in panel.trouble.findings.value
    panel.trouble.close_button.click()
    assert offered(panel) == []
    assert panel.trouble.findings.value == ""


def test_a_closed_error_comes_back_with_the_next_one(one_channel: Explorer) -> None:
    """The same error stays away."""
    panel = one_channel
    panel.trouble.close_button.click()
    panel.paint()
    assert offered(panel) == []
    panel.trouble.paint("another error")
    assert "Doctor" in offered(panel)


def test_a_lost_connection_counts_down_and_is_tried_at_once(
    cut_off: tuple[Explorer, Sandbox],
) -> None:
    """By a click on Retry now."""
    panel, _sandbox = cut_off
    eventually(lambda: "reconnecting, next try in " in panel.light.value)
    seconds = int(panel.light.value.partition("next try in ")[2].partition(" s")[0])
    assert 590 <= seconds <= 600
    eventually(lambda: offered(panel) == ["Retry now", "Use polling", "Doctor", "Close"])
    panel.trouble.retry_button.click()
    eventually(lambda: panel.feed.state == "connected")
    assert panel.feed.next_try is None
    eventually(lambda: offered(panel) == [])


def test_polling_is_one_click_away(cut_off: tuple[Explorer, Sandbox]) -> None:
    """Events that were missed meanwhile come too."""
    panel, sandbox = cut_off
    sandbox.publish("missed", {"n": 1})
    eventually(lambda: "Use polling" in offered(panel))
    panel.trouble.polling_button.click()
    eventually(lambda: panel.feed.state == "connected")
    assert (panel.feed.transport, panel.transport.value) == ("polling", "polling")
    eventually(lambda: panel.feed.df["command"].tolist() == ["missed"])
