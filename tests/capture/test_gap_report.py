"""The gap report of a capture."""

from typing import Any

import pytest

from bxpull_nb.capture.gap_report import GAP_COLUMNS, report_of
from bxpull_nb.listener import ListenerStats
from bxpull_nb.models import LogEntry

AT = 1_790_000_000_000_000


def happened(second: float, kind: str, channel: str | None = None, **more: Any) -> LogEntry:
    """Return an entry at that second of the capture."""
    at_us = AT + int(second * 1e6)
    return LogEntry(at_us=at_us, kind=kind, channel=channel, **more)


STORY = [
    happened(0, "started"),
    happened(1, "connected", "shared"),
    happened(1, "connected", "private"),
    happened(10, "lost", "shared", text="broke"),
    happened(11, "retried", "shared", text="refused"),
    happened(11, "fell_back", "shared"),
    happened(14, "connected", "shared", seconds=4.0),
    happened(14, "resumed", "shared", count=7),
    happened(20, "renewed", "private"),
    happened(30, "lost", "private", text="cut"),
    happened(35, "connected", "private"),
]


def test_the_figures_come_from_the_logbook() -> None:
    """The capture is connected while every channel is."""
    stats = ListenerStats(events=100, recovered=2, duplicates=3, bad_frames=1)
    report = report_of(STORY, stats, AT + 41_000_000)
    assert (report.seconds, report.connected_seconds) == (41.0, 41 - 1 - 4 - 5)
    assert (report.replayed, report.recovered, report.duplicates, report.bad_frames) == (7, 2, 3, 1)
    assert (report.renewals, report.transport_changes, report.resets) == (1, 1, 0)
    assert [(g.channel, g.seconds, g.replayed, g.cause) for g in report.gaps] == [
        ("shared", 4.0, 7, "broke"),
        ("private", 5.0, 0, "cut"),
    ]
    assert "9.0 s of the gaps" in report.risk


def test_a_gap_that_lasts_has_no_end() -> None:
    """It is counted up to now; a gap that a stop ended, up to the stop."""
    story = [*STORY, happened(50, "lost", "shared", text="again")]
    lasting = report_of(story, ListenerStats(), AT + 60_000_000)
    assert (lasting.gaps[1].ended_us, lasting.gaps[1].seconds) == (None, 10.0)
    stopped = report_of([*story, happened(52, "stopped")], ListenerStats(), AT + 60_000_000)
    assert (stopped.gaps[1].seconds, stopped.seconds) == (2.0, 52.0)


def test_a_capture_without_gaps_claims_what_was_checked() -> None:
    """Only a check of every channel's history shows that nothing is missing."""
    for story, share in (([], "connected            0.0 s"), (STORY[:3], "1.0 s (50.00%)")):
        report = report_of(story, ListenerStats(), AT + 2_000_000)
        assert report.gaps == ()
        assert report.risk == "The server's history was not checked yet."
        assert report.to_frame().dtypes.astype(str).to_dict() == GAP_COLUMNS
        assert share in repr(report)
    half = ListenerStats(audited_us={"shared": AT})
    assert report_of(STORY[:3], half, AT).risk == "The server's history was not checked yet."
    checked = ListenerStats(audited_us={"shared": AT + 60_000_000, "private": AT})
    assert report_of(STORY[:3], checked, AT).risk == (
        "No stored event up to 2026-09-21 14:13:20 UTC, the last check, is missing."
    )


@pytest.mark.parametrize(
    ("covered", "claim"),
    [
        ({}, "No stored event up to 2026-09-21 14:13:30 UTC, the last check, is missing."),
        (
            {"shared": AT, "private": AT + 5_000_000},
            "No stored event from 2026-09-21 14:13:25 UTC up to 2026-09-21 14:13:30 UTC, the last "
            "check, is missing. Earlier ones could not be checked.",
        ),
        (
            {"private": AT + 10_000_000},
            "The last check of the server's history was at 2026-09-21 14:13:30 UTC.",
        ),
    ],
)
def test_only_the_time_is_claimed_that_checks_cover(covered: dict[str, int], claim: str) -> None:
    """Where known messages did not come again, what was stored before them may be gone."""
    at_us = AT + 10_000_000
    stats = ListenerStats(audited_us={"shared": at_us, "private": at_us}, covered_us=covered)
    assert report_of(STORY[:3], stats, at_us).risk == claim


POLLED = [
    happened(0, "started"),
    happened(1, "connected", "shared", transport="polling"),
    happened(5, "lost", "shared", text="cut"),
    happened(6, "connected", "shared", transport="websocket"),
    happened(8, "connected", "shared", transport="polling"),
]


@pytest.mark.parametrize(
    ("story", "words", "is_covered"),
    [
        (POLLED, "may be missing from 6.0 s of polling", True),
        ([*STORY[:3], happened(5, "stalled", seconds=14.5)], "Nothing ran for 14.5 s", True),
        ([*STORY[:3], happened(5, "audit_failed", "shared")], "1 audits failed", True),
        ([*STORY[:3], happened(5, "audit_too_large", "shared")], "1 audits were too large", False),
        ([*STORY[:3], happened(5, "beginning_unknown", "shared")], "beginning is unknown", False),
        ([*STORY[:4], happened(90_010, "connected", "shared")], "longer than the day", False),
    ],
)
def test_every_risk_is_named(story: list[LogEntry], words: str, *, is_covered: bool) -> None:
    """An audit that found everything covers stored events; what it never asked for it does not."""
    checked = ListenerStats(audited_us={"shared": AT, "private": AT})
    risk = report_of(story, checked, AT + 10_000_000).risk
    assert words in risk
    assert ("No stored event" in risk) == is_covered


@pytest.mark.parametrize(("resets", "times"), [(1, "once"), (2, "2 times")])
def test_a_server_that_lost_its_history_is_a_risk(resets: int, times: str) -> None:
    """No later check of its history can find what was in the earlier one."""
    stats = ListenerStats(audited_us={"shared": AT, "private": AT}, resets=resets)
    risk = report_of(STORY[:3], stats, AT + 10_000_000).risk
    assert risk.startswith(f"The push server was found {times} with its storage wiped")
    assert "No stored event" not in risk


def test_a_pause_is_a_gap() -> None:
    """Between a stop and a start, and between two processes."""
    story = [
        happened(0, "started"),
        happened(0, "continued", seconds=30.0),
        happened(1, "connected", "shared"),
        happened(1, "resumed", "shared", count=4),
        happened(10, "stopped"),
        happened(15, "started"),
        happened(16, "connected", "shared"),
    ]
    gaps = report_of(story, ListenerStats(), AT + 20_000_000).gaps
    assert [(g.channel, g.seconds, g.replayed, g.cause) for g in gaps] == [
        (None, 30.0, 4, "no process was running"),
        (None, 5.0, 0, "the feed was stopped"),
    ]


def test_a_break_of_two_channels_counts_once() -> None:
    """It gives two gaps, and one time in which either channel was away."""
    story = [
        *STORY[:3],
        happened(10, "lost", "shared"),
        happened(11, "lost", "private"),
        happened(14, "connected", "shared"),
        happened(16, "connected", "private"),
    ]
    report = report_of(story, ListenerStats(), AT + 41_000_000)
    assert [gap.seconds for gap in report.gaps] == [4.0, 5.0]
    assert report.seconds - report.connected_seconds == 1 + 6
    assert "missing for the 6.0 s of the gaps" in report.risk


def test_a_gap_longer_than_the_servers_memory_is_a_loss() -> None:
    """The report names it."""
    story = [*STORY[:4], happened(10 + 90_000, "connected", "shared")]
    report = report_of(story, ListenerStats(), AT + 100_000_000_000)
    assert report.risk.startswith("1 gaps were longer than the day")


def test_the_frame_has_a_row_a_gap() -> None:
    """Its dtypes are fixed."""
    frame = report_of(STORY, ListenerStats(), AT + 41_000_000).to_frame()
    assert frame.dtypes.astype(str).to_dict() == GAP_COLUMNS
    assert frame["replayed"].tolist() == [7, 0]
    assert "<table>" in report_of(STORY, ListenerStats(), AT)._repr_html_()


def test_a_channel_that_never_connected_has_a_gap_too() -> None:
    """It begins with the first try that failed, in every run."""
    story = [
        happened(0, "started"),
        happened(2, "retried", "shared", text="refused"),
        happened(5, "retried", "shared", text="refused again"),
        happened(9, "connected", "shared"),
        happened(20, "stopped"),
        happened(21, "started"),
        happened(22, "retried", "shared", text="refused"),
    ]
    report = report_of(story, ListenerStats(), AT + 30_000_000)
    assert [(g.channel, g.seconds, g.cause) for g in report.gaps] == [
        ("shared", 7.0, "refused"),
        ("shared", 8.0, "refused"),
        (None, 1.0, "the feed was stopped"),
    ]
    assert report.connected_seconds == 11.0
    assert "missing for the 16.0 s of the gaps" in report.risk


def test_a_server_that_restarts_leaves_a_gap() -> None:
    """The client stays away for up to two minutes, as the protocol wants it."""
    story = [
        *STORY[:3],
        happened(10, "restarting", "shared", seconds=60.0, text="the push server restarts"),
        happened(70, "renewed", "shared"),
        happened(71, "connected", "shared"),
    ]
    report = report_of(story, ListenerStats(), AT + 80_000_000)
    assert [(g.channel, g.seconds) for g in report.gaps] == [("shared", 61.0)]
    assert report.connected_seconds == 80 - 1 - 61
    assert "missing for the 61.0 s of the gaps" in report.risk


def test_a_portal_that_gives_no_config_leaves_a_gap() -> None:
    """A channel had ended; which one is not known. A break has a gap of its own already."""
    story = [
        *STORY[:3],
        happened(10, "config_failed", text="no answer"),
        happened(15, "config_failed", text="no answer"),
        happened(30, "renewed", "shared"),
        happened(31, "connected", "shared"),
        happened(40, "lost", "shared", text="cut"),
        happened(41, "config_failed", text="no answer"),
        happened(45, "connected", "shared"),
        happened(50, "config_failed", text="no answer"),
    ]
    report = report_of(story, ListenerStats(), AT + 60_000_000)
    assert [(g.channel, g.seconds, g.cause) for g in report.gaps] == [
        ("shared", 5.0, "cut"),
        (None, 21.0, "no answer"),
        (None, 10.0, "no answer"),
    ]
    assert report.connected_seconds == 60 - 1 - 21 - 5 - 10


def test_a_portal_that_gives_no_first_config_leaves_no_gap() -> None:
    """The capture has not begun."""
    story = [happened(0, "started"), happened(1, "config_failed"), *STORY[1:3]]
    assert report_of(story, ListenerStats(), AT + 10_000_000).gaps == ()


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (
            POLLED[:2],
            "that the server does not store may be missing from 9.0 s of polling",
        ),
        (
            [*STORY[:3], happened(5, "stalled", seconds=2.0)],
            "messages of that time that the",
        ),
    ],
)
def test_each_risk_is_understood_alone(story: list[LogEntry], words: str) -> None:
    """It does not lean on a sentence about gaps that may be absent."""
    assert words in report_of(story, ListenerStats(), AT + 10_000_000).risk
