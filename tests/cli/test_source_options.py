"""`bxpull listen` with `--events`, `--chat` and `--privacy-key-env`, with and without a dataset."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

import bxpull_nb as bx
from bxpull_nb.sandbox import Sandbox
from tests.support.command import assert_fails, bxpull
from tests.support.pace import quicken

KEY = "the key of these tests, and no other"


def known(sandbox: Sandbox) -> list[str]:
    """The options of the sandbox's application."""
    return ["--url", sandbox.url, "--token", sandbox.token]


@pytest.fixture(autouse=True)
def _quick_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the sources more often than the limits of a real portal allow."""
    quicken(monkeypatch, source_rate=100.0, chat_every=0.1)


@contextmanager
def changing(sandbox: Sandbox) -> Iterator[None]:
    """Make events of each source ten times a second, for the sources begin one after another."""

    def change_again_and_again() -> None:
        while not ended.wait(0.1):
            change(sandbox)

    ended = Event()
    thread = Thread(target=change_again_and_again)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def change(sandbox: Sandbox) -> None:
    """Make one event of each source."""
    number = sandbox.deals.add(TITLE="new")
    sandbox.change_deal(number, TITLE="Call Ada at +7 912 345-67-89")
    sandbox.chat_message("hello from ada@example.com")
    sandbox.publish("seen", {"n": 1})


def test_events_of_every_source_have_their_source(sandbox: Sandbox) -> None:
    """In each JSON line, which without other sources has none."""
    with changing(sandbox):
        result = bxpull("listen", *known(sandbox), "--events", "crm", "--chat", "--for", "2")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    found = {(row["source"], row["command"]) for row in rows}
    assert found >= {("channel", "seen"), ("offline", "ONCRMDEALUPDATE")}
    assert "chat" in {row["source"] for row in rows}
    assert result.exit_code == 0
    assert "chat events have one reader" in result.stderr


@pytest.mark.parametrize("events", [["--events", "crm"], ["--events", "ONCRMDEALUPDATE,ONTASKADD"]])
def test_a_webhook_hears_why_it_gets_no_offline_events(sandbox: Sandbox, events: list[str]) -> None:
    """One sentence; the others go on, and the exit code is 3."""
    result = bxpull("listen", "--webhook", sandbox.webhook, *events, "--for", "1", "--no-journal")
    assert result.exit_code == 3
    [line] = [line for line in result.stderr.splitlines() if "bxpull: offline" in line]
    assert "need an application's authorization, not a webhook: connect(url, token=...)" in line
    assert "connected" in result.stderr


@pytest.mark.parametrize(
    ("settings", "options", "words"),
    [
        ({"admin": False}, ["--events", "crm"], "administrator"),
        ({"scope": "pull,crm"}, ["--chat"], "im"),
        ({}, ["--events", "ONCRMDEALUPDAET"], "ONCRMDEALUPDATE"),
    ],
)
def test_what_keeps_a_source_away_is_one_sentence(
    settings: dict[str, object], options: list[str], words: str
) -> None:
    """With what to do; exit code 3."""
    with Sandbox(**settings) as sandbox:  # type: ignore[arg-type]
        result = bxpull("listen", *known(sandbox), *options, "--for", "1", "--no-journal")
    assert result.exit_code == 3
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_the_collector_takes_them_and_replaces_personal_data(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Before the journal and the dataset have it; the key is in neither, nor in the log."""
    dataset, journal = tmp_path / "dataset", tmp_path / "journal"
    options = ["--events", "crm", "--enrich", "--chat", "--privacy-key-env", "MY_KEY", "--for", "2"]
    where = ["--dataset", str(dataset), "--journal", str(journal)]
    with changing(sandbox):
        result = bxpull("listen", *known(sandbox), *options, *where, MY_KEY=KEY)
    assert result.exit_code == 0
    events = bx.read_events(dataset)
    assert {"channel", "offline", "chat"} <= set(events["source"])
    shown = (
        events.to_csv()
        + result.output
        + "".join(path.read_bytes().decode(errors="replace") for path in journal.iterdir())
    )
    for planted in ("345-67-89", "ada@example.com", KEY):
        assert planted not in shown
    assert "@example.invalid" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--privacy-key-env", KEY.replace(" ", "_")], "takes the name of a variable"),
        (["--privacy-key-env", "EMPTY"], "is not set"),
        (["--privacy-key-env", "SHORT"], "the key must be a text or bytes of 16 or more"),
        (["--enrich"], "enrich is for offline events"),
        (["--events", ""], "is no name"),
    ],
)
def test_what_was_typed_wrong(sandbox: Sandbox, options: list[str], words: str) -> None:
    """One line, before anything is sent; a key that was given for a name is not shown."""
    result = bxpull("listen", *known(sandbox), *options, SHORT="short", EMPTY="")
    assert_fails(result, result.exit_code, words)
    assert result.exit_code in (1, 2)
    assert KEY.replace(" ", "_") not in result.stderr
