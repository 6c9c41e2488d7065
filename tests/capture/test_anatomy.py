"""One event in detail."""

import json
from datetime import UTC, datetime

import pytest

from bxpull_nb.capture.anatomy import inspect, take_mid_apart
from bxpull_nb.capture.recent_frames import KeptFrame
from bxpull_nb.models import Arrival, BadFrame, Event

MID = "17104941040000000000000012"
ARRIVAL = Arrival(1_790_072_438_250_000, "private", "polling")
EVENT = Event(MID, "crm", "deal", b'{"id":5}', 1_790_072_438.0, "backend", ARRIVAL)
CHANNEL = "0123456789abcdef0123456789abcdef"


def test_a_message_id_says_two_things() -> None:
    """It holds the server's first start and the number of the message."""
    parts = take_mid_apart(MID)
    assert parts is not None
    assert parts.server_start == datetime(2024, 3, 15, 9, 15, 4, tzinfo=UTC)
    assert parts.counter == 12


def test_what_is_no_message_id_is_not_taken_apart() -> None:
    """Other servers may write anything."""
    assert [take_mid_apart(mid) for mid in (None, "", "12", "x" * 26, "\u0661" * 26)] == [None] * 5


def test_the_facts_are_in_words() -> None:
    """They include the event's frame and its place there."""
    frame = KeptFrame(6, 2, ("#!NGINXNMS!#…",), "text")
    anatomy = inspect(7, EVENT, frame, copies=2)
    assert anatomy.params == {"id": 5}
    assert anatomy.facts() == {
        "command": "deal",
        "module": "crm",
        "channel": "private",
        "sender": "backend",
        "mid": MID,
        "server counts since": "2024-03-15 09:15:04 UTC",
        "message number": "12",
        "made by the portal": "2026-09-22 10:20:38.000 UTC",
        "received": "2026-09-22 10:20:38.250 UTC",
        "lag": "250 ms",
        "transport": "polling",
        "dialect": "text",
        "arrived together": "2 of 2 new ones",
        "duplicates dropped": "2",
    }


def test_channel_ids_in_a_frame_are_masked() -> None:
    """They are secrets, and the text dialect names the channel in each message."""
    frame = KeptFrame(0, 1, (f'{{"channel":"{CHANNEL}","text":1}}',), "text")
    shown = inspect(0, EVENT, frame, 0)
    assert shown.frame == '{"channel":"0123…def","text":1}'
    assert CHANNEL not in shown._repr_html_()


def test_a_binary_frame_is_shown_as_hex_and_a_long_one_cut() -> None:
    """The whole size is shown."""
    assert inspect(0, EVENT, KeptFrame(0, 1, (b"\n\x0c",), ""), 0).frame == "0a 0c"
    long = inspect(0, EVENT, KeptFrame(0, 1, ("x" * 5000,), ""), 0)
    assert long.frame_size == 5000
    assert (long.frame or "").endswith("… 1,000 more")


def test_what_cannot_be_decoded_is_shown_as_it_came() -> None:
    """It has no frame and no times."""
    bad = BadFrame('{"a":', "no JSON")
    anatomy = inspect(0, bad, None, 0)
    assert anatomy.params == '{"a":'
    assert anatomy.facts() == {"error": "no JSON", "duplicates dropped": "0"}
    assert (anatomy.frame, anatomy.dialect, anatomy.in_frame, anatomy.lag) == (None,) * 4


def test_hostile_text_is_only_text() -> None:
    """The HTML of a notebook escapes it."""
    evil = "<img src=x onerror=alert(1)>"
    event = Event(MID, evil, evil, b'{"x":"%s"}' % evil.encode())
    assert "<img" not in inspect(0, event, KeptFrame(0, 1, (evil,), ""), 0)._repr_html_()


@pytest.mark.parametrize(
    "params", ["1e999", "[" * 100_000 + "]" * 100_000, '"\\ud800"', "9" * 5_000]
)
def test_params_that_cannot_be_written_again_are_shown_as_they_came(params: str) -> None:
    """The page reads them as one string."""
    anatomy = inspect(0, Event(MID, None, "c", params.encode()), None, 0)
    assert json.loads(anatomy.params_json) == params
    assert "params" in anatomy._repr_html_()
