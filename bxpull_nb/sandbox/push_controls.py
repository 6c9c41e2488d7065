"""Control of a running sandbox's push server: service messages and faults."""

import math

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.wiring import Controls

__all__ = ["PushControls"]


class PushControls(Controls):
    """The push side of a Sandbox. Every method may be called from any thread.

    `n` is a number of messages, frames or connections to come; several calls add up.
    """

    @property
    def acknowledged(self) -> int:
        """Number of messages that listeners acknowledged (`mack:<mid>`, version 5)."""
        return self._running.push.connections.acknowledged

    def expire_channel(
        self, kind: str = "shared", action: str = "get_config", *, portal_style: bool = False
    ) -> str:
        """Replace a channel by a new one and return the mid of the `channel_expire` message.

        The message is sent on the old channel, which stays open but silent afterwards; `action`
        is `get_config`, or `reconnect` with the new channel in it. It is written as in the guide,
        or with `portal_style` as portals do: the type is the application's id, the channel's id
        lacks its public part, `start` is a number, and a private channel is replaced by the
        portal's own shared one, on which nothing for the application arrives.
        """
        return self._running.push.service.expire(kind, action, portal_style=portal_style)

    def announce(self, command: str, *, channel: str = "shared") -> str:
        """Send `config_expire` or `server_restart` and return its mid; only version 3 stores it."""
        return self._running.push.service.announce(command, channel)

    def presence(self, user_id: int, online: bool) -> str:
        """Send a `userStatusChange` (module `online`) on the shared channel; return its mid."""
        return self._running.push.service.presence(user_id, online)

    def drop_connections(self) -> int:
        """Cut all WebSockets and held polls without close frame or answer; return their number.

        Shows how a listener handles a network failure.
        """
        portal = self._running
        peers = [connection.peer for connection in portal.push.connections]
        portal.server.cut(peers)
        return len(peers)

    def restart(self, seconds: float = 0.0) -> int:
        """Cut all connections as a restart of the push server does; return their number.

        The counter of mids continues, so resuming works. For so many seconds new connections
        are cut too.
        """
        self._running.push.faults.go_down(seconds)
        return self.drop_connections()

    def close_connections(self, code: int, reason: str = "") -> int:
        """Close all WebSockets with a code, 1000 or 3000 to 4999; return their number."""
        if code != 1000 and not 3000 <= code <= 4999:
            raise SettingsError(f"code={code!r}: take 1000, or 3000 to 4999.")
        portal = self._running
        websockets = [c for c in portal.push.connections if c.is_websocket]

        def close() -> None:
            for connection in websockets:
                connection.close(code, reason)

        portal.server.call_soon(close)
        return len(websockets)

    def refuse_handshakes(self, n: int | None = 1, status: int = 503) -> None:
        """Answer the next `n` WebSocket handshakes with this HTTP status, while polls work.

        None refuses all of them, as a proxy without WebSockets does (status 426, 400 or 200); 0
        accepts handshakes again.
        """
        faults = self._running.push.faults
        faults.refusal_status = status
        if n == 0:
            faults.refuse.clear()
        else:
            faults.refuse.add(math.inf if n is None else n)

    def limit_idle(self, seconds: float | None) -> None:
        """Cut WebSockets and held polls after so many seconds without traffic, as proxies do.

        There is no close frame and no answer. None ends it. Pings of the WebSocket protocol are
        no traffic here.
        """
        if seconds is not None and not seconds > 0:
            raise SettingsError(f"seconds={seconds!r}: it must be more than 0, or None.")
        portal = self._running
        portal.push.faults.idle_limit = seconds
        if seconds is not None:
            portal.server.spawn(portal.push.cut_idle(seconds))

    def answer_html(self, n: int = 1) -> None:
        """Answer the next `n` polls with HTML and HTTP 200, as a proxy may. 0 ends it."""
        html = self._running.push.faults.html
        if n == 0:
            html.clear()
        html.add(n)

    def stall(self, seconds: float) -> None:
        """Accept connections but send nothing for so many seconds; then send all messages."""
        self._running.push.faults.stall(seconds)

    def cut_frame(self, n: int = 1) -> None:
        """Send only the first half of the next `n` frames, or bodies of polls."""
        self._running.push.faults.truncate.add(n)

    def garbage(self, n: int = 1, frame: str | bytes | None = None) -> None:
        """Send `n` unreadable frames, at once or to the next listener.

        `frame` is sent as given in their place, text as a text frame and bytes as a binary one.
        """
        portal = self._running
        portal.push.faults.garbage.extend([frame] * max(0, n))
        portal.server.call_soon(portal.broker.notify_all)

    def duplicate(self, n: int = 1) -> None:
        """Deliver the next `n` messages twice."""
        self._running.broker.faults.duplicate(n)

    def reorder(self, n: int) -> None:
        """Hold the next `n` messages until all are published, then deliver them backwards."""
        self._running.broker.faults.reorder(n)

    def lose(self, n: int = 1) -> None:
        """Store the next `n` messages without delivering them; only resuming listeners get them.

        Real servers lose messages in this way while they register a connection.
        """
        self._running.broker.faults.lose(n)

    def store_nothing(self, n: int = 1) -> None:
        """Deliver the next `n` messages without storing them, as with an expiry of 0.

        On version 3 too, which otherwise stores every message.
        """
        self._running.broker.faults.store_nothing(n)

    def wipe_history(self) -> None:
        """Delete all stored messages; mids begin at 1 again, under the same prefix.

        Listeners stay connected, and messages to come are delivered to them.
        """
        self._running.broker.wipe()

    def fail_requests(self, n: int = 1) -> None:
        """Answer the next `n` JSON-RPC requests with an internal error (-32603)."""
        self._running.push.faults.fail_requests.add(n)
