"""The form that sends an event, new or like one that came, and shows when it comes back."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets as ipw
import msgspec

from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.jupyter.widgets.controls import Status, button, choice, row, shown
from bxpull_nb.jupyter.widgets.figures import counted
from bxpull_nb.masking import reason_of
from bxpull_nb.models import Event, Record
from bxpull_nb.portal import Portal

__all__ = ["SendForm", "Sent"]

_ECHO_SECONDS = 10.0
_MOST_TIMES = 100  # the portal takes two calls a second for long
_MOST_SENT = 20
_LABEL = 60  # characters of an entry of the history


class Sent(NamedTuple):
    """One event of the history, as it stood in the form."""

    command: str
    params: str
    receiver: str


class SendForm(ipw.VBox):
    """`COMMAND`, `PARAMS` as JSON, the receiver (all users, or only you), and how many times.

    An event of the table fills it (`offer`), and so does one that was sent before.
    """

    def __init__(self, portal: Portal, feed: Feed) -> None:
        self._portal = portal
        self._feed = feed
        self._event: Event | None = None
        self._history: list[Sent] = []
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
        self.times = ipw.BoundedIntText(
            1, min=1, max=_MOST_TIMES, description="times", style=named, layout={"width": "110px"}
        )
        self.send_button = button("Send", "paper-plane", tooltip="pull.application.event.add")
        self.event_button = button("As the chosen event", "copy", tooltip="Fill the form with it")
        self.again = choice("sent before", [], width="420px")
        self.status = Status()
        self.event_button.on_click(lambda _button: self._take_event())
        self.again.observe(self._take_again, "value")
        shown(self.again, False)
        self.offer(None)
        super().__init__(
            [
                row(self.command, self.params, self.receiver, self.times, self.send_button),
                row(self.event_button, self.again),
                self.status,
            ]
        )

    def offer(self, record: Record | None) -> None:
        """Offer to fill the form with this event; None, or what is unreadable, takes it back."""
        self._event = record if isinstance(record, Event) else None
        self.event_button.disabled = self._event is None

    async def send(self) -> None:
        """Send the event as often as chosen, and show its return, or an error, in the form."""
        try:
            await self._send()
        except BxPullError as exc:
            self.status.show(str(exc), error=True)

    async def _send(self) -> None:
        command, params = self.command.value.strip(), _parsed(self.params.value)
        times, begun = self.times.value, time.monotonic()
        user = await self._own_id() if self.receiver.value == "me" else None
        echoes = _Echoes(command, params, times)
        with self._feed.subscribed(echoes.look):
            for number in range(1, times + 1):
                if times > 1:
                    self.status.show(f"Sending {number} of {times} …")
                await self._portal.rest.send_event(command, params, user_id=user)
                self._feed.note("sent", f"{command} sent")
            self._remember(Sent(command, self.params.value, self.receiver.value))
            if not self._feed.running:
                self.status.show("Sent. Start the feed to see what comes back.")
                return
            self.status.show("Sent, waiting for it to come back …")
            try:
                came = await asyncio.wait_for(echoes.all_came, _ECHO_SECONDS)
            except TimeoutError:
                self.status.show(_no_echo(echoes.count, times))
                return
        what = "Came back" if times == 1 else f"{counted(times)} came back"
        self.status.show(f"{what} after {(came - begun) * 1000:.0f} ms.")

    async def _own_id(self) -> int:
        profile = await self._portal.rest.call("profile", {})
        return int(profile["ID"])

    def _take_event(self) -> None:
        event = self._event
        if event is None:
            return
        receiver = "me" if event.arrival.channel == "private" else "shared"
        params = event.params_json.decode("utf-8", "replace")
        self._fill(Sent(event.command or "", params, receiver))
        self.status.show("The form has the chosen event. It goes out as one of your application.")

    def _take_again(self, _change: object) -> None:
        if self.again.value is not None:
            self._fill(self.again.value)

    def _fill(self, sent: Sent) -> None:
        self.command.value, self.params.value, self.receiver.value = sent

    def _remember(self, sent: Sent) -> None:
        others = [one for one in self._history if one != sent]
        self._history = [sent, *others][:_MOST_SENT]
        self.again.unobserve(self._take_again, "value")
        self.again.options = [(_label(one, n), one) for n, one in enumerate(self._history, 1)]
        self.again.observe(self._take_again, "value")
        shown(self.again, True)


class _Echoes:
    """Waits for so many copies of one event; `all_came` gets the time of the last."""

    def __init__(self, command: str, params: Mapping[str, Any], times: int) -> None:
        self.count = 0
        self.all_came: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._command, self._params, self._times = command, params, times

    def look(self, records: Sequence[Record]) -> None:
        """Count the copies among new records; on the loop of the feed."""
        self.count += sum(_is_echo(record, self._command, self._params) for record in records)
        if self.count >= self._times and not self.all_came.done():
            self.all_came.set_result(time.monotonic())


def _no_echo(came: int, times: int) -> str:
    how_many = "nothing" if not came else f"only {came} of {times}"
    return (
        f"Sent, but {how_many} came back within {_ECHO_SECONDS:g} s. Do you listen to the channel "
        f"it went to? bx.doctor(portal) looks further."
    )


def _is_echo(record: Record, command: str, params: Mapping[str, Any]) -> bool:
    if record.command != command:
        return False
    came = record.params
    return bool(came == params or (not came and not params))  # PHP's empty map is a list


def _label(sent: Sent, number: int) -> str:
    text = f"{number}: {sent.command} {' '.join(sent.params.split())}"
    cut = text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
    return f"{cut} → {sent.receiver}"


def _parsed(text: str) -> dict[str, Any]:
    """Return the typed JSON object; raises SettingsError."""
    try:
        params = msgspec.json.decode(text.encode() or b"{}")
    except msgspec.DecodeError as exc:
        raise SettingsError(
            f'PARAMS is not JSON: {reason_of(exc)}. Write it like {{"n": 1}}.'
        ) from None
    except UnicodeEncodeError:
        raise SettingsError("PARAMS has half a character, which no JSON can hold.") from None
    if not isinstance(params, dict):
        raise SettingsError('PARAMS has to be a JSON object, like {"n": 1}.')
    return params
