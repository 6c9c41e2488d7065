"""Of 1 000 planted persons nothing is stored, logged or shown by a feed with `privacy`."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import bxpull_nb as bx
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.dataset import Uploader
from tests.support.fake_comm import Recorder, record_comms
from tests.support.persons import Person, events_of, found_in, persons

KEY = "the key of these tests, and no other"


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """A thousand persons."""
    return persons(1_000)


def shown_by(feed: bx.Feed, comms: Recorder) -> Iterator[str]:
    """Everything that a person sees of the feed."""
    panel = bx.explore(feed, static=True)
    panel.paint()
    yield panel._repr_html_() if hasattr(panel, "_repr_html_") else repr(panel)
    yield json.dumps([message.data for message in comms.sent], ensure_ascii=False)
    yield "".join(bytes(part).decode(errors="replace") for m in comms.sent for part in m.buffers)
    panel.close()
    for one in (feed, feed.stats, feed.report(), feed.logbook, feed.privacy):
        yield repr(one) + (getattr(one, "_repr_html_", str)() or "")
    for row in range(0, len(feed), 97):
        anatomy = feed.anatomy(row)
        frame = feed._hub.frame_of(row)
        yield repr(anatomy) + anatomy._repr_html_() + str(frame)
    yield feed.df.to_csv() + feed.logbook.df.to_csv() + feed.report().to_frame().to_csv()


def stored_by(feed: bx.Feed, folder: Path) -> Iterator[str]:
    """Everything that a feed leaves on disk, and what is read from it."""
    written = [feed.to_csv(folder / "e.csv"), feed.to_jsonl(folder / "e.jsonl", reveal=True)]
    journal = folder / "journal"
    Uploader(journal, folder / "dataset", "portal").upload()
    for path in (*written, *journal.iterdir()):
        yield path.read_bytes().decode(errors="replace")
    for source in (journal, folder / "dataset", feed.to_parquet(folder / "e.parquet", reveal=True)):
        yield bx.read_events(source).to_csv()
    import pandas as pd

    yield pd.read_excel(feed.to_excel(folder / "e.xlsx")).to_csv()


def test_the_search_finds_what_is_planted(people: list[Person]) -> None:
    """Otherwise the next test could not fail."""
    few = people[:50]
    texts = [json.dumps(list(events_of(one, n)), ensure_ascii=False) for n, one in enumerate(few)]
    found = set(found_in("\n".join(texts), few))
    assert found >= {one.first for one in few} | {one.last for one in few}
    assert found >= {one.mail for one in few} | {one.phone for one in few}
    assert found >= {one.birthday for one in few} | {one.handle for one in few}


@pytest.mark.parametrize("version", [3, 4, 5])
def test_nothing_of_a_thousand_persons_is_left(
    version: int,
    people: list[Person],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the journal, the dataset, the tables, the exports, the log, the report and the panel."""
    caplog.set_level(logging.DEBUG)
    comms = record_comms(monkeypatch)
    planted = people if version == 4 else people[:60]
    events = [event for number, one in enumerate(planted) for event in events_of(one, number)]
    with (
        Sandbox(server_version=version) as sandbox,
        Portal(AccessToken(sandbox.url, sandbox.token)) as portal,
    ):
        privacy = bx.Pseudonyms(KEY)
        feed = bx.listen(portal, journal=tmp_path / "journal", privacy=privacy)
        for command, params in events:
            sandbox.publish(command, params)
        if version < 5:
            sandbox.publish_raw(f"unreadable {planted[0].first} {planted[0].mail}")
        feed.wait(len(events) + (version < 5), timeout=60)
        texts = list(shown_by(feed, comms))
        feed.stop()
        texts += stored_by(feed, tmp_path)
        rows = feed.df
    texts += [f"{one.name} {one.getMessage()} {one.exc_text}" for one in caplog.records]
    assert found_in("\n".join(texts), planted) == []
    assert KEY not in "".join(texts)
    assert len(rows) == len(events) + (version < 5)
    assert rows["params"].map(lambda text: json.loads(text) is not None).all()
    unreadable = rows[rows["error"].notna()]["params"]
    assert [text.count("withheld: ") for text in unreadable] == [1] * (version < 5)
    assert bx.read_events(tmp_path / "journal")["params"].tolist() == rows["params"].tolist()


def test_a_private_capture_is_continued(sandbox: Sandbox, tmp_path: Path) -> None:
    """By a later process: nothing is lost, nothing doubled, and the server was not reset."""
    for start in (0, 5):
        with Portal(AccessToken(sandbox.url, sandbox.token)) as portal:
            feed = bx.listen(portal, journal=tmp_path / "j", privacy=bx.Pseudonyms(KEY))
            for number in range(start, start + 5):
                sandbox.publish("hello", {"n": number, "user": {"name": "Olga Roth"}})
            feed.wait(5, timeout=20)
            feed.stop()
            resets = feed.report().resets
        for number in range(100 + start, 103 + start):
            sandbox.publish("meanwhile", {"n": number, "text": "for olga roth"})
        assert resets == 0
    events = bx.read_events(tmp_path / "j")
    numbers = bx.expand_params(events)["params.n"].tolist()
    assert sorted(numbers) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 102]
    assert not events["params"].str.contains("olga|roth", case=False).any()
