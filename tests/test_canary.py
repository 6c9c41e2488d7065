"""Nothing leaks: a run of everything, and a search of all its texts for every secret it knew."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.errors import BxPullError
from bxpull_nb.masking import mask
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox
from tests.support.fake_comm import Recorder, from_page, record_comms
from tests.support.pace import quicken

PRIVACY_KEY = "canary-of-the-pseudonyms-0123456789"


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Everything the widgets publish."""
    return record_comms(monkeypatch)


def secrets_of(sandbox: Sandbox, *configs: PullConfig) -> set[str]:
    """Tokens, the application's and the webhook's secret, channel ids, their parts, jwt."""
    known = {sandbox.token, sandbox.refresh_token, sandbox.client_secret}
    known.add(sandbox.webhook.rstrip("/").rpartition("/")[2])
    for config in configs:
        known.add(config.jwt or "")
        for channel in config.channels.values():
            known |= {channel.id, channel.id.partition(".")[2], channel.public_id or ""}
        for public in config.public_channels.values():
            known |= {public.public_id, public.signature}
    return {secret for secret in known if len(secret) >= 16}


def tried(work: Callable[[], object]) -> str:
    """The text of an error, with its chain and its local traceback; nothing when there is none."""
    try:
        work()
    except BxPullError as error:
        return "".join(traceback.format_exception(error))
    return ""


def texts_of(portal: Portal, sandbox: Sandbox, comms: Recorder, folder: Path) -> Iterator[str]:
    """Everything a session puts before a person, or into a file that is passed on."""
    feed = bx.listen(portal, journal=folder / "capture")
    panel = bx.explore(portal, static=True)
    from_page(panel.config_card, {"kind": "hello"})
    portal.send_event("greeting", {"n": 1})
    feed.expect("greeting")
    sandbox.drop_connections()
    sandbox.publish("a", {"n": 2})
    feed.expect("a")
    yield tried(lambda: portal.call("profile"))
    yield tried(lambda: feed.call("ping"))
    yield repr(bx.doctor(portal, echoes=1))
    panel.paint()
    config = portal.fetch_config()
    for shown in (portal, feed, feed.stats, feed.report(), feed.logbook, config, config.server):
        yield repr(shown) + str(shown) + (getattr(shown, "_repr_html_", str)() or "")
    yield feed.anatomy()._repr_html_()
    yield feed.logbook.df.to_csv() + feed.report().to_frame().to_csv()
    yield config.to_frame().to_csv() + str(config.to_records())
    for path in (feed.to_csv(folder / "e.csv"), feed.to_jsonl(folder / "e.jsonl")):
        yield path.read_text()
    yield from texts_of_sources(portal, sandbox, folder)
    yield str(bx.codec) + json.dumps([message.data for message in comms.sent])
    yield str(panel._repr_mimebundle_())
    yield str(panel.get_manager_state()) if hasattr(panel, "get_manager_state") else ""
    panel.close()


def texts_of_sources(portal: Portal, sandbox: Sandbox, folder: Path) -> Iterator[str]:
    """The same of a feed of all sources, with refusals, an expired token, and pseudonyms."""
    feed = bx.listen(
        portal,
        events=["ONCRMDEALUPDATE", "ONCRMDEALUPDAET"],
        enrich=True,
        chat=True,
        unbind=True,
        journal=folder / "sources",
        privacy=bx.Pseudonyms(PRIVACY_KEY),
    )
    number = sandbox.deals.add(TITLE="Forty chairs")
    sandbox.fail_rest("QUERY_LIMIT_EXCEEDED", 2)
    sandbox.expire_token()
    sandbox.change_deal(number, STAGE_ID="WON")
    sandbox.chat_message("hello")
    assert feed.expect("ONCRMDEALUPDATE", within=30).source == "offline"
    assert feed.expect("ONIMV2MESSAGEADD", within=30).source == "chat"
    yield tried(lambda: bx.listen(portal, events=["a", 7]))  # type: ignore[list-item]
    yield tried(lambda: bx.listen(portal, privacy=PRIVACY_KEY))  # type: ignore[arg-type]
    feed.stop()
    for shown in (feed, feed.stats, feed.report(), feed.logbook, feed.privacy, portal):
        yield repr(shown) + str(shown) + (getattr(shown, "_repr_html_", str)() or "")
    yield feed.logbook.df.to_csv() + feed.report().to_frame().to_csv()
    yield feed.anatomy()._repr_html_() + feed.to_csv(folder / "sources.csv").read_text()
    for path in (folder / "sources").iterdir():
        assert PRIVACY_KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_whole_session_shows_no_secret(
    version: int,
    tmp_path: Path,
    comms: Recorder,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does any log line, of ours or of the libraries below, at any level."""
    caplog.set_level(logging.DEBUG)
    quicken(monkeypatch, source_rate=100.0, chat_every=0.1)
    with Sandbox(server_version=version) as sandbox:
        how: dict[str, Any] = {"client_id": sandbox.client_id}
        how |= {"client_secret": sandbox.client_secret, "refresh_token": sandbox.refresh_token}
        how |= {"token": sandbox.token, "token_url": f"{sandbox.url}/oauth/token/"}
        with bx.connect(sandbox.url, store=_Nowhere(), **how) as portal:
            before = secrets_of(sandbox, portal.fetch_config())
            texts = list(texts_of(portal, sandbox, comms, tmp_path))
            secrets = before | secrets_of(sandbox, portal.fetch_config())
    texts += [f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records]
    assert len(secrets) >= 6
    secrets.add(PRIVACY_KEY)
    assert {"bxpull_nb", "httpx", "httpcore.http11"} <= {r.name for r in caplog.records}
    assert any(mask(secret) in text for secret in secrets for text in texts)  # it would be there
    leaks = [
        text[max(at - 80, 0) : at + 20]
        for s in secrets
        for text in texts
        if (at := text.find(s)) >= 0
    ]
    assert leaks == []


class _Nowhere:
    """A token store that keeps nothing."""

    def load(self, _portal: str, _client_id: str) -> None:
        """Nothing is kept."""

    def save(self, _portal: str, _client_id: str, _pair: object) -> None:
        """Keep nothing."""

    def forget(self, _portal: str, _client_id: str) -> None:
        """There is nothing."""
