"""The doctor: what it finds on a healthy portal, and on one with every fault it knows."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import count
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.diagnosis import Diagnosis, Finding, doctor
from bxpull_nb.diagnosis.context import CheckResult
from bxpull_nb.diagnosis.doctor import CHECKS
from bxpull_nb.errors import SettingsError
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken, Auth, MemoryStore, OAuthApp, Webhook
from bxpull_nb.sandbox import Sandbox

ORDER = (
    *("portal answers", "token accepted", "scope", "config", "push server", "clock"),
    *("channel life", "websocket", "polling"),
)
ALL_OK = ["ok"] * 9
WRONG = "0123456789abcdef0123456789abcdef"


def token(sandbox: Sandbox) -> Auth:
    """The sandbox's application."""
    return AccessToken(sandbox.url, sandbox.token)


def webhook(sandbox: Sandbox) -> Auth:
    """Its webhook."""
    return Webhook(sandbox.webhook)


@contextmanager
def opened(sandbox: Sandbox, auth: Callable[[Sandbox], Auth] = token) -> Iterator[Portal]:
    """The sandbox, running, as a portal."""
    with sandbox, Portal(auth(sandbox)) as portal:
        yield portal


def states(diagnosis: Diagnosis) -> list[str]:
    """How each check ended."""
    return [finding.state for finding in diagnosis.findings]


def found(diagnosis: Diagnosis, check: str) -> Finding:
    """One finding."""
    return next(finding for finding in diagnosis.findings if finding.check == check)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_all_is_well_on_every_version(version: int) -> None:
    """Nine checks in their order, and the same number of events back by either transport."""
    with opened(Sandbox(server_version=version)) as portal:
        diagnosis = doctor(portal, echoes=3)
    assert [finding.check for finding in diagnosis.findings] == list(ORDER)
    assert states(diagnosis) == ALL_OK
    assert diagnosis.ok
    dialect = {3: "text", 4: "protobuf", 5: "JSON-RPC"}[version]
    assert found(diagnosis, "push server").said.startswith(f"version {version}, {dialect} frames")
    for transport in ("websocket", "polling"):
        echoes = found(diagnosis, transport).echoes
        assert len(echoes) == 3
        assert all(0 < echo < 5000 for echo in echoes)


def test_the_texts_of_the_first_checks(sandbox: Sandbox, portal: Portal) -> None:
    """The address and its encryption, who one is, what was granted, what the config is about."""
    diagnosis = doctor(portal, echoes=1)
    texts = {finding.check: finding.said for finding in diagnosis.findings}
    assert texts["portal answers"] == f"{sandbox.url}, no TLS"
    assert texts["token accepted"] == "user 1, Ada Sandbox, an administrator, by an OAuth token"
    assert texts["scope"] == "granted: pull, pull_channel, crm, user, task, im"
    assert texts["config"] == "an application's channels: shared and private"
    assert texts["clock"].startswith("the portal's clock differs from this machine's by 0.")
    assert texts["channel life"] == "shared for 12 h 0 min, private for 12 h 0 min"


def test_notifies_of_findings_as_they_come(portal: Portal) -> None:
    """The very ones of the diagnosis."""
    notified: list[Finding] = []
    diagnosis = bx.doctor(portal, tell=notified.append, echoes=1)
    assert tuple(notified) == diagnosis.findings


def test_only_its_own_nonce_is_an_echo(sandbox: Sandbox, portal: Portal) -> None:
    """Another doctor's events, and unreadable ones, belong to others."""
    numbers = count()

    def nonce() -> str:
        others: list[Any] = [{"nonce": "strange"}, {"nonce": 7}, [], {}]
        for params in others:
            sandbox.publish("bxpull_echo", params)
        return f"mine-{next(numbers)}"

    diagnosis = doctor(portal, echoes=2, nonce=nonce)
    assert [f.state for f in diagnosis.findings[-2:]] == ["ok", "ok"]
    assert len(found(diagnosis, "websocket").echoes) == 2
    assert next(numbers) == 4


def test_latency_is_measured_with_the_given_clock(portal: Portal) -> None:
    """From the REST call to the event, in milliseconds."""
    seconds = count()
    diagnosis = doctor(portal, echoes=2, clock=lambda: float(next(seconds)))
    assert found(diagnosis, "websocket").echoes == (1000.0, 1000.0)
    assert "median 1000 ms, worst 1000 ms" in found(diagnosis, "websocket").said


def test_nothing_is_left_running(sandbox: Sandbox, portal: Portal) -> None:
    """No connection to the push server, no task on the portal's loop, no feed of the user's."""

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    doctor(portal, echoes=1)
    deadline = time.monotonic() + 5
    while "listeners 0" not in repr(sandbox):
        assert time.monotonic() < deadline, repr(sandbox)
        time.sleep(0.01)
    assert portal.bridge.run(tasks()) == 1
    assert portal.feeds == []


@pytest.mark.parametrize(("echoes", "seconds"), [(0, 10), (5, 0), (5, float("nan"))])
def test_numbers_that_cannot_be_used(portal: Portal, echoes: int, seconds: float) -> None:
    """Are refused before anything is tried."""
    with pytest.raises(SettingsError, match="take one echo or more"):
        doctor(portal, echoes=echoes, seconds=seconds)


# Faults of the portal


def test_no_server_answers() -> None:
    """One failure, and eight checks that need a portal."""
    with Portal(AccessToken("http://127.0.0.1:9", WRONG)) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["failed", *["not tried"] * 8]
    assert not diagnosis.ok
    assert found(diagnosis, "portal answers").next_step.startswith("Check the address and its port")
    assert {f.said for f in diagnosis.findings[1:]} == {"no portal answers"}


def test_a_page_in_the_portals_place(answering: Callable[..., str]) -> None:
    """A login page is no portal."""
    with Portal(AccessToken(answering(200, "<html>Sign in</html>"), WRONG)) as portal:
        finding = doctor(portal).findings[0]
    assert (finding.state, "HTML page" in finding.said) == ("failed", True)
    assert "login page, a proxy" in finding.next_step


def test_an_untrusted_certificate() -> None:
    """The file of the authority is what is missing."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    with opened(Sandbox(tls=True)) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["failed", *["not tried"] * 8]
    assert "CERTIFICATE_VERIFY_FAILED" in diagnosis.findings[0].said
    assert "SSL_CERT_FILE" in diagnosis.findings[0].next_step


def test_a_certificate_that_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything over TLS, and the finding names its version."""
    pytest.importorskip("trustme", reason="the extra `tls` is not installed")
    with Sandbox(tls=True) as sandbox:
        monkeypatch.setenv("SSL_CERT_FILE", str(sandbox.ca_path))
        with Portal(token(sandbox)) as portal:
            diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis) == ALL_OK
    assert "TLSv1.3, its certificate is trusted" in diagnosis.findings[0].said


@pytest.mark.slow
def test_a_portal_that_takes_its_time(sandbox: Sandbox) -> None:
    """Is waited for as long as `seconds`, not for ever."""

    class Slow(AccessToken):
        async def ready(self, _http: Any) -> None:
            await asyncio.sleep(60)

    with Portal(Slow(sandbox.url, sandbox.token)) as portal:
        diagnosis = doctor(portal, seconds=0.8)
    assert states(diagnosis) == ["ok", *["failed"] * 3, *["not tried"] * 5]
    assert found(diagnosis, "token accepted").said == "no answer within 0.8 s"
    assert found(diagnosis, "websocket").said == "there is no connection config"


@pytest.mark.slow
def test_a_portal_that_asks_for_patience(sandbox: Sandbox, portal: Portal) -> None:
    """Answers: that is what the first check is about."""
    sandbox.fail_rest("QUERY_LIMIT_EXCEEDED", 2)
    diagnosis = doctor(portal, echoes=1, seconds=0.9)
    assert states(diagnosis)[:3] == ["ok", "failed", "ok"]
    assert found(diagnosis, "token accepted").said == "no answer within 0.9 s"


def test_a_check_that_breaks_does_not_end_the_others(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a fault of ours, and the finding names it."""

    async def broken(_context: object) -> CheckResult:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setitem(CHECKS, "clock", broken)
    diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis) == [*["ok"] * 5, "failed", *["ok"] * 3]
    assert found(diagnosis, "clock").said == "ZeroDivisionError: nothing to divide by"
    assert "a check of the doctor failed" in caplog.text


# Faults of the authorization


@pytest.mark.parametrize(
    ("auth", "step"),
    [
        (lambda box: AccessToken(box.url, WRONG), "Log in again for a fresh token"),
        (lambda box: Webhook(f"{box.url}/rest/1/{WRONG}/"), "Copy the webhook's address again"),
        (
            lambda box: OAuthApp(
                box.url,
                box.client_id,
                box.client_secret,
                refresh_token=WRONG,
                token_url=f"{box.url}/oauth/token/",
                store=MemoryStore(),
            ),
            "Sign the application in again: bxpull login",
        ),
    ],
    ids=["token", "webhook", "application"],
)
def test_a_wrong_secret(sandbox: Sandbox, auth: Callable[[Sandbox], Auth], step: str) -> None:
    """The portal answers, and every check after the token is not tried; the secret is masked."""
    with Portal(auth(sandbox)) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["ok", "failed", *["not tried"] * 7]
    assert found(diagnosis, "token accepted").next_step.startswith(step)
    assert WRONG not in repr(diagnosis)


def test_an_expired_token(sandbox: Sandbox, portal: Portal) -> None:
    """Has a message of its own."""
    sandbox.expire_token()
    diagnosis = doctor(portal)
    assert found(diagnosis, "token accepted").said.startswith("profile: expired_token")
    assert "fresh token" in found(diagnosis, "token accepted").next_step


def test_the_scope_lacks_pull() -> None:
    """The config is tried all the same, and fails for the same reason."""
    with opened(Sandbox(scope="crm")) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["ok", "ok", "failed", "failed", *["not tried"] * 5]
    assert found(diagnosis, "scope").said == "'pull' is missing; granted: crm"
    for check in ("scope", "config"):
        assert found(diagnosis, check).next_step.startswith("Tick 'pull' in the application's")


def test_a_webhook_hears_its_users_own_feed() -> None:
    """It cannot send an application's events, so the connections are all that is tried."""
    with opened(Sandbox(), webhook) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ALL_OK
    assert "personal feed of the webhook's user" in found(diagnosis, "config").said
    assert found(diagnosis, "websocket").said.startswith("connected; a webhook cannot")
    assert found(diagnosis, "polling").said.startswith("a poll waits; a webhook cannot")
    assert found(diagnosis, "polling").echoes == ()


def test_a_webhook_of_the_older_edition_has_an_applications_channels() -> None:
    """And hears its own events."""
    with opened(Sandbox(edition="seed"), webhook) as portal:
        diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis) == ALL_OK
    assert found(diagnosis, "config").said == "an application's channels: shared and private"


def test_a_webhook_without_any_channels() -> None:
    """Both ways out are named."""
    with opened(Sandbox(scope="pull"), webhook) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["ok", "ok", "warning", "failed", *["not tried"] * 5]
    assert "WRONG_AUTH_TYPE" in found(diagnosis, "config").said
    assert "OAuth token, or tick 'pull_channel'" in found(diagnosis, "config").next_step


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("WRONG_LICENSE", "Ask the portal's administrator for a plan that has REST."),
        ("OVERLOAD_LIMIT", "Ask Bitrix24's support: they have blocked this portal's REST by hand."),
        ("ACCESS_DENIED", "Ask an administrator of the portal to allow it"),
    ],
)
def test_codes_of_the_portal(sandbox: Sandbox, portal: Portal, code: str, step: str) -> None:
    """Each has its own next step; an anonymous call shows only that a portal answers."""
    sandbox.fail_rest(code, 2)
    diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis)[:3] == ["ok", "failed", "ok"]
    assert found(diagnosis, "token accepted").next_step.startswith(step)


def test_a_deleted_portal(sandbox: Sandbox, portal: Portal) -> None:
    """Answers, but is none."""
    sandbox.fail_rest("PORTAL_DELETED", 1)
    finding = doctor(portal).findings[0]
    assert (finding.state, finding.next_step) == (
        "failed",
        "Check the address: this portal exists no more.",
    )


# Faults of the push server


def test_no_push_server() -> None:
    """The administrator is whom to ask."""
    with opened(Sandbox(configured=False)) as portal:
        diagnosis = doctor(portal)
    assert states(diagnosis) == ["ok", "ok", "ok", "failed", *["not tried"] * 5]
    assert found(diagnosis, "config").next_step.startswith("An administrator of the portal")


def test_websockets_switched_off() -> None:
    """Not tried, which is no failure; polling is."""
    with opened(Sandbox(websocket=False)) as portal:
        diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis)[-2:] == ["not tried", "ok"]
    assert "websocket_enabled is false" in found(diagnosis, "websocket").said
    assert diagnosis.ok


def test_websockets_blocked(sandbox: Sandbox, portal: Portal) -> None:
    """Three tries are enough; polling is the way out, and works."""
    sandbox.refuse_handshakes(100, status=403)
    sandbox.refuse_handshakes(100, status=502)
    diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis)[-2:] == ["failed", "ok"]
    assert "HTTP 502 (3 tries)" in found(diagnosis, "websocket").said
    assert found(diagnosis, "websocket").next_step.startswith("Listen with transport='polling'")
    assert found(diagnosis, "websocket").milliseconds < 5000


def test_a_handshake_that_is_refused_once(sandbox: Sandbox, portal: Portal) -> None:
    """All events came, but it is worth a word."""
    sandbox.refuse_handshakes(1)
    finding = found(doctor(portal, echoes=1), "websocket")
    assert finding.state == "warning"
    assert finding.said.endswith("there and back; 1 failed try before")


def test_a_channel_the_push_server_does_not_know(sandbox: Sandbox, portal: Portal) -> None:
    """Is not the network's fault."""
    sandbox.refuse_handshakes(100, status=400)
    finding = found(doctor(portal, echoes=1), "websocket")
    assert finding.state == "failed"
    assert "does not know the channel" in finding.said
    assert "signature key" in finding.next_step


def test_a_page_in_the_push_servers_place(sandbox: Sandbox, portal: Portal) -> None:
    """Polls alone are hit: WebSockets work."""
    sandbox.answer_html(100)
    diagnosis = doctor(portal, echoes=1)
    assert states(diagnosis)[-2:] == ["ok", "failed"]
    assert "HTML page" in found(diagnosis, "polling").said
    assert "something between here and the push server" in found(diagnosis, "polling").next_step


@pytest.mark.slow
def test_a_push_server_that_sends_nothing(sandbox: Sandbox, portal: Portal) -> None:
    """Neither transport takes longer than it may, and the administrator is whom to ask."""
    sandbox.stall(4)
    begun = time.monotonic()
    diagnosis = doctor(portal, echoes=1, seconds=1)
    assert time.monotonic() - begun < 4
    assert states(diagnosis)[-2:] == ["failed", "failed"]
    websocket, polling = diagnosis.findings[-2:]
    assert websocket.said == "connected, but 0 of 1 test events came back within 1 s"
    assert polling.said == "a poll waits, but 0 of 1 test events came back within 1 s"
    assert websocket.next_step.startswith("Show this to the portal's administrator")


def test_events_that_are_lost(sandbox: Sandbox, portal: Portal) -> None:
    """The ones that came are measured, and the loss is a failure."""
    sandbox.lose(1)
    finding = found(doctor(portal, echoes=3, seconds=1.5), "websocket")
    assert finding.state == "failed"
    assert "2 of 3 test events came back" in finding.said
    assert len(finding.echoes) == 2


@pytest.mark.parametrize(("offset", "where"), [(3.5, "3.5 s ahead of"), (-60, "60.0 s behind")])
def test_clocks_that_differ(offset: float, where: str) -> None:
    """A warning: lag is measured with them, listening is not."""
    with opened(Sandbox(now=lambda: time.time() + offset)) as portal:
        diagnosis = doctor(portal, echoes=1)
    assert found(diagnosis, "clock").said == f"the portal's clock is {where} this machine's"
    assert "lag of events is measured with it" in found(diagnosis, "clock").next_step
    assert found(diagnosis, "clock").state == "warning"
    assert diagnosis.ok


def test_channels_that_end_soon() -> None:
    """A warning below ten minutes; nothing is to be done."""
    with opened(Sandbox(channel_ttl=300)) as portal:
        finding = found(doctor(portal, echoes=1), "channel life")
    assert finding.state == "warning"
    assert re.search(r"shared for 4 min 5\d s", finding.said)


def test_an_application_without_private_channel() -> None:
    """Listens to what there is; the default, both channels, would not start."""
    with opened(Sandbox(private=False)) as portal:
        diagnosis = doctor(portal, echoes=1)
    assert sorted(states(diagnosis)) == ["ok"] * 8 + ["warning"]
    finding = found(diagnosis, "channel life")
    assert finding.said == "shared for 12 h 0 min"
    assert finding.next_step.startswith("Listen with channels='shared'")


# How it is shown


DIAGNOSIS = Diagnosis(
    "acme",
    [
        Finding(check="portal answers", ok=True, said="<b>here</b>", milliseconds=12.4),
        Finding(check="clock", ok=True, said="3 s ahead", next_step="Set it."),
        Finding(check="websocket", ok=False, said="x" * 120, next_step="Poll & wait."),
        Finding(check="polling", ok=True, said="fine", milliseconds=9, echoes=(4.0, 2.0, 30.0)),
        Finding(check="push", ok=None, said="there is no config"),
    ],
)


def test_the_text() -> None:
    """A table of signs and words, the next step below what it is about, and a summary."""
    lines = repr(DIAGNOSIS).split("\n")
    assert lines[0] == "✓ ok         portal answers     12 ms  <b>here</b>"
    assert lines[1] == "! warning    clock               0 ms  3 s ahead"
    assert lines[2] == f"{'':39}→ Set it."
    assert lines[3] == f"✗ failed     websocket           0 ms  {'x' * 120}"
    assert lines[-3] == "\N{EN DASH} not tried  push                0 ms  there is no config"
    assert lines[-1] == (
        "acme: something fails (2 ok, 1 warning, 1 failed, 1 not tried); "
        "by polling 4 ms, at worst 30 ms"
    )


def test_the_html_is_escaped_and_whole() -> None:
    """Foreign words stay words, and every tag is closed."""
    html = DIAGNOSIS._repr_html_()
    assert "&lt;b&gt;here&lt;/b&gt;" in html
    assert "Poll &amp; wait." in html
    assert html.count("<tr>") == 6
    open_tags: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: Any) -> None:
            open_tags.extend([tag] if tag != "br" else [])

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Balance().feed(html)
    assert open_tags == []


def test_the_frame_has_fixed_dtypes() -> None:
    """Whatever was found, and even when nothing was."""
    frame = DIAGNOSIS.to_frame()
    names = ["check", "ok", "state", "said", "next_step", "milliseconds", "echoes"]
    kinds = ["str", "boolean", "str", "str", "str", "float64", "int64", "float64", "float64"]
    assert list(frame.columns) == [*names, "median_ms", "worst_ms"]
    assert list(map(str, frame.dtypes)) == kinds
    assert frame["ok"].isna().tolist() == [False] * 4 + [True]
    assert frame[["echoes", "median_ms", "worst_ms"]].iloc[3].tolist() == [3, 4.0, 30.0]
    assert frame["median_ms"].isna().sum() == 4
    assert (Diagnosis("nothing", []).to_frame().dtypes == frame.dtypes).all()


def test_no_secret_is_shown() -> None:
    """Not the token, not the channels, not the jwt, in whatever form."""
    with opened(Sandbox(server_version=5)) as portal:
        config = portal.fetch_config()
        diagnosis = doctor(portal, echoes=1)
        secrets = [portal.rest.auth.headers()["Authorization"].split()[1], config.jwt]
    secrets += [name for c in config.channels.values() for name in (c.id, c.public_id)]
    shown = repr(diagnosis) + diagnosis._repr_html_() + diagnosis.to_frame().to_csv()
    assert [secret for secret in filter(None, secrets) if secret in shown] == []
    assert len(list(filter(None, secrets))) >= 4


# Sources of events


def sources_of(sandbox: Sandbox, auth: Callable[[Sandbox], Auth] = token) -> dict[str, Finding]:
    """The findings about sources."""
    with opened(sandbox, auth) as portal:
        diagnosis = doctor(portal, echoes=1)
    assert diagnosis.ok
    assert all(source.check in repr(diagnosis) for source in diagnosis.sources)
    return {finding.check: finding for finding in diagnosis.sources}


def test_an_administrators_application_has_three_sources() -> None:
    """All but the personal feed, and the summary names them."""
    with opened(Sandbox()) as portal:
        diagnosis = doctor(portal, echoes=1)
        bound = portal.call("event.get")
    assert [source.state for source in diagnosis.sources] == ["ok", "not tried", "ok", "ok"]
    assert diagnosis.summary.endswith("; sources: app channels, offline events, chat events")
    channels, personal, offline, chat = diagnosis.sources
    assert "no deals and no tasks" in channels.said
    assert "connect with a webhook of scope 'pull_channel'" in personal.next_step
    assert re.match(r"allowed: \d\d names of events, scopes crm, task; records", offline.said)
    assert "one reader only" in chat.said
    assert bound == []  # looked at, and left as it was


def test_a_webhook_has_two_sources() -> None:
    """Its user's feed and chats; the two others need an application."""
    found = sources_of(Sandbox(), webhook)
    assert [found[name].state for name in found] == ["not tried", "ok", "not tried", "ok"]
    assert "web interface of user 1" in found["personal feed"].said
    for name in ("app channels", "offline events"):
        assert found[name].said == "a webhook has no application"
        assert found[name].next_step.startswith("Connect with an application's OAuth token")


@pytest.mark.parametrize(
    ("settings", "said", "step"),
    [
        ({"admin": False}, "the user is no administrator", "token of an administrator"),
        ({"scope": "pull,im"}, "no scope with events", "Tick 'crm' in the application's settings"),
        ({"offline_extended": False}, "the plan cannot mark records", "lose up to 50 changes"),
    ],
)
def test_what_keeps_offline_events_away(settings: dict[str, Any], said: str, step: str) -> None:
    """The user, the scope, or the plan, which is a warning only."""
    finding = sources_of(Sandbox(**settings))["offline events"]
    assert said in finding.said
    assert step in finding.next_step
    assert finding.state == ("warning" if "offline_extended" in settings else "not tried")


def test_chat_needs_its_scope() -> None:
    """And the finding names it."""
    finding = sources_of(Sandbox(scope="pull,crm"))["chat events"]
    assert (finding.state, finding.said) == ("not tried", "the scope 'im' is missing")
    assert finding.next_step.startswith("Tick 'im' in the application's settings")


def test_no_source_without_a_portal() -> None:
    """And none in the summary."""
    with Portal(AccessToken("http://127.0.0.1:9", WRONG)) as portal:
        diagnosis = doctor(portal)
    assert [source.said for source in diagnosis.sources] == ["no portal answers"] * 4
    assert "sources" not in diagnosis.summary
