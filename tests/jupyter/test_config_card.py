"""The connection config in the page: what travels, and what does not."""

from datetime import timedelta

import msgspec

from bxpull_nb.jupyter.widgets.config_card import ConfigCard
from tests.support.configs import PRIVATE, SHARED, config, seed_answer
from tests.support.fake_comm import Recorder, from_page


def test_the_config_travels_masked(comms: Recorder) -> None:
    """Once for a config, and again for every page that is drawn."""
    card = ConfigCard()
    read = msgspec.structs.replace(config(seed_answer()), clock_offset=timedelta())
    card.show(read)
    card.show(read)
    from_page(card, {"kind": "hello"})
    sent = [message.content for message in comms.sent if message.content]
    assert [message["kind"] for message in sent] == ["config", "config"]
    assert dict(sent[0]["server"])["push server"] == "version 4 (protobuf)"
    [shared, _] = sent[0]["channels"]
    assert (shared["type"], shared["masked"]) == ("shared", "46a4…44a")
    assert shared["end"] - shared["start"] > 0
    everything = str([message.data for message in comms.sent])
    assert SHARED not in everything
    assert PRIVATE not in everything


def test_an_id_travels_only_when_it_is_asked_for(comms: Recorder) -> None:
    """As a message, which no notebook saves."""
    card = ConfigCard()
    from_page(card, {"kind": "reveal", "channel": "shared"})
    card.show(config(seed_answer()))
    from_page(card, {"kind": "reveal", "channel": "other"})
    from_page(card, {"kind": "reveal", "channel": "shared"})
    ids = [m.content for m in comms.sent if m.content and m.content["kind"] == "id"]
    assert ids == [{"kind": "id", "channel": "shared", "id": SHARED}]
    assert SHARED not in str(card.get_state())
