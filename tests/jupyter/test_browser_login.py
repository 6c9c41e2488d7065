"""The login of an application from the panel, in a browser."""

from pathlib import Path

import pytest

from tests.support.hosts import HOSTS, Host, opened
from tests.support.lab_panel import counted, press
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CELLS = [
    """import bxpull_nb as bx
from bxpull_nb.rest.auth import MemoryStore

sandbox = bx.Sandbox(demo=True).start()
application = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
portal = bx.connect(sandbox.url, **application, store=MemoryStore())""",
    "bx.explore(portal)",
]


@pytest.mark.parametrize("host", [HOSTS["JupyterLab"], HOSTS["marimo"]], ids=["Lab", "marimo"])
def test_a_click_and_a_link_log_in(host: Host, tmp_path: Path) -> None:
    """Start fails without tokens; after the portal's page the events come."""
    with opened(host, tmp_path, CELLS) as tab:
        press(tab, "Start")
        tab.page.get_by_text("no tokens of this application").first.wait_for()
        press(tab, "Log in")
        link = tab.page.get_by_role("link", name="Log in at 127.0.0.1")
        with tab.page.context.expect_page() as opening:
            link.click()
        opening.value.get_by_text("You may close this window.").wait_for()
        tab.page.get_by_text("connected by websocket").wait_for()
        eventually(lambda: counted(tab) > 10)
        link.wait_for(state="hidden")
        assert tab.errors == []
        assert tab.outside_requests == []
