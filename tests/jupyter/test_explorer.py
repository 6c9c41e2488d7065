"""The control panel without a browser: a fake comm records, the test presses the buttons."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.jupyter.widgets.export_form import named, unused
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.export import read_events
from tests.support.fake_comm import Recorder, from_page, sent_by
from tests.support.rows import played
from tests.support.waiting import eventually


@pytest.fixture
def panel(comms: Recorder, portal: Portal) -> Iterator[Explorer]:
    """A panel that repaints quickly."""
    explorer = Explorer(portal, repaint=0.01)
    yield explorer
    explorer.close()


def test_an_idle_panel_shows_it_and_offers_to_start(panel: Explorer) -> None:
    """Nothing to stop, nothing to export."""
    assert "not started" in panel.light.value
    assert (panel.start_button.disabled, panel.stop_button.disabled) == (False, True)
    assert panel.export.export_button.disabled
    assert "Press Start" in panel.table.empty


def test_fetching_shows_the_config(panel: Explorer) -> None:
    """Masked, and with the toggles' choice."""
    panel.cache.value = False
    panel.fetch_button.click()
    eventually(lambda: panel.config_card.config is not None)
    eventually(lambda: "Config fetched at" in panel.status.value)


def test_start_watch_stop(panel: Explorer, sandbox: Sandbox) -> None:
    """The light, the counters and the buttons follow the feed."""
    panel.start_button.click()
    eventually(lambda: "connected by websocket" in panel.light.value)
    assert (panel.start_button.disabled, panel.stop_button.disabled) == (True, False)
    for n in range(30):
        sandbox.publish("a", {"n": n}, channel=["shared", "private"][n % 2])
    eventually(lambda: "<b>30</b>" in panel.counters.value)
    panel.stop_button.click()
    eventually(lambda: "stopped" in panel.light.value)
    assert len(panel.feed) == 30


def test_the_table_gets_every_row_once(panel: Explorer, sandbox: Sandbox, comms: Recorder) -> None:
    """In messages of the timer, not one per event."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    from_page(panel.table, {"kind": "hello", "page": "p", "epoch": None, "end": None})
    for n in range(500):
        sandbox.publish("a", {"n": n})

    def rows() -> list[int]:
        contents = [m.content for m in comms.sent if m.content and m.content.get("count")]
        return [row for c in contents for row in range(c["start"], c["start"] + c["count"])]

    eventually(lambda: len(rows()) >= 500)
    assert rows() == list(range(500))


def test_the_channel_toggle_switches_a_running_feed(panel: Explorer, sandbox: Sandbox) -> None:
    """What was captured stays."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: len(panel.feed) == 1)
    panel.channels.value = "private"
    eventually(lambda: panel.feed.channels == ("private",) and panel.feed.state == "connected")
    sandbox.publish("a", {"n": 2}, channel="shared")
    sandbox.publish("a", {"n": 3}, channel="private")
    eventually(lambda: len(panel.feed) == 2)
    assert panel.feed.df["channel"].tolist() == ["shared", "private"]


def test_the_transport_is_chosen_before_the_start(panel: Explorer) -> None:
    """And used by the connection."""
    panel.transport.value = "polling"
    panel.start_button.click()
    eventually(lambda: panel.feed.running)
    assert panel.feed.transport == "polling"


def test_the_export_button_writes_the_file(
    panel: Explorer, sandbox: Sandbox, tmp_path: Path
) -> None:
    """And shows the number of events and the path."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: not panel.export.export_button.disabled)
    panel.export.file_name.value = str(tmp_path / "out")
    panel.export.export_button.click()
    eventually(lambda: "Wrote 1 event to" in panel.export.status.value)
    assert read_events(tmp_path / "out.csv")["params"].tolist() == ['{"n":1}']


def test_an_export_that_fails_is_shown_and_costs_nothing(
    panel: Explorer, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The panel stays alive, the events stay where they are."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: not panel.export.export_button.disabled)
    panel.export.file_name.value = str(tmp_path / "nowhere" / "out.csv")
    panel.export.export_button.click()
    eventually(lambda: "No such file or directory" in panel.error.value)
    sandbox.publish("a", {"n": 2})
    eventually(lambda: "<b>2</b>" in panel.counters.value)


@pytest.mark.parametrize(
    ("how", "token", "message"),
    [
        ({}, "0" * 32, "fresh token"),
        ({"private": False}, "", "no private channel"),
        ({"configured": False}, "", "Push &amp; Pull server is not configured"),
    ],
)
def test_what_goes_wrong_is_one_sentence_in_the_panel(
    comms: Recorder, how: dict[str, Any], token: str, message: str
) -> None:
    """Never a traceback, and never the token."""
    with (
        Sandbox(**how) as sandbox,
        Portal(AccessToken(sandbox.url, token or sandbox.token)) as portal,
    ):
        panel = Explorer(portal, repaint=0.01)
        panel.start_button.click()
        eventually(lambda: message in panel.error.value)
        assert "failed" in panel.light.value
        assert "Traceback" not in panel.error.value
        assert sandbox.token not in panel.error.value
        panel.close()


def test_an_html_answer_gives_an_error(comms: Recorder, answering: Callable[..., str]) -> None:
    """Such as a login page."""
    with Portal(AccessToken(answering(body="<html>"), "0" * 32)) as portal:
        panel = Explorer(portal, repaint=0.01)
        panel.fetch_button.click()
        eventually(lambda: "it is an HTML page, not JSON" in panel.error.value)
        panel.close()


def test_exploring_again_shows_the_same_feed(panel: Explorer, portal: Portal) -> None:
    """The one that was started last."""
    panel.start_button.click()
    eventually(lambda: panel.feed.running)
    again = Explorer(portal)
    assert again.feed is panel.feed
    again.close()
    assert panel.feed.running


def test_one_of_many_panels_paints(comms: Recorder, portal: Portal, sandbox: Sandbox) -> None:
    """A cell that is run forty times costs what one panel costs; the others name the newest."""
    panels = [Explorer(portal, repaint=0.01) for _ in range(40)]
    newest = panels[-1]
    eventually(lambda: all("Frozen" in panel.status.value for panel in panels[:-1]))
    newest.start_button.click()
    eventually(lambda: newest.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: "<b>1</b>" in newest.counters.value)
    assert [panel for panel in panels[:-1] if "<b>1</b>" in panel.counters.value] == []
    assert all("frozen" in panel.light.value for panel in panels[:-1])
    assert all(panel.start_button.disabled and panel.channels.disabled for panel in panels[:-1])
    assert all(panel._timer.cancelled() for panel in panels[:-1])
    assert "Frozen" not in newest.status.value
    for panel in panels:
        panel.close()


def are_frozen(panels: list[Explorer]) -> bool:
    """Whether each panel says so."""
    return all("Frozen" in panel.status.value for panel in panels)


def test_one_panel_of_a_recording_paints(comms: Recorder, tmp_path: Path) -> None:
    """A cell that is run again plays the file again, in another feed."""
    events = played(3)
    path = bx.to_csv(events, tmp_path / "e.csv")
    for source in (events, path, bx.to_csv(events, tmp_path / "other.csv")):
        panels = [bx.explore(source), bx.explore(source), Explorer(bx.replay(source))]
        eventually(partial(are_frozen, panels[:-1]))
        assert all(panel._timer.cancelled() for panel in panels[:-1])
        assert "Frozen" not in panels[-1].status.value
        for panel in panels:
            panel.close()


def test_a_frozen_panel_names_the_cell_of_the_live_one(
    panel: Explorer, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to have it back."""
    history = SimpleNamespace(input_hist_parsed=[""] * 13)
    shell = SimpleNamespace(history_manager=history)
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    other = Explorer(portal)
    eventually(lambda: "in the output of cell [12]" in panel.status.value)
    assert "run this cell again" in panel.status.value
    other.close()


def test_a_frozen_panel_that_is_displayed_again_is_live(
    panel: Explorer, portal: Portal, sandbox: Sandbox
) -> None:
    """With the settings of now; the other one freezes, and no connection is made for it."""
    other = Explorer(portal, repaint=0.01)
    other.start_button.click()
    eventually(lambda: other.feed.state == "connected")
    other.channels.value = "private"
    eventually(lambda: other.feed.channels == ("private",) and other.feed.state == "connected")
    bundle(panel)
    eventually(lambda: "connected by websocket" in panel.light.value)
    eventually(lambda: "Frozen" in other.status.value)
    assert (panel.channels.value, panel.channels.disabled) == ("private", False)
    sandbox.publish("a", {"n": 1}, channel="private")
    eventually(lambda: "<b>1</b>" in panel.counters.value)
    assert "Frozen" not in panel.status.value
    assert "<b>1</b>" not in other.counters.value
    started = [entry for entry in panel.feed.logbook.recent(0) if entry.kind == "started"]
    assert len(started) <= 2
    other.close()


def test_panels_of_different_feeds_are_all_live(comms: Recorder) -> None:
    """Only the source counts; a feed of a portal is a source too."""
    feeds = [bx.replay(played(n), speed=math.inf) for n in (5, 7)]
    panels = [Explorer(feed, repaint=0.01) for feed in feeds]
    eventually(lambda: "<b>5</b>" in panels[0].counters.value)
    eventually(lambda: "<b>7</b>" in panels[1].counters.value)
    for panel in panels:
        panel.close()


def test_a_panel_is_not_kept_alive_by_its_source(portal: Portal, comms: Recorder) -> None:
    """A closed panel takes no memory, and freezes for no later one."""
    first = Explorer(portal, repaint=0.01)
    first.close()
    second = Explorer(portal, repaint=0.01)
    eventually(lambda: "not started" in second.light.value)
    second.close()


def test_a_panel_whose_pages_have_left_does_not_paint(panel: Explorer, sandbox: Sandbox) -> None:
    """Until a page comes back, which gets all at once."""
    panel.feed.start()
    hello = {"kind": "hello", "page": "p", "epoch": None, "end": None}
    for view in (panel.table, panel.chart):
        from_page(view, hello)
        from_page(view, {"kind": "leave", "page": "p"})
    assert panel.table.abandoned
    assert panel.chart.abandoned
    sandbox.publish("a", {"n": 1})
    eventually(lambda: len(panel.feed) == 1)
    painted = panel.counters.value
    let_it_sleep(panel, 20)
    assert panel.counters.value == painted
    from_page(panel.table, hello)
    eventually(lambda: "<b>1</b>" in panel.counters.value)


def let_it_sleep(panel: Explorer, count: int) -> None:
    """Return when the panel's loop has slept so many repaints."""

    async def sleeping() -> None:
        for _ in range(count):
            await asyncio.sleep(panel._repaint)

    panel.feed.bridge.run(sleeping())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_an_existing_file_is_never_replaced(
    panel: Explorer, sandbox: Sandbox, tmp_path: Path, suffix: str
) -> None:
    """The new one gets a number, and the panel names both."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: not panel.export.export_button.disabled)
    (tmp_path / f"out{suffix}").write_bytes(b"mine")
    (tmp_path / f"out-2{suffix}").symlink_to(tmp_path / "nowhere")
    panel.export.format.value = suffix
    panel.export.file_name.value = str(tmp_path / "out")
    panel.export.export_button.click()
    panel.export.export_button.click()
    eventually(lambda: (tmp_path / f"out-4{suffix}").is_file())
    eventually(lambda: f"out-4{suffix}. " in panel.export.status.value)
    assert f"out{suffix} was there and stays as it is" in panel.export.status.value
    assert (tmp_path / f"out{suffix}").read_bytes() == b"mine"
    assert len(read_events(tmp_path / f"out-3{suffix}")) == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_free_name(tmp_path: Path) -> None:
    """Keeps its suffix, and starts counting at 2."""
    assert unused(tmp_path / "a.b.csv") == tmp_path / "a.b.csv"
    (tmp_path / "a.b.csv").touch()
    assert unused(tmp_path / "a.b.csv") == tmp_path / "a.b-2.csv"


def test_no_secret_is_in_any_message(panel: Explorer, sandbox: Sandbox, comms: Recorder) -> None:
    """What is synced is written into the saved notebook."""
    panel.fetch_button.click()
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected" and panel.config_card.config is not None)
    assert panel.feed.config is not None
    secrets = [sandbox.token, *(c.id for c in panel.feed.config.channels.values())]
    published = "".join(str(message.data) for message in comms.sent)
    assert not [secret for secret in secrets if secret in published]


def test_a_panel_at_rest_sends_nothing(panel: Explorer, comms: Recorder) -> None:
    """A repaint that changes nothing costs the page nothing."""
    panel.paint()
    before = len(comms.sent)
    for _ in range(10):
        panel.paint()
    assert len(comms.sent) == before


def test_a_mark_shows_what_came_after_it(panel: Explorer, sandbox: Sandbox) -> None:
    """In its tab, and as a flag."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("before", {"n": 1})
    eventually(lambda: len(panel.feed) == 1)
    panel.mark_label.value = "clicked Save"
    panel.mark_button.click()
    eventually(lambda: "Marked “clicked Save”" in panel.status.value)
    sandbox.publish("after", {"n": 2})
    eventually(lambda: ">after<" in panel.activity.after.value)
    assert ">before<" not in panel.activity.after.value
    assert "marked “clicked Save”" in panel.activity.log.value


def test_enter_waits_for_the_letters_it_has_overtaken(panel: Explorer) -> None:
    """The page sends the letters one change at a time, and Enter at once."""
    panel.mark_label.value = "by"
    from_page(panel.mark_label, {"event": "submit"})
    panel.mark_label.value = "by hand"
    eventually(lambda: "Marked “by hand”" in panel.status.value)
    assert [entry.text for entry in panel.feed.logbook.recent(0)] == ["by hand"]


def test_a_selected_row_is_taken_apart(panel: Explorer, sandbox: Sandbox, comms: Recorder) -> None:
    """By message, not by trait: with the decoded parameters."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("greeting", {"n": 7})
    eventually(lambda: len(panel.feed) == 1)
    from_page(panel.table, {"kind": "select", "epoch": 0, "row": 0})
    eventually(lambda: any(m.content and m.content.get("kind") == "event" for m in comms.sent))
    [sent] = [m for m in comms.sent if m.content and m.content.get("kind") == "event"]
    assert dict(sent.content["facts"])["command"] == "greeting"
    assert sent.buffers == [b'{"n":7}']
    eventually(lambda: panel.detail.layout.display is None)
    from_page(panel.detail, {"kind": "close"})
    assert panel.detail.layout.display == "none"


def test_what_happened_is_in_the_log(panel: Explorer, sandbox: Sandbox) -> None:
    """A break, its end, and what was replayed."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.drop_connections()
    eventually(lambda: "connected after" in panel.activity.log.value)
    assert "listening to shared and private" in panel.activity.log.value


def test_a_test_event_comes_back(panel: Explorer) -> None:
    """To all users, and to oneself; invalid JSON gives an error."""
    send = panel.send_form
    assert send is not None
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    for receiver in ("shared", "me"):
        send.status.value = ""
        send.receiver.value = receiver
        send.params.value = f'{{"to": "{receiver}"}}'
        send.send_button.click()
        eventually(lambda: "Came back after" in send.status.value)
        assert panel.feed.df["channel"].iloc[-1] == {"me": "private"}.get(receiver, receiver)
    for text, message in (("{", "PARAMS is not JSON"), ("[1]", "has to be a JSON object")):
        send.params.value = text
        send.send_button.click()
        eventually(lambda: message in send.status.value)
        assert panel.error.value == ""


def test_a_chosen_event_is_sent_again(panel: Explorer, sandbox: Sandbox) -> None:
    """Edited, three times; the form remembers both, and takes one back."""
    send = panel.send_form
    assert send is not None
    assert send.event_button.disabled
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("deal", {"id": 2**63, "stage": "NEW"}, channel="private", module_id="crm")
    eventually(lambda: len(panel.feed) == 1)
    from_page(panel.table, {"kind": "select", "epoch": 0, "row": 0})
    eventually(lambda: not send.event_button.disabled)
    send.event_button.click()
    assert (send.command.value, send.receiver.value) == ("deal", "me")
    assert send.params.value == '{"id":9223372036854775808,"stage":"NEW"}'
    send.params.value = send.params.value.replace("NEW", "WON")
    send.times.value = 3
    send.send_button.click()
    eventually(lambda: "3 events came back after" in send.status.value, 20)
    assert panel.feed.df["params"].tolist()[1:] == [send.params.value] * 3
    assert set(panel.feed.df["channel"]) == {"private"}
    send.command.value, send.times.value = "other", 1
    send.send_button.click()
    eventually(lambda: "Came back after" in send.status.value, 20)
    labels = [label for label, _sent in send.again.options]
    assert [label.partition(" {")[0] for label in labels] == ["1: other", "2: deal"]
    send.again.index = 1
    assert send.command.value == "deal"


def test_sending_without_listening_asks_to_start(panel: Explorer) -> None:
    """Nothing can come back."""
    send = panel.send_form
    assert send is not None
    send.send_button.click()
    eventually(lambda: "Start the feed" in send.status.value)


def test_only_the_filtered_rows_are_exported(
    panel: Explorer, sandbox: Sandbox, tmp_path: Path
) -> None:
    """In each format, by the filters that the page sent last."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    for n in range(6):
        sandbox.publish(f"c{n % 2}", {"n": n})
    eventually(lambda: len(panel.feed) == 6)
    panel.table.show_only(command="c1")
    panel.export.which.value = "filtered"
    for suffix in (".csv", ".parquet", ".jsonl"):
        panel.export.format.value = suffix
        panel.export.file_name.value = str(tmp_path / "some")
        panel.export.export_button.click()
        eventually(lambda: f"some{suffix}." in panel.export.status.value)
        assert read_events(tmp_path / f"some{suffix}")["params"].tolist() == [
            '{"n":1}',
            '{"n":3}',
            '{"n":5}',
        ]


def test_a_range_of_the_chart_filters_the_table_until_its_chip_is_removed(
    panel: Explorer,
) -> None:
    """The chart draws what the chips leave of its choice."""
    span = {"since_us": 5_000_000, "until_us": 9_000_000}
    from_page(panel.chart, {"kind": "pick", "epoch": 0, "command": "a", **span})
    filters = panel.table.filters
    assert filters == {"text": "", "module": None, "command": "a", **span}
    from_page(panel.chart, {"kind": "hello", "page": "p", "epoch": None, "end": 0})
    freed = {**filters, "since_us": None, "until_us": None}
    from_page(panel.table, {"kind": "filters", "asked": 1, "filters": freed})
    drawn = [json.loads(m.buffers[0]) for m in sent_by(panel.chart) if m.buffers]
    assert [body["picked"] for body in drawn if "picked" in body] == [
        {"command": "a", **span},
        {"command": "a", "since_us": None, "until_us": None},
    ]


def test_export_for_excel(panel: Explorer, sandbox: Sandbox, tmp_path: Path) -> None:
    """A workbook, whose name gets its own suffix in place of another format's."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    sandbox.publish("a", {"n": 1})
    eventually(lambda: len(panel.feed) == 1)
    panel.export.format.value = ".xlsx"
    panel.export.file_name.value = str(tmp_path / "day.csv")
    panel.export.export_button.click()
    eventually(lambda: "day.xlsx." in panel.export.status.value)
    assert pd.read_excel(tmp_path / "day.xlsx")["params"].tolist() == ['{"n":1}']


def test_a_panel_for_a_replay(comms: Recorder, tmp_path: Path) -> None:
    """The same views, without what needs a portal."""
    feed = bx.replay(played(50), speed=math.inf)
    panel = Explorer(feed, repaint=0.01)
    eventually(lambda: "<b>50</b>" in panel.counters.value)
    assert (panel.portal, panel.send_form) == (None, None)
    panel.mark_button.click()
    eventually(lambda: "Marked “mark 1”" in panel.status.value)
    panel.close()


def test_a_picture_is_saved_for_where_no_widgets_are(panel: Explorer, portal: Portal) -> None:
    """Its hint goes when the texts of events are in it."""
    saved = Explorer(portal, static=True)
    assert "static=True" in bundle(panel)["text/html"]
    assert "idle · 0 events" in bundle(saved)["text/html"]
    assert "static=True" not in bundle(saved)["text/html"]
    assert repr(saved).startswith("Explorer(Feed(")
    saved.close()


def bundle(panel: Explorer) -> dict[str, str]:
    """What a cell would show."""
    shown = panel._repr_mimebundle_()
    data: dict[str, str] = shown[0] if isinstance(shown, tuple) else shown
    return data


def test_explore_alone_connects_and_starts(
    comms: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again it is the same portal, so there is one listener; an error is shown in the panel."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("BXPULL_URL", sandbox.url)
        monkeypatch.setenv("BXPULL_TOKEN", sandbox.token)
        panel = bx.explore()
        eventually(lambda: panel.feed.state == "connected")
        again = bx.explore()
        assert again.feed is panel.feed
        monkeypatch.setenv("BXPULL_TOKEN", "x" * 32)
        refused = bx.explore()
        eventually(lambda: "fresh token" in refused.error.value)
        assert refused.table.empty.startswith("No events: the start failed.")
        for shown in (panel, again, refused):
            shown.close()
            shown.portal.close() if shown.portal else None


def has_length(panel: Explorer, length: int) -> bool:
    """Whether the panel's feed has so many events."""
    return len(panel.feed) == length


def test_explore_shows_recorded_events(comms: Recorder, tmp_path: Path) -> None:
    """A DataFrame, a file by its name or path; a file that is not there is an OSError."""
    events = played(30)
    path = bx.to_csv(events, str(tmp_path / "events.csv"))
    for source in (events, str(path), Path(path)):
        panel = bx.explore(source)
        eventually(partial(has_length, panel, 30))
        assert panel.portal is None
        panel.close()
    with pytest.raises(OSError, match=r"nowhere\.csv"):
        bx.explore(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [("a", ".csv", "a.csv"), ("a.csv", ".jsonl", "a.jsonl"), ("a.b", ".csv", "a.b.csv")],
)
def test_the_suffix_is_that_of_the_format(name: str, suffix: str, expected: str) -> None:
    """In place of another format's; any other ending is part of the name."""
    assert named(name, suffix) == expected


def test_enter_sets_the_mark_and_an_earlier_one_can_be_chosen(panel: Explorer) -> None:
    """The newest is chosen first."""
    panel.start_button.click()
    eventually(lambda: panel.feed.state == "connected")
    for label in ("first", "second"):
        panel.mark_label.value = label
        from_page(panel.mark_label, {"event": "submit"})
        eventually(lambda: panel.activity.mark.value == panel.mark_label.value)
    assert panel.activity.mark.options == ("second", "first")
    panel.activity.mark.value = "first"
    eventually(lambda: "After <b>first</b>" in panel.activity.after.value)
