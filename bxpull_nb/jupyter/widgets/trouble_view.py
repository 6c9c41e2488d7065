"""What went wrong, and what helps: the error, remedies of one click, the doctor's findings.

It lies over the chart, so that nothing below it moves when an error comes or goes.
"""

import asyncio
from collections.abc import Iterator

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.diagnosis import doctor
from bxpull_nb.errors import ChannelMissing, ConnectionFailed, TransportUnavailable
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.controls import button, row, shown
from bxpull_nb.jupyter.widgets.login_view import LoginView
from bxpull_nb.portal import Portal

__all__ = ["TroubleView"]

_DISTURBED = {"failed", "reconnecting"}
_ECHOES = 2  # test events for each transport: every listener of the application sees them


class TroubleView(ipw.VBox):
    """The error of the feed or of an action, with buttons for what may help.

    The buttons change the feed's settings in the controls of the panel, or ask the doctor; the
    panel connects them.
    """

    def __init__(self, portal: Portal | None, feed: Feed) -> None:
        self._portal = portal
        self._feed = feed
        self._error = self._dismissed = ""
        self.error = ipw.HTML()
        self.findings = ipw.HTML()
        self.retry_button = button("Retry now", "refresh")
        self.polling_button = button("Use polling", "exchange", tooltip="A proxy may block sockets")
        self.shared_button = button("Shared only", "users", tooltip="Works without a user's token")
        self.login = LoginView(portal)
        self.doctor_button = button("Doctor", "medkit", tooltip="Check every hop to the events")
        self.close_button = button("Close", "times")
        buttons = [self.retry_button, self.polling_button, self.shared_button]
        buttons += [self.login.login_button, self.doctor_button, self.close_button]
        super().__init__([self.error, row(*buttons), self.login, self.findings])
        self.add_class("bxp-trouble")
        self.close_button.on_click(lambda _button: self.dismiss())
        shown(self, False)

    def paint(self, error: str) -> None:
        """Show this error with what may help; nothing without an error and without findings."""
        self.error.value = status_html.message(error, error=True)
        self._error = error
        self._dismissed = self._dismissed if error else ""
        visible = error != self._dismissed or bool(self.findings.value)
        shown(self, visible)
        if visible:
            wanted = set(self._remedies())
            for remedy in (self.retry_button, self.polling_button, self.shared_button):
                shown(remedy, remedy in wanted)
            self.login.offer(self._feed.error)
            shown(self.doctor_button, self._portal is not None)

    def dismiss(self) -> None:
        """Hide the error until another one comes, and the findings; end a login."""
        self.login.cancel()
        self._dismissed = self._error
        self.findings.value = ""
        shown(self, False)

    async def examine(self) -> None:
        """Ask the doctor, and show each finding as it comes."""
        if self._portal is None:
            return
        self.findings.value = status_html.message("The doctor is at work …")
        shown(self, True)
        portal = self._portal
        diagnosis = await asyncio.to_thread(doctor, portal, echoes=_ECHOES)
        self.findings.value = diagnosis._repr_html_()

    def _remedies(self) -> Iterator[ipw.Button]:
        error, feed = self._feed.error, self._feed
        if feed.next_try is not None:
            yield self.retry_button
        is_network = isinstance(error, ConnectionFailed | TransportUnavailable)
        if feed.state in _DISTURBED and is_network and feed.transport != "polling":
            yield self.polling_button
        if isinstance(error, ChannelMissing) and feed.channels != ("shared",):
            yield self.shared_button
