"""Channel ids: their shape, their signatures, and how long they live (protocol 2.2).

A channel id is a subscription secret: 32 random hex digits, signed by the portal so that the push
server need not ask whether they exist.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from bxpull_nb.masking import mask

__all__ = ["Address", "Channels", "IssuedChannel", "Signer", "parse_addresses"]

_PATTERN = re.compile(r"([0-9a-f]{32})(?::([0-9a-f]{32}))?(?:\.([0-9a-f]{40}))?")


class Address(NamedTuple):
    """One channel as it is written in a `CHANNEL_ID`: the id, its public part, its signature."""

    id: str
    """32 hex digits: what messages are published to."""
    public: str | None
    signature: str | None

    @property
    def signed_text(self) -> str:
        """What the signature is made of: the id, with the public part after a colon."""
        return f"{self.id}:{self.public}" if self.public else self.id


def parse_addresses(channel_id: str) -> list[Address]:
    """The channels a `CHANNEL_ID` names, joined by `/`; none at all when one is misshapen."""
    found = [_PATTERN.fullmatch(part) for part in channel_id.split("/")]
    return [Address(*match.groups()) for match in found if match] if all(found) else []


class Signer:
    """Signs channel ids, and knows its own signatures."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, text: str) -> str:
        """The signature of `text`: 40 lower-case hex digits, HMAC-SHA1."""
        return hmac.new(self._key, text.encode(), "sha1").hexdigest()

    def accepts(self, address: Address, *, unsigned: bool = False) -> bool:
        """Whether the address is one of ours.

        `unsigned` lets a plain id pass without a signature, as the trusted side may write it;
        one with a public part needs its signature there too.
        """
        if address.signature is None:
            return unsigned and address.public is None
        return hmac.compare_digest(address.signature, self.sign(address.signed_text))


@dataclass(frozen=True)
class IssuedChannel:
    """A channel the portal has given out."""

    kind: str
    """`shared` or `private`."""
    id: str
    """32 hex digits."""
    signed_id: str
    """The id with its signature: what a listener connects with."""
    start: float
    """Seconds since 1970."""
    end: float
    """Seconds since 1970; the portal replaces the channel after it."""

    def __repr__(self) -> str:
        return f"IssuedChannel({self.kind!r}, id={mask(self.id)!r})"


class Channels:
    """The application's channels: the same until their end, then others."""

    def __init__(self, signer: Signer, ttl: float, now: Callable[[], float]) -> None:
        self._signer = signer
        self._ttl = ttl
        self._now = now
        self._issued: dict[str, IssuedChannel] = {}
        self._lock = Lock()

    def current(self, kind: str) -> IssuedChannel:
        """The channel of that type as of now; one past its end is replaced when asked for."""
        moment = self._now()
        channel = self._issued.get(kind)
        if channel is not None and moment < channel.end:
            return channel
        with self._lock:
            # Another thread may have been here first, and a channel must have one successor.
            channel = self._issued.get(kind)
            if channel is None or moment >= channel.end:
                channel = self._issued[kind] = self._issue(kind, moment)
            return channel

    def _issue(self, kind: str, moment: float) -> IssuedChannel:
        name = secrets.token_hex(16)
        signed = f"{name}.{self._signer.sign(name)}"
        start = int(moment)  # the portal tells whole seconds
        return IssuedChannel(kind, name, signed, start, start + self._ttl)
