"""Authentication of listeners: the channels or the token in a connection's query."""

from collections.abc import Callable, Sequence

from starlette.datastructures import QueryParams

from bxpull_nb.sandbox.channels import (
    Address,
    Channels,
    Signer,
    parse_addresses,
    public_key,
    user_key,
)
from bxpull_nb.sandbox.push.connections import Subscriber

__all__ = ["SubscriberAuthentication"]


class SubscriberAuthentication:
    """Checks channel ids and tokens; `version` is the protocol, `issuers` issued the channels.

    An expired channel is accepted: nothing is published to it any more.
    """

    def __init__(
        self, signer: Signer, issuers: Sequence[Channels], now: Callable[[], float], version: int
    ) -> None:
        self._signer = signer
        self._issuers = issuers
        self._now = now
        self._version = version

    def subscriber(self, query: QueryParams) -> Subscriber | None:
        """Return the subscriber that a token (version 5) or channel ids name, or None."""
        if self._version >= 5 and query.get("token"):
            return self._by_token(query["token"])
        addresses = self.addresses(query)
        return self._by_channels(addresses) if addresses else None

    def addresses(self, query: QueryParams, *, unsigned: bool = False) -> list[Address]:
        """Return the channels of the query in order; none if one of them is not valid."""
        named = query.getlist("CHANNEL_ID")
        found = parse_addresses(named[0]) if len(named) == 1 else []
        valid = all(self._signer.accepts(address, unsigned=unsigned) for address in found)
        return found if valid else []

    def _by_channels(self, addresses: Sequence[Address]) -> Subscriber:
        keys: list[str] = []
        limited: list[str] = []
        for address in addresses:
            keys.append(address.id)
            if address.public and self._version >= 4:
                keys.append(public_key(address.public))
                limited.append(address.id)
        public = next((address.public for address in addresses if address.public), None)
        owners = (i.owner(address.id) for i in self._issuers for address in addresses)
        user_id = next((owner for owner in owners if owner is not None), None)
        return Subscriber(tuple(keys), public, tuple(dict.fromkeys(limited)), user_id)

    def _by_token(self, token: str) -> Subscriber | None:
        claims = self._signer.claims(token, self._now())
        if claims is None:
            return None
        user_id = int(claims["sub"])
        public = self._issuers[0].current("private", user_id).public
        shared = str(claims["chan"]).split(",")
        return Subscriber((*shared, user_key(user_id)), public, (), user_id)
