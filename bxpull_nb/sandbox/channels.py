"""Channel ids: their shape, their signatures, and how long they live (protocol 2.2).

A channel id is a subscription secret: 32 hex digits, signed by the portal, so that the push
server can check them without asking the portal. From version 4 on a private channel has a public
part too, an address to publish to but not to listen at.
"""

import hmac
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from bxpull_nb.masking import mask
from bxpull_nb.sandbox.jwt import TOKEN_LIFE, read_token, write_token
from bxpull_nb.sandbox.settings import USER_ID

__all__ = [
    "Address",
    "Channels",
    "IssuedChannel",
    "SignedPublicId",
    "Signer",
    "parse_addresses",
    "public_key",
    "user_key",
]

_PATTERN = re.compile(r"([0-9a-f]{32})(?::([0-9a-f]{32}))?(?:\.([0-9a-f]{40}))?")


def public_key(public: str) -> str:
    """Return the broker's name of the channel with that public part."""
    return f"public:{public}"


def user_key(user_id: int) -> str:
    """Return the broker's name of a user, for listeners with a token."""
    return f"user:{user_id}"


class Address(NamedTuple):
    """One channel as written in a `CHANNEL_ID`: the id, its public part, its signature."""

    id: str
    """32 hex digits; messages are published to it."""
    public: str | None
    signature: str | None

    @property
    def signed_text(self) -> str:
        """The signed text: the id, with the public part after a colon."""
        return f"{self.id}:{self.public}" if self.public else self.id


def parse_addresses(channel_id: str) -> list[Address]:
    """Return the channels of a `CHANNEL_ID`, joined by `/`; none if one is malformed."""
    found = [_PATTERN.fullmatch(part) for part in channel_id.split("/")]
    return [Address(*match.groups()) for match in found if match] if all(found) else []


class Signer:
    """Signs channel ids and tokens, and checks its own signatures."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def account(self) -> str:
        """The portal's account on the push server: `clientId` in shared mode, `iss` of tokens."""
        return self.sign("account")[:32]

    def sign(self, text: str) -> str:
        """Return the signature of `text`: 40 lower-case hex digits, HMAC-SHA1."""
        return hmac.new(self._key, text.encode(), "sha1").hexdigest()

    def signed(self, text: str) -> str:
        """Return the text with its signature, as channel ids are written."""
        return f"{text}.{self.sign(text)}"

    def accepts(self, address: Address, *, unsigned: bool = False) -> bool:
        """Whether the address has a valid signature.

        `unsigned` accepts a plain id without a signature, as the trusted side may write it; an id
        with a public part needs its signature there too.
        """
        if address.signature is None:
            return unsigned and address.public is None
        return hmac.compare_digest(address.signature, self.sign(address.signed_text))

    def accepts_public(self, public: str, signature: str) -> bool:
        """Whether the signature allows publishing to the channel with that public part."""
        return hmac.compare_digest(signature, self.sign(public_key(public)))

    def new_id(self, name: str) -> str:
        """Return the channel id of that name: 32 hex digits, always the same with one key."""
        return hmac.digest(self._key, name.encode(), "sha256").hex()[:32]

    def token(self, claims: dict[str, Any]) -> str:
        """Return a signed token with the claims."""
        return write_token(self._key, claims)

    def claims(self, token: str, moment: float) -> dict[str, Any] | None:
        """Return the claims of a token that is valid now; None for any other text."""
        return read_token(self._key, token, moment)


@dataclass(frozen=True)
class IssuedChannel:
    """A channel that the portal has issued."""

    kind: str
    """`shared` or `private`."""
    id: str
    """32 hex digits."""
    signed_id: str
    """The id with its public part, if any, and the signature; clients connect with it."""
    start: float
    """Seconds since 1970."""
    end: float
    """Seconds since 1970; the portal replaces the channel then."""
    public: str | None = None
    """32 hex digits: the address of a private channel for messages of others."""
    public_id: str | None = None
    """`public` with the signature that publishing to it needs."""
    targets: tuple[str, ...] = ()
    """The broker's names of it, which messages to this channel are published to."""

    def __repr__(self) -> str:
        return f"IssuedChannel({self.kind!r}, id={mask(self.id)!r})"


@dataclass(frozen=True)
class SignedPublicId:
    """An address for messages of others to a user: an entry of `publicChannels`."""

    user_id: int
    public_id: str
    signature: str
    start: float
    end: float

    def __repr__(self) -> str:
        return f"SignedPublicId({self.user_id}, public_id={mask(self.public_id)!r})"


class Channels:
    """The portal's channels, each replaced by another at its end.

    There is a shared one, and a private one for each user. The application has its own channels,
    and so has the portal's web interface: `name` distinguishes their ids. `version` is the push
    server's.
    """

    def __init__(
        self,
        signer: Signer,
        ttl: float,
        now: Callable[[], float],
        version: int = 3,
        name: str = "",
    ) -> None:
        self._signer = signer
        self._ttl = ttl
        self._now = now
        self._version = version
        self._name = name
        self._counts: Counter[str] = Counter()
        self._issued: dict[tuple[str, int], IssuedChannel] = {}
        self._owners: dict[str, int] = {}
        self._lock = Lock()

    def current(self, kind: str, user_id: int = USER_ID) -> IssuedChannel:
        """Return the current channel of that type; one past its end is replaced first."""
        key = _key(kind, user_id)
        moment = self._now()
        channel = self._issued.get(key)
        if channel is not None and moment < channel.end:
            return channel
        with self._lock:
            # Another thread may have replaced it; a channel must have one successor.
            channel = self._issued.get(key)
            if channel is None or moment >= channel.end:
                channel = self._issued[key] = self._issue(kind, user_id, moment)
            return channel

    def replace(self, kind: str, user_id: int = USER_ID) -> tuple[IssuedChannel, IssuedChannel]:
        """End the channel of that type now; return it and its successor."""
        old = self.current(kind, user_id)
        with self._lock:
            new = self._issued[_key(kind, user_id)] = self._issue(kind, user_id, self._now())
        return old, new

    def public_channel(self, user_id: int = USER_ID) -> SignedPublicId:
        """Return the user's public address, which exists from version 4 on."""
        channel = self.current("private", user_id)
        public, _, signature = (channel.public_id or "").partition(".")
        return SignedPublicId(user_id, public, signature, channel.start, channel.end)

    def jwt(self, user_id: int = USER_ID) -> tuple[str, int]:
        """Return a token to listen with (version 5), and its end.

        The end is in seconds since 1970. The token names the shared channel only; the private
        one follows from its `sub`.
        """
        moment = int(self._now())
        end = moment + int(min(TOKEN_LIFE, max(1, self._ttl)))
        shared = self.current("shared")
        claims = {"iss": self._signer.account, "iat": moment, "exp": end, "sub": str(user_id)}
        return self._signer.token({**claims, "chan": shared.id}), end

    def plain_id(self, channel: IssuedChannel) -> str:
        """Return the id signed without its public part, as portals announce a channel's end."""
        return self._signer.signed(channel.id)

    def owner(self, channel_id: str) -> int | None:
        """Return the user whose private channel has or had that id or public part."""
        return self._owners.get(channel_id)

    def _new_id(self, name: str) -> str:
        """Return the next id of that name."""
        self._counts[name] += 1
        return self._signer.new_id(f"{self._name} {name} {self._counts[name]}")

    def _issue(self, kind: str, user_id: int, moment: float) -> IssuedChannel:
        id_ = self._new_id(f"{kind} {user_id}")
        has_public = kind == "private" and self._version >= 4
        public = self._new_id(f"public {user_id}") if has_public else None
        targets: tuple[str, ...] = (id_,)
        if kind == "private":
            self._owners |= dict.fromkeys(filter(None, (id_, public)), user_id)
            if self._version >= 5:
                targets = (id_, user_key(user_id))
        start = int(moment)  # the portal writes whole seconds
        return IssuedChannel(
            kind=kind,
            id=id_,
            signed_id=self._signer.signed(f"{id_}:{public}" if public else id_),
            start=start,
            end=start + self._ttl,
            public=public,
            public_id=f"{public}.{self._signer.sign(public_key(public))}" if public else None,
            targets=targets,
        )


def _key(kind: str, user_id: int) -> tuple[str, int]:
    return kind, user_id if kind == "private" else 0
