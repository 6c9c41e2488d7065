"""The form that sends a test event and shows when it comes back."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as ipw
import msgspec

from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import SettingsError
from bxpull_nb.jupyter.widgets.controls import Status, button, choice, row
from bxpull_nb.masking import reason_of
from bxpull_nb.models import Record
from bxpull_nb.portal import Portal

__all__ = ["SendForm"]

_ECHO_SECONDS = 10.0


class SendForm(ipw.VBox):
    """`COMMAND`, `PARAMS` as JSON, and the receiver: all users, or only you."""

    def __init__(self, portal: Portal, feed: Feed) -> None:
        self._portal = portal
        self._feed = feed
        named = {"description_width": "initial"}
        self.command = ipw.Text(
            value="greeting", description="COMMAND", style=named, layout={"width": "260px"}
        )
        self.params = ipw.Textarea(
            value='{"n": 1}', description="PARAMS", style=named, rows=2, layout={"width": "400px"}
        )
        self.receiver = choice(
            "to", ["shared", "me"], width="130px", tooltip="shared: all listeners; me: only you"
        )
        self.send_button = button("Send", "paper-plane", tooltip="pull.application.event.add")
        self.status = Status()
        super().__init__(
            [
                row(self.command, self.params, self.receiver, self.send_button),
                self.status,
            ]
        )

    async def send(self) -> None:
        """Send the event and show when its echo arrives; raises the error of the sending."""
        command, params = self.command.value.strip(), _parsed(self.params.value)
        user = await self._own_id() if self.receiver.value == "me" else None
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def look(records: Sequence[Record]) -> None:
            if not arrived.done() and any(_is_echo(r, command, params) for r in records):
                arrived.set_result(time.monotonic())

        with self._feed.subscribed(look):
            begun = time.monotonic()
            await self._portal.rest.send_event(command, params, user_id=user)
            self._feed.note("sent", f"{command} sent")
            if not self._feed.running:
                self.status.show("Sent. Start the feed to see what comes back.")
                return
            self.status.show("Sent, waiting for it to come back …")
            try:
                came = await asyncio.wait_for(arrived, _ECHO_SECONDS)
            except TimeoutError:
                self.status.show(_NO_ECHO)
                return
        self.status.show(f"Came back after {(came - begun) * 1000:.0f} ms.")

    async def _own_id(self) -> int:
        profile = await self._portal.rest.call("profile", {})
        return int(profile["ID"])


_NO_ECHO = (
    f"Sent, but nothing came back within {_ECHO_SECONDS:g} s. Do you listen to the channel it went "
    f"to? bx.doctor(portal) looks further."
)


def _is_echo(record: Record, command: str, params: Mapping[str, Any]) -> bool:
    if record.command != command:
        return False
    came = record.params
    return bool(came == params or (not came and not params))  # PHP's empty map is a list


def _parsed(text: str) -> dict[str, Any]:
    """Return the typed JSON object; raises SettingsError."""
    try:
        params = msgspec.json.decode(text.encode() or b"{}")
    except msgspec.DecodeError as exc:
        raise SettingsError(
            f'PARAMS is not JSON: {reason_of(exc)}. Write it like {{"n": 1}}.'
        ) from None
    if not isinstance(params, dict):
        raise SettingsError('PARAMS has to be a JSON object, like {"n": 1}.')
    return params
