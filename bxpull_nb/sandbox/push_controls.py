"""What can be done to a running sandbox's push server: service messages and faults."""

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.wiring import RunningPortal

__all__ = ["PushControls"]


class PushControls:
    """The push side of a Sandbox. Every method may be called from any thread.

    Where a method takes `n`, it is about the next so many messages, frames or connections; calls
    add up.
    """

    @property
    def _running(self) -> RunningPortal:
        raise NotImplementedError

    @property
    def acknowledged(self) -> int:
        """How many messages listeners acknowledged (`mack:<mid>`, version 5)."""
        return self._running.push.connections.acknowledged

    def expire_channel(
        self, kind: str = "shared", action: str = "get_config", *, portal_style: bool = False
    ) -> str:
        """The mid of a `channel_expire`: the channel has ended now, and has a successor.

        It is announced on the old channel, which stays open but silent afterwards; `action` is
        `get_config`, or `reconnect` with the new channel in it. As the guide writes it, or with
        `portal_style` as portals do: the type is the application's id, the channel's id lacks its
        public part, `start` is a number, and a private channel is replaced by the portal's own
        shared one, on which nothing for the application arrives.
        """
        return self._running.push.service.expire(kind, action, portal_style=portal_style)

    def announce(self, command: str, *, channel: str = "shared") -> str:
        """The mid of a service message: `config_expire`, `server_restart`; it is not stored."""
        return self._running.push.service.announce(command, channel)

    def presence(self, user_id: int, online: bool) -> str:
        """The mid of a `userStatusChange` of the module `online`, on the shared channel."""
        return self._running.push.service.presence(user_id, online)

    def drop_connections(self) -> int:
        """How many WebSockets and held polls were cut: no close frame, no answer.

        To see what a listener does about a fallen line.
        """
        portal = self._running
        peers = [connection.peer for connection in portal.push.connections]
        portal.server.cut(peers)
        return len(peers)

    def restart(self, seconds: float = 0.0) -> int:
        """How many connections a restart of the push server cut, without a close frame.

        The counter of mids goes on, so resuming works; for so many seconds nobody is let in.
        """
        self._running.push.faults.go_down(seconds)
        return self.drop_connections()

    def close_connections(self, code: int, reason: str = "") -> int:
        """How many WebSockets were closed with that code, 1000 or 3000 to 4999, and reason."""
        if code != 1000 and not 3000 <= code <= 4999:
            raise SettingsError(f"code={code!r}: take 1000, or 3000 to 4999.")
        portal = self._running
        websockets = [one for one in portal.push.connections if one.is_websocket]

        def close() -> None:
            for connection in websockets:
                connection.close(code, reason)

        portal.server.call_soon(close)
        return len(websockets)

    def refuse_handshakes(self, n: int = 1, status: int = 503) -> None:
        """Answer the next `n` WebSocket handshakes with this HTTP status."""
        faults = self._running.push.faults
        faults.refusal = status
        faults.refused.add(n)

    def answer_html(self, n: int = 1) -> None:
        """Answer the next `n` polls with an HTML page and HTTP 200, as a proxy in between does."""
        self._running.push.faults.html.add(n)

    def stall(self, seconds: float) -> None:
        """Take connections, but say nothing on any for so long; then go on with what waited."""
        self._running.push.faults.stall(seconds)

    def cut_frame(self, n: int = 1) -> None:
        """Send only the first half of the next `n` frames, or bodies of polls."""
        self._running.push.faults.torn.add(n)

    def garbage(self, n: int = 1) -> None:
        """Send `n` frames nobody can read, at once or to whoever listens next."""
        portal = self._running
        portal.push.faults.garbage.add(n)
        portal.server.call_soon(portal.broker.call_everybody)

    def duplicate(self, n: int = 1) -> None:
        """Deliver the next `n` messages twice."""
        self._running.broker.faults.duplicate(n)

    def reorder(self, n: int) -> None:
        """Deliver the next `n` messages backwards: none of them before the last was published."""
        self._running.broker.faults.reorder(n)

    def lose(self, n: int = 1) -> None:
        """Store the next `n` messages, but do not deliver them: only who resumes gets them.

        It is how real servers lose messages while a connection is being registered.
        """
        self._running.broker.faults.lose(n)

    def wipe_history(self) -> None:
        """Forget all stored messages; mids begin at 1 again, under the same prefix."""
        self._running.broker.wipe()

    def fail_requests(self, n: int = 1) -> None:
        """Answer the next `n` JSON-RPC requests with an internal error (-32603)."""
        self._running.push.faults.failing.add(n)
