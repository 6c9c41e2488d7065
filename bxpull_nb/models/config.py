"""The connection config: what `pull.application.config.get` answers, typed.

Fields follow the method's page and its newer guide; both editions are read. What neither
documents is kept in `extra`, never dropped.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.errors import ChannelMissing, MissingField
from bxpull_nb.masking import mask

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHANNEL_TYPES",
    "Channel",
    "PublicChannel",
    "PullConfig",
    "PullServer",
    "public_channels",
]

CHANNEL_TYPES = ("shared", "private")
_METHOD = "pull.application.config.get"


class PullServer(msgspec.Struct, frozen=True, kw_only=True):
    """The `server` object: which push server, and how to reach it."""

    version: int
    """Version of the push server; it decides the dialect of the frames."""
    server_enabled: bool = True
    websocket_enabled: bool = False
    websocket: str = ""
    websocket_secure: str = ""
    long_polling: str = ""
    long_polling_secure: str = ""
    """Spelled `long_pooling_secure` by today's portals; both spellings are read."""
    publish_enabled: bool = False
    publish: str = ""
    publish_secure: str = ""
    mode: str | None = None
    """`personal`, or `shared` for a cloud push server (then `clientId` travels in the URL)."""
    hostname: str | None = None
    config_timestamp: int | None = None
    extra: dict[str, Any] = {}
    """Fields this version does not know, as they came."""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "PullServer":
        """The typed `server` object; raises MissingField without `version`."""
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, value in answer.items():
            field = "long_polling_secure" if name == "long_pooling_secure" else name
            if field in cls.__struct_fields__ and field != "extra":
                known[field] = _typed(field, value)
            else:
                extra[name] = value
        if known.get("version") is None:
            raise _missing("server.version")
        present = {name: value for name, value in known.items() if value is not None}
        return cls(**present, extra=extra)

    def to_record(self) -> dict[str, Any]:
        """The server object as one flat dict; unknown fields come last, under their own names."""
        record = msgspec.structs.asdict(self)
        return {**record, **record.pop("extra")}

    def __repr__(self) -> str:
        state = "enabled" if self.server_enabled else "switched off"
        transports = "WebSocket and polling" if self.websocket_enabled else "polling only"
        mode = f", {self.mode} mode" if self.mode else ""
        return f"PullServer(version {self.version}, {state}, {transports}{mode[:40]})"

    def _repr_html_(self) -> str:
        return _html_table(self.to_record().items())


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: a subscription secret with a beginning and an end."""

    type: str
    id: str
    """Whoever holds it can listen until `end`. Masked in every repr."""
    start: datetime
    """UTC."""
    end: datetime
    """UTC; the portal replaces the channel after it."""
    public_id: str | None = None
    """The address others publish to; private channels of a version 4 server only."""
    extra: dict[str, Any] = {}

    @classmethod
    def from_answer(cls, kind: str, answer: Mapping[str, Any]) -> "Channel":
        """The typed channel; raises MissingField for an absent `id`, `start` or `end`."""
        for field in ("id", "start", "end"):
            if not answer.get(field):
                raise _missing(f"channels.{kind}.{field}")
        return cls(
            type=str(answer.get("type") or kind),
            id=str(answer["id"]),
            start=_time(answer["start"], f"channels.{kind}.start"),
            end=_time(answer["end"], f"channels.{kind}.end"),
            public_id=answer.get("public_id") or None,
            extra={k: v for k, v in answer.items() if k not in cls.__struct_fields__},
        )

    def to_record(self, now: datetime, *, reveal: bool = False) -> dict[str, Any]:
        """The channel as one flat dict; `expires_in` and `active` are told for `now`."""
        show = _show(reveal)
        return {
            "type": self.type,
            "id": show(self.id),
            "public_id": show(self.public_id),
            "start": self.start,
            "end": self.end,
            "expires_in": self.end - now,
            "active": self.start <= now < self.end,
        }

    def __repr__(self) -> str:
        return f"Channel({self.type[:40]!r}, id={mask(self.id)!r}, end={self.end.isoformat()})"

    def _repr_html_(self) -> str:
        shown = {"type": self.type, "id": mask(self.id), "start": self.start, "end": self.end}
        public = {"public_id": mask(self.public_id)} if self.public_id else {}
        return _html_table({**shown, **public}.items())


class PublicChannel(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else's public channel: the address to publish to."""

    user_id: int
    public_id: str
    signature: str
    start: datetime | None = None
    end: datetime | None = None

    def __repr__(self) -> str:
        return f"PublicChannel(user_id={self.user_id}, public_id={mask(self.public_id)!r})"


class PullConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to connect: the server, and the channels this application may listen to."""

    server: PullServer
    channels: dict[str, Channel]
    """By type: `shared`, `private`; either may be missing."""
    client_id: str | None = None
    """`clientId`: the account on a cloud push server."""
    jwt: str | None = None
    """The token a version 5 server takes instead of channel ids. Masked in every repr."""
    exp: int | None = None
    """Unix second at which the jwt ends."""
    api: dict[str, int] = {}
    """`revision_web`, `revision_mobile`."""
    public_channels: dict[str, PublicChannel] = {}
    """By user id."""
    portal_time: datetime
    """The portal's clock at the moment of the answer (UTC)."""
    clock_offset: timedelta = timedelta()
    """Portal's clock minus this machine's."""
    personal_feed: bool = False
    """The webhook user's own feed (`pull.config.get`), not an application's channels."""
    extra: dict[str, Any] = {}

    @classmethod
    def from_answer(
        cls,
        answer: Mapping[str, Any],
        *,
        portal_time: datetime,
        clock_offset: timedelta = timedelta(),
        personal_feed: bool = False,
    ) -> "PullConfig":
        """The typed config from the `result` of the REST answer, whichever edition it is.

        Raises MissingField when `server`, or both `channels` and `jwt`, are absent.
        """
        server = _mapping(answer.get("server"))
        if not server:
            raise _missing("server")
        if "channels" not in answer and not answer.get("jwt"):
            raise _missing("channels")
        return cls(
            server=PullServer.from_answer(server),
            channels={
                kind: Channel.from_answer(kind, channel)
                for kind, channel in _mapping(answer.get("channels")).items()
                if isinstance(channel, Mapping)
            },
            client_id=answer.get("clientId") or None,
            jwt=answer.get("jwt") or None,
            exp=answer.get("exp") or None,
            api=dict(_mapping(answer.get("api"))),
            public_channels=public_channels(answer.get("publicChannels")),
            portal_time=portal_time,
            clock_offset=clock_offset,
            personal_feed=personal_feed,
            extra={k: v for k, v in answer.items() if k not in _ANSWER_FIELDS},
        )

    def channel(self, kind: str) -> Channel:
        """The channel of that type; raises ChannelMissing, saying which types there are."""
        try:
            return self.channels[kind]
        except KeyError:
            there = ", ".join(self.channels) or "none at all"
            raise ChannelMissing(
                f"the portal gave this application no {kind} channel (it gave: {there}). "
                f"Listen to what there is, or ask again with fetch_config(portal, cache=False); "
                f"a private channel needs a token of a user, not of the application alone."
            ) from None

    def now(self) -> datetime:
        """The time by the portal's clock at this moment (UTC)."""
        return datetime.now(UTC) + self.clock_offset

    def to_records(
        self, *, reveal: bool = False, now: datetime | None = None
    ) -> list[dict[str, Any]]:
        """One flat dict a channel: type, id, public_id, start, end, expires_in, active.

        Times are aware datetimes in UTC, `expires_in` is a timedelta from `now` (default: this
        moment by the portal's clock). Ids are masked unless `reveal`.
        """
        moment = now or self.now()
        return [channel.to_record(moment, reveal=reveal) for channel in self.channels.values()]

    def to_frame(self, *, reveal: bool = False, now: datetime | None = None) -> "pd.DataFrame":
        """One row a channel, with fixed dtypes even when there is none.

        `type` category, `id` and `public_id` str, `start` and `end` datetime64[us, UTC],
        `expires_in` timedelta64[us], `active` bool. Ids are masked unless `reveal`.
        """
        import pandas as pd

        records = self.to_records(reveal=reveal, now=now)
        return pd.DataFrame(
            {
                name: pd.Series([record[name] for record in records], dtype=dtype)
                for name, dtype in _channel_dtypes().items()
            }
        )

    def __repr__(self) -> str:
        kinds = ", ".join(self.channels) or "no channels"
        own = ", the webhook user's own feed" if self.personal_feed else ""
        return f"PullConfig(server version {self.server.version}, {kinds}{own})"

    def _repr_html_(self) -> str:
        return _html_table(self._shown()) + self.to_frame().to_html(index=False)

    def _shown(self) -> Iterator[tuple[str, Any]]:
        yield from self.server.to_record().items()
        if self.personal_feed:
            yield "feed", "the webhook user's own, not an application's (pull.config.get)"
        if self.client_id:
            yield "clientId", mask(self.client_id)
        if self.jwt:
            yield "jwt", mask(self.jwt)


_ANSWER_FIELDS = {"server", "channels", "clientId", "jwt", "exp", "api", "publicChannels"}
_FLAGS = {"server_enabled", "websocket_enabled", "publish_enabled"}
_NUMBERS = {"version", "config_timestamp"}


def _html_table(rows: Iterable[tuple[str, Any]]) -> str:
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def _typed(field: str, value: Any) -> Any:
    if field in _FLAGS:
        return value not in (False, 0, None, "", "0", "N", "n", "false")
    if field in _NUMBERS:
        return _whole_number(value)
    return None if value in (None, False) else str(value)


def _whole_number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    """`value`, or nothing where PHP wrote an empty map as `[]` or left it out as `false`."""
    return value if isinstance(value, Mapping) else {}


def _time(value: Any, field: str) -> datetime:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise _missing(field, f"is {value!r}, which is not a time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def public_channels(value: Any) -> dict[str, PublicChannel]:
    """The public channels of an answer, by user id; what names no channel is left out."""
    found = {}
    for user, channel in _mapping(value).items():
        if not isinstance(channel, Mapping) or not channel.get("public_id"):
            continue
        found[str(user)] = PublicChannel(
            user_id=_whole_number(channel.get("user_id", user)) or 0,
            public_id=str(channel["public_id"]),
            signature=str(channel.get("signature", "")),
            start=_time(channel["start"], "publicChannels.start") if channel.get("start") else None,
            end=_time(channel["end"], "publicChannels.end") if channel.get("end") else None,
        )
    return found


def _missing(field: str, what: str = "is missing") -> MissingField:
    return MissingField(
        f"{_METHOD}: the portal's answer came, but its field '{field}' {what}. "
        f"Ask again with fetch_config(portal, cache=False); if it stays so, the portal's pull "
        f"module needs its administrator.",
        method=_METHOD,
        field=field,
    )


def _show(reveal: bool) -> Any:
    return (lambda text: text) if reveal else (lambda text: mask(text) if text else text)


def _channel_dtypes() -> dict[str, Any]:
    import pandas as pd

    return {
        "type": pd.CategoricalDtype(list(CHANNEL_TYPES)),
        "id": "str",
        "public_id": "str",
        "start": "datetime64[us, UTC]",
        "end": "datetime64[us, UTC]",
        "expires_in": "timedelta64[us]",
        "active": "bool",
    }
