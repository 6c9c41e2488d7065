"""The login of the portal's application from the panel: a link to press, and a wait."""

import asyncio
from html import escape
from urllib.parse import urlsplit

import ipywidgets as ipw

from bxpull_nb.diagnosis.login import can_log_in, log_in, login_helps
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.controls import button, row, shown
from bxpull_nb.portal import Portal

__all__ = ["LoginView"]

_PORT = 8123  # of the handler path in the tutorials
_LINK = "text-decoration:underline;color:var(--jp-content-link-color,light-dark(#1a5fb4,#8ab4f8))"
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
_NEEDS_APPLICATION = (
    "To log in with one click, connect with an application of the portal: "
    "bx.connect(url, client_id=…, client_secret=…), or set BXPULL_URL, BXPULL_CLIENT_ID and "
    "BXPULL_CLIENT_SECRET before Jupyter starts."
)


class LoginView(ipw.VBox):
    """Offers a login where the portal refuses the caller, and waits for it.

    It is possible with an application only; otherwise a line names what to set. The portal sends
    the browser back to this machine, to the port of the application's handler path.
    """

    def __init__(self, portal: Portal | None) -> None:
        self._portal = portal
        self._waiting: asyncio.Task[None] | None = None
        self.login_button = button("Log in", "sign-in", tooltip="At the portal, in a new tab")
        self.cancel_button = button("Cancel the login", "times")
        self.port = ipw.BoundedIntText(
            value=_port_of(portal),
            min=0,
            max=65535,
            description="port of the handler path (0: any)",
            style={"description_width": "initial"},
            layout={"width": "290px"},
        )
        self.text = ipw.HTML()
        self.cancel_button.on_click(lambda _button: self.cancel())
        super().__init__([self.text, row(self.port, self.cancel_button)])
        self.offer(None)

    def offer(self, error: BaseException | None) -> None:
        """Offer the login if it helps against this error."""
        is_waiting = self._waiting is not None
        helps, is_possible = login_helps(error), can_log_in(self._portal)
        can_begin = helps and is_possible and not is_waiting
        shown(self.login_button, can_begin)
        shown(self.port, can_begin)
        shown(self.cancel_button, is_waiting)
        if not is_waiting:
            hint = _NEEDS_APPLICATION if helps and not is_possible else ""
            self.text.value = status_html.message(hint) if hint else ""

    async def log_in(self) -> bool:
        """Log in, store the tokens and use them; False when it was cancelled.

        Raises the errors of `login_async`. A second call meanwhile returns False at once.
        """
        if self._portal is None or self._waiting is not None:
            return False
        work = log_in(self._portal, self._show_address, port=self.port.value)
        self._waiting = waiting = asyncio.create_task(work)
        try:
            await asyncio.wait([waiting])
        finally:
            waiting.cancel()
            self._waiting = None
            self.text.value = ""
            shown(self.cancel_button, False)
        if waiting.cancelled():
            return False
        waiting.result()
        return True

    def cancel(self) -> None:
        """End a wait for the browser; any thread may call it."""
        waiting = self._waiting
        if waiting is not None:
            waiting.get_loop().call_soon_threadsafe(waiting.cancel)

    def _show_address(self, address: str) -> None:
        """Show the address as a link: only the person can agree at the portal."""
        portal = escape(urlsplit(address).netloc)
        link = f"<a href='{escape(address)}' target='_blank' rel='noreferrer' style='{_LINK}'>"
        self.text.value = (
            f"<span class='mathjax_ignore' role='status'>{link}Log in at {portal}</a> (a new tab "
            f"of a browser on this kernel's machine). Waiting, five minutes at most.</span>"
        )
        shown(self.login_button, False)
        shown(self.port, False)
        shown(self.cancel_button, True)


def _port_of(portal: Portal | None) -> int:
    """Return the usual port; any free one for a portal on this machine, such as a sandbox."""
    host = "" if portal is None else urlsplit(portal.url).hostname
    return 0 if host in _THIS_MACHINE else _PORT
