"""Who may come in: what a connection's query says it is, and whether that is signed by us."""

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

__all__ = ["Authentication"]


class Authentication:
    """The push server's door; `version` is its protocol, `issuers` gave the channels out.

    An expired channel is let in: it is silent, not refused.
    """

    def __init__(
        self, signer: Signer, issuers: Sequence[Channels], now: Callable[[], float], version: int
    ) -> None:
        self._signer = signer
        self._issuers = issuers
        self._now = now
        self._version = version

    def subscriber(self, query: QueryParams) -> Subscriber | None:
        """Whom the query names, by a token from version 5 on, or by channel ids; None: nobody."""
        if self._version >= 5 and query.get("token"):
            return self._bearer(query["token"])
        addresses = self.addresses(query)
        return self._listener(addresses) if addresses else None

    def addresses(self, query: QueryParams, *, unsigned: bool = False) -> list[Address]:
        """The channels the query names, in order; none at all when one of them is not ours."""
        named = query.getlist("CHANNEL_ID")
        found = parse_addresses(named[0]) if len(named) == 1 else []
        good = all(self._signer.accepts(address, unsigned=unsigned) for address in found)
        return found if good else []

    def _listener(self, addresses: Sequence[Address]) -> Subscriber:
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

    def _bearer(self, token: str) -> Subscriber | None:
        claims = self._signer.claims(token, self._now())
        if claims is None:
            return None
        user_id = int(claims["sub"])
        public = self._issuers[0].current("private", user_id).public
        shared = str(claims["chan"]).split(",")
        return Subscriber((*shared, user_key(user_id)), public, (), user_id)
