"""The connection config, the typed answer of `pull.application.config.get`.

Fields follow the method's page and its newer guide; both editions are read. Undocumented fields
are kept in `extra`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.errors import ChannelMissing
from bxpull_nb.masking import mask
from bxpull_nb.models.channel import CHANNEL_TYPES, Channel, PublicChannel, public_channels
from bxpull_nb.models.fields import (
    mapping_of,
    missing_field,
    second_of,
    text_of,
    whole_number,
)
from bxpull_nb.models.html import html_table
from bxpull_nb.models.server import PullServer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PullConfig"]


class PullConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A connection config: the server and the channels this application may listen to."""

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
    """The portal's clock minus this machine's."""
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
        portal: str | None = None,
    ) -> "PullConfig":
        """Return the typed config from the `result` of the REST answer, of either edition.

        `portal` is the portal's address, which completes an address of the push server that is a
        path, or has `#DOMAIN#` in the place of its host. Raises MissingField when `server`, or
        both `channels` and `jwt`, are absent, and for a field that cannot be read: a time, an
        address, an id.
        """
        server = mapping_of(answer.get("server"))
        if not server:
            raise missing_field("server")
        if "channels" not in answer and not answer.get("jwt"):
            raise missing_field("channels")
        jwt, exp = answer.get("jwt"), answer.get("exp")
        return cls(
            server=PullServer.from_answer(server, portal),
            channels=_channels(answer.get("channels")),
            client_id=_client_id(answer.get("clientId")),
            jwt=text_of(jwt, "jwt") if jwt else None,
            exp=second_of(exp, "exp") if exp else None,
            api=_numbers(answer.get("api")),
            public_channels=public_channels(answer.get("publicChannels")),
            portal_time=portal_time,
            clock_offset=clock_offset,
            personal_feed=personal_feed,
            extra={k: v for k, v in answer.items() if k not in _ANSWER_FIELDS},
        )

    def channel(self, kind: str) -> Channel:
        """Return the channel of that type; raises ChannelMissing, which names the types given."""
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
        """Return the time by the portal's clock (UTC)."""
        return datetime.now(UTC) + self.clock_offset

    def to_records(
        self, *, reveal: bool = False, now: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return one flat dict a channel: type, id, public_id, start, end, expires_in, active.

        Times are aware datetimes in UTC, `expires_in` is a timedelta from `now` (default: the
        portal's clock at this moment). Ids are masked unless `reveal`.
        """
        moment = now or self.now()
        return [channel.to_record(moment, reveal=reveal) for channel in self.channels.values()]

    def to_frame(self, *, reveal: bool = False, now: datetime | None = None) -> "pd.DataFrame":
        """Return one row a channel, with fixed dtypes even without any channel.

        `type` category (missing for another one), `id` and `public_id` str, `start` and `end`
        datetime64[us, UTC], `expires_in` timedelta64[us], `active` bool. Ids are masked unless
        `reveal`.
        """
        import pandas as pd

        records = self.to_records(reveal=reveal, now=now)
        for record in records:
            record["type"] = record["type"] if record["type"] in CHANNEL_TYPES else None
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
        channels = self.to_frame().to_html(index=False, formatters={"expires_in": _life})
        return html_table(self._shown()) + channels

    def _shown(self) -> Iterator[tuple[str, Any]]:
        yield from self.server.shown()
        if self.personal_feed:
            yield "feed", "the webhook user's own, not an application's (pull.config.get)"
        if self.client_id:
            yield "clientId", mask(self.client_id)
        if self.jwt:
            yield "jwt", mask(self.jwt)


def _life(left: Any) -> str:
    """Return a timedelta as hours and minutes, such as `11 h 52 min`."""
    minutes = left // timedelta(minutes=1)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 0 else "over"


_ANSWER_FIELDS = {"server", "channels", "clientId", "jwt", "exp", "api", "publicChannels"}


def _channels(value: Any) -> dict[str, Channel]:
    channels = mapping_of(value, "channels")
    return {
        kind: Channel.from_answer(kind, fields)
        for kind, channel in channels.items()
        if (fields := mapping_of(channel, f"channels.{kind}"))
    }


def _client_id(value: Any) -> str | None:
    """Return the account, which may be written as a number."""
    if not value:
        return None
    number = None if isinstance(value, str) else whole_number(value)
    return text_of(value if number is None else str(number), "clientId")


def _numbers(value: Any) -> dict[str, int]:
    read = {name: whole_number(number) for name, number in mapping_of(value).items()}
    return {name: number for name, number in read.items() if number is not None}


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
