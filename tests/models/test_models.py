"""The typed connection config and events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bxpull_nb.errors import ChannelMissing, MissingField
from bxpull_nb.models import Arrival, BadFrame, Event
from tests.support.configs import NOW, PRIVATE, PUBLIC, SHARED, config, current_answer, seed_answer


def test_the_page_s_example_becomes_typed_fields() -> None:
    """Every documented field of the seed edition is read, with times in UTC."""
    read = config(seed_answer())
    assert read.server.version == 4
    assert read.server.websocket_secure == "wss://rt.bitrix24.com/sub/"
    assert read.server.long_polling_secure == "https://rt.bitrix24.com/sub/"
    assert read.server.publish_enabled is True
    assert read.channel("shared").id == SHARED
    assert read.channel("private").public_id == PUBLIC
    assert read.channel("shared").end == datetime(2017, 6, 28, 22, 4, tzinfo=UTC)
    assert read.client_id is None


def test_the_current_edition_is_read_too() -> None:
    """It adds jwt, mode, clientId, api, exp, public channels and a misspelled address."""
    read = config(current_answer())
    assert read.server.long_polling_secure == "https://rt.bitrix24.com/sub/"
    assert (read.server.mode, read.server.hostname) == ("shared", "acme.bitrix24.com")
    assert read.server.config_timestamp == 1790072438
    assert (read.client_id, read.exp) == ("a1b2c3", 1790072438)
    assert read.api == {"revision_web": 19, "revision_mobile": 3}
    assert read.public_channels["7"].signature == "057ac8625ae4ac0da4ed093a19950f9dab7e29d0"
    assert read.public_channels["7"].end == datetime(2017, 6, 28, 22, 4, tzinfo=UTC)


def test_what_nobody_documented_is_kept() -> None:
    """Unknown fields of the answer, the server and a channel remain."""
    answer = current_answer()
    answer["channels"]["shared"]["flavour"] = "new"
    read = config(answer)
    assert read.extra == {"serverTime": "2017-06-28T12:04:00+02:00"}
    assert read.server.extra == {"brand_new": {"a": 1}}
    assert read.server.to_record()["brand_new"] == {"a": 1}
    assert read.channel("shared").extra == {"flavour": "new"}


@pytest.mark.parametrize("empty", [False, [], None])
def test_php_s_empty_maps_are_empty_maps(empty: Any) -> None:
    """PHP writes an empty map as a list, and a missing one as false."""
    answer = current_answer() | {"publicChannels": empty, "api": empty, "channels": empty}
    read = config(answer)
    assert (read.public_channels, read.api, read.channels) == ({}, {}, {})


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("server",), "server"),
        (("server", "version"), "server.version"),
        (("channels",), "channels"),
        (("channels", "private", "id"), "channels.private.id"),
        (("channels", "shared", "end"), "channels.shared.end"),
    ],
)
def test_a_missing_field_is_named(path: tuple[str, ...], field: str) -> None:
    """The error names the field that the answer lacks."""
    answer = holder = seed_answer()
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    with pytest.raises(MissingField, match=f"'{field}' is missing") as caught:
        config(answer)
    assert caught.value.field == field
    assert caught.value.method == "pull.application.config.get"


def test_a_time_that_is_none_is_named_with_its_value() -> None:
    """The error calls a broken time the portal's mistake."""
    answer = seed_answer()
    answer["channels"]["shared"]["start"] = "yesterday"
    with pytest.raises(MissingField, match=r"'channels\.shared\.start' is 'yesterday'"):
        config(answer)


def test_a_missing_channel_says_what_there_is() -> None:
    """The portal did not give the private channel that is requested."""
    answer = seed_answer()
    del answer["channels"]["private"]
    with pytest.raises(ChannelMissing, match=r"no private channel \(it gave: shared\)"):
        config(answer).channel("private")


def test_a_record_a_channel_with_masked_ids() -> None:
    """The values are plain Python; ids are shown only on demand."""
    records = config(seed_answer()).to_records(now=NOW)
    assert records[0] == {
        "type": "shared",
        "id": "46a4…44a",
        "public_id": None,
        "start": datetime(2017, 6, 28, 10, 4, tzinfo=UTC),
        "end": datetime(2017, 6, 28, 22, 4, tzinfo=UTC),
        "expires_in": timedelta(hours=11),
        "active": True,
    }
    assert config(seed_answer()).to_records(reveal=True)[1]["id"] == PRIVATE
    assert config(seed_answer()).to_records(reveal=True)[1]["public_id"] == PUBLIC


DTYPES = {
    "type": "category",
    "id": "str",
    "public_id": "str",
    "start": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "expires_in": "timedelta64[us]",
    "active": "bool",
}


@pytest.mark.parametrize("channels", [2, 1, 0])
def test_the_frame_has_the_same_dtypes_however_few_the_channels(channels: int) -> None:
    """Code written for one config works for the next, even without channels."""
    answer = seed_answer()
    answer["channels"] = dict(list(answer["channels"].items())[:channels])
    frame = config(answer).to_frame(now=NOW)
    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert len(frame) == channels


def test_the_frame_says_what_is_over() -> None:
    """`active` and `expires_in` refer to the given moment."""
    frame = config(seed_answer()).to_frame(now=datetime(2017, 6, 28, 20, 57, 48, tzinfo=UTC))
    assert frame["active"].tolist() == [True, False]
    assert frame["expires_in"].dt.total_seconds().tolist() == [3972.0, -3600.0]


def test_no_repr_holds_a_secret() -> None:
    """Neither plain nor HTML reprs of the config and its parts hold one."""
    read = config(current_answer())
    shown = repr(read) + read._repr_html_() + repr(read.channels) + repr(read.public_channels)
    for secret in (SHARED, PRIVATE, PUBLIC, read.jwt, "abe9e6964532000ab8b7acf092ba627b"):
        assert str(secret) not in shown
    assert "PullConfig(server version 4, shared, private)" in shown


def test_an_event_tells_its_times_and_decodes_its_params_when_asked() -> None:
    """It holds JSON text and returns Python values."""
    event = Event(
        "17954478440000000000000005",
        "crm",
        "dealUpdate",
        b'{"id":15}',
        1767225600.25,
        "backend",
        Arrival(1767225600500000, "shared", "websocket"),
    )
    assert event.params == {"id": 15}
    assert event.channel == "shared"
    assert event.server_time == datetime(2026, 1, 1, 0, 0, 0, 250000, tzinfo=UTC)
    assert event.received_at == datetime(2026, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)
    assert event.error is None


def test_a_bad_frame_keeps_what_came_as_json_text() -> None:
    """It fits into the log's params column and can be restored."""
    bad = BadFrame('hello "world"\n', "not JSON")
    assert bad.params_json == b'"hello \\"world\\"\\n"'
    assert (bad.module_id, bad.command, bad.params) == (None, None, 'hello "world"\n')
