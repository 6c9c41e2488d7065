"""The answer of the config methods: how to connect to the push server (protocol 1.2)."""

from typing import Any

from bxpull_nb.sandbox.channels import Channels, IssuedChannel, SignedPublicId
from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.settings import Settings

__all__ = ["ConfigAnswer", "public_entry"]


class ConfigAnswer:
    """The `result` of `pull.application.config.get` and of `pull.config.get`.

    `host` is address and port of the push server, which are the portal's; `account` is the
    portal's account there.
    """

    def __init__(self, settings: Settings, host: str, account: str) -> None:
        self._account = account
        self._settings = settings
        self._host = host
        self._started = int(settings.now())

    def of_application(self, channels: Channels) -> dict[str, Any]:
        """Return the application's answer; raises RestRefusal without a push server."""
        if self._settings.edition == "seed":
            return self._seed(channels)
        return self._current(channels)

    def of_user(self, channels: Channels) -> dict[str, Any]:
        """Return the web interface's answer: the current edition, with the portal's time."""
        answer = self._current(channels)
        return {**answer, "serverTime": iso_time(int(self._settings.now()))}

    def _issued(self, channels: Channels) -> list[IssuedChannel]:
        if not self._settings.configured:
            raise RestRefusal("SERVER_ERROR", "Push & Pull server is not configured")
        return [channels.current(kind) for kind in self._settings.channel_kinds]

    def _seed(self, channels: Channels) -> dict[str, Any]:
        issued = self._issued(channels)
        secure = self._address("http", "sub", True)
        return {
            "server": {**self._server(), "long_polling_secure": secure, **self._client()},
            "channels": {channel.kind: _seed_channel(channel) for channel in issued},
        }

    def _current(self, channels: Channels) -> dict[str, Any]:
        issued = self._issued(channels)
        server = {
            **self._server(),
            # sic: the spelling of today's portals
            "long_pooling_secure": self._address("http", "sub", True),
            "mode": self._settings.mode,
            "hostname": self._host.partition(":")[0],
            "config_timestamp": self._started,
        }
        answer: dict[str, Any] = {
            "server": server,
            "api": {"revision_web": 19, "revision_mobile": 3},
            "channels": {c.kind: {**_channel(c), "public_id": c.public_id} for c in issued},
            "publicChannels": self._public_channels(channels),
            "exp": int(min(channel.end for channel in issued)),
        }
        if self._settings.server_version >= 5:
            answer["jwt"], answer["exp"] = channels.jwt()
        return {**answer, **self._client()}

    def _public_channels(self, channels: Channels) -> dict[str, Any] | list[Any] | bool:
        """Return the user's public address; PHP writes an empty map as a list."""
        if self._settings.server_version < 4:
            return False
        if not self._settings.private:
            return []
        channel = channels.public_channel()
        return {str(channel.user_id): public_entry(channel)}

    def _client(self) -> dict[str, str]:
        """Return the portal's account on a push server shared with other portals."""
        return {"clientId": self._account} if self._settings.mode == "shared" else {}

    def _server(self) -> dict[str, Any]:
        settings, address = self._settings, self._address
        return {
            "version": settings.server_version,
            "server_enabled": True,
            "long_polling": address("http", "sub", False),
            "websocket_enabled": settings.websocket,
            "websocket": address("ws", "sub", False),
            "websocket_secure": address("ws", "sub", True),
            "publish_enabled": settings.server_version >= 4,
            "publish": address("http", "pubweb", False),
            "publish_secure": address("http", "pubweb", True),
        }

    def _address(self, scheme: str, path: str, secure: bool) -> str:
        """Return the plain or the secure address; one of the two is empty in a sandbox."""
        if secure != self._settings.tls:
            return ""
        return f"{scheme}{'s' if secure else ''}://{self._host}/{path}/"


def public_entry(channel: SignedPublicId) -> dict[str, Any]:
    """Return a user's entry of `publicChannels`."""
    return {
        "user_id": channel.user_id,
        "public_id": channel.public_id,
        "signature": channel.signature,
        "start": iso_time(channel.start),
        "end": iso_time(channel.end),
    }


def _seed_channel(channel: IssuedChannel) -> dict[str, Any]:
    """Return a channel as the method's page shows it: `public_id` only if there is one."""
    public = {"public_id": channel.public_id} if channel.public_id else {}
    return {**_channel(channel), **public}


def _channel(channel: IssuedChannel) -> dict[str, Any]:
    return {
        "id": channel.signed_id,
        "start": iso_time(channel.start),
        "end": iso_time(channel.end),
        "type": channel.kind,
    }
