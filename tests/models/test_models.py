"""The typed connection config and events."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bxpull_nb.errors import ChannelMissing, MissingField
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.models.json_text import decoded
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


def test_undocumented_fields_are_kept() -> None:
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


SECRET = "5f4dcc3b5aa765d61d8327deb882cf99"
LATER = "2017-06-29T00:04:00+02:00"
ODD_TIMES = (
    *("9999-12-31T23:59:59-02:00", "0001-01-01T00:00:00+02:00", "1969-12-31", "2500-01-01"),
    *(10**5000, -(10**400), 1e308, float("nan"), float("inf"), "nan", "1498687440000", True),
    *(-1, 253402300799, [LATER], {"date": LATER}, "yesterday", f"{SECRET}"),
)
ODD_TEXTS = (12, True, 1.5, [SECRET], {"id": SECRET}, f"{SECRET} {SECRET}", f"{SECRET}\n", "\ud800")
ODD_ADDRESSES = (
    *("rt.bitrix24.com/sub/", "/sub/", "wss://", "https://", "https:///sub/", "x"),
    *("ftp://rt.bitrix24.com/", "javascript://rt/", "file:///etc/passwd", "//rt.bitrix24.com/sub/"),
    *("https://#DOMAIN#/sub/", "wss://#DOMAIN#/sub/", "https://rt.bitrix24.com/#DOMAIN#/"),
    *(
        "https://rt bitrix24.com/",
        "wss://rt.bitrix24.com/s b/",
        " wss://rt.bitrix24.com/",
        "https://a\n",
    ),
    *("https://rt:99999/", "https://rt:port/", "https://rt:0/", "https://[::1/", "https://a..b/"),
    *(
        f"https://{'a' * 64}.com/",
        f"wss://{'a' * 64}.com/",
        "https://.com/",
        "wss://ho$t/",
        "https://%/",
    ),
    *(
        7,
        True,
        ["wss://rt.bitrix24.com/sub/"],
        {"url": "wss://rt.bitrix24.com/"},
        "https://" + "a" * 9999,
    ),
    f"https://user:{SECRET}@rt bitrix24/",
)
ODD: dict[str, tuple[Any, ...]] = {
    "exp": (*ODD_TIMES, 1498687440.5, "soon"),
    "jwt": ODD_TEXTS,
    "clientId": ODD_TEXTS[1:],
    "channels": ([{"id": SECRET, "type": "shared"}], SECRET, 7, True),
    "channels.shared": (SECRET, [SECRET], 7, True),
    "channels.shared.id": ODD_TEXTS,
    "channels.shared.type": ODD_TEXTS,
    "channels.shared.start": ODD_TIMES,
    "channels.shared.end": ODD_TIMES,
    "channels.private.public_id": ODD_TEXTS,
    "publicChannels.7.public_id": ODD_TEXTS,
    "publicChannels.7.signature": ODD_TEXTS,
    "publicChannels.7.user_id": ("x", True, [7], 10**5000),
    "publicChannels.7.end": ODD_TIMES,
    "server.version": ("4.5", 4.5, "four", True, [4], -4, 10**5000, "1e2", "100", float("inf")),
    "server.mode": ODD_TEXTS,
    "server.hostname": ODD_TEXTS,
    "server.websocket": ODD_ADDRESSES,
    "server.websocket_secure": ODD_ADDRESSES,
    "server.long_polling": ODD_ADDRESSES,
    "server.long_polling_secure": ODD_ADDRESSES,
    "server.publish": ODD_ADDRESSES,
    "server.publish_secure": ODD_ADDRESSES,
}


def changed(field: str, value: Any) -> dict[str, Any]:
    """Return today's answer with another value in that field."""
    answer = holder = current_answer()
    *path, last = field.split(".")
    for step in path:
        holder = holder[step]
    holder[last] = value
    return answer


@pytest.mark.parametrize(("field", "values"), ODD.items(), ids=list(ODD))
def test_a_field_that_cannot_be_read_is_named(field: str, values: tuple[Any, ...]) -> None:
    """When the config is read, by one error that shows no secret."""
    for value in values:
        with pytest.raises(MissingField) as caught:
            config(changed(field, value))
        assert caught.value.field == field, value
        assert f"'{field}'" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert len(str(caught.value)) < 500


READ: list[tuple[str, Any, Any]] = [
    ("server.version", "4.0", 4),
    ("server.version", 4.0, 4),
    ("server.version", " 5 ", 5),
    ("exp", "1498687440", 1498687440),
    ("exp", 1498687440.0, 1498687440),
    ("exp", False, None),
    ("exp", "", None),
    ("jwt", False, None),
    ("clientId", 12, "12"),
    ("channels.shared.end", "1498687440", datetime(2017, 6, 28, 22, 4, tzinfo=UTC)),
    ("channels.shared.end", 1498687440, datetime(2017, 6, 28, 22, 4, tzinfo=UTC)),
    ("channels.private.public_id", False, None),
    ("publicChannels.7.user_id", "7", 7),
    ("server.websocket", "", ""),
    ("server.websocket", False, ""),
    (
        "server.websocket",
        "WSS://RT.example.com:8443/sub/?x=1",
        "WSS://RT.example.com:8443/sub/?x=1",
    ),
    ("server.websocket", "ws://[::1]:80/", "ws://[::1]:80/"),
    ("server.long_polling", "http://127.0.0.1:1/sub/", "http://127.0.0.1:1/sub/"),
    ("server.long_polling", "https://портал.рф/sub/", "https://портал.рф/sub/"),
    ("server.long_polling", "https://push_1.local./sub/", "https://push_1.local./sub/"),
]


@pytest.mark.parametrize(("field", "value", "expected"), READ)
def test_a_value_is_read_where_its_meaning_is_certain(
    field: str, value: Any, expected: Any
) -> None:
    """Numbers written as text, and PHP's empty values."""
    read: Any = config(changed(field, value))
    names = {"clientId": "client_id", "publicChannels": "public_channels"}
    for step in field.split("."):
        name = names.get(step, step)
        read = read[name] if isinstance(read, dict) else getattr(read, name)
    assert read == expected
    assert type(read) is type(expected)


def test_revisions_are_numbers() -> None:
    """One that is none is left out: nothing depends on it."""
    assert config(changed("api", {"revision_web": "19", "x": [1]})).api == {"revision_web": 19}


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":1e400}', {"a": math.inf}),
        ('{"a":-1e309}', {"a": -math.inf}),
        ("[" + "9" * 400 + "]", [int("9" * 400)]),
        ("9" * 5_000, "9" * 5_000),
        ("[" * 100_000 + "]" * 100_000, "[" * 100_000 + "]" * 100_000),
        ("{", "{"),
        ("", ""),
    ],
    ids=lambda value: str(value)[:12],
)
def test_the_params_of_a_stranger_raise_nothing(text: str, value: Any) -> None:
    """They are their own text where Python cannot hold them."""
    assert Event("1", None, None, text.encode()).params == value
    assert decoded(text) == value
    assert decoded(b"\xff") == "\ufffd"


@pytest.mark.parametrize(
    "secret",
    [
        SHARED,
        SHARED[:32],
        "wss://user:pass@rt.example/sub/",
        f"wss://rt.example/sub/?CHANNEL_ID={SHARED}",
        "https://rt.example/rest/1/s3cr3ts3cr3ts3cr3t/",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.signature",
        [SHARED],
        {"id": SHARED},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["mode", "hostname", "new", "websocket", "publish", "type"])
def test_a_secret_in_any_field_is_not_shown(secret: Any, place: str) -> None:
    """A notebook keeps what a cell shows; `extra` and `to_record` have the value."""
    answer = seed_answer()
    (answer["channels"]["shared"] if place == "type" else answer["server"])[place] = secret
    try:
        read = config(answer)
    except MissingField as exc:
        shown = str(exc)
    else:
        channel = read.channels["shared"]
        shown = f"{read!r}{read._repr_html_()}{read.server!r}{read.server._repr_html_()}{channel!r}"
        shown += f"{channel._repr_html_()}{read.to_records()}"
    for part in (SHARED[:32], "user:pass", "s3cr3ts3cr3t", "eyJzdWIiOiIxIn0"):
        assert part not in shown


def test_an_error_names_a_field_as_the_portal_wrote_it() -> None:
    """Its administrator looks for that name."""
    answer = current_answer()
    answer["server"]["long_pooling_secure"] = 7
    with pytest.raises(MissingField) as caught:
        config(answer)
    assert caught.value.field == "server.long_pooling_secure"


@pytest.mark.parametrize(
    ("sender", "believed"),
    [
        (None, True),
        ("backend", True),
        ("backend:ab", True),
        ("client", False),
        ("client:ab", False),
        ("unknown", False),
        ("7", False),
        ("backends", False),
    ],
)
def test_only_a_named_back_end_is_the_portal(sender: str | None, believed: bool) -> None:
    """A dialect without senders names none; there the portal alone can write."""
    assert Event("1", "pull", "config_expire", b"{}", None, sender).is_of_portal is believed
