"""What can be done to a running sandbox's REST interface: secrets, tokens, faults."""

from pathlib import Path
from urllib.parse import urlsplit

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.wiring import RunningPortal

__all__ = ["RestControls"]


class RestControls:
    """The REST side of a Sandbox."""

    @property
    def _running(self) -> RunningPortal:
        raise NotImplementedError

    @property
    def client_id(self) -> str:
        """The id of the sandbox's application."""
        return self._running.access.application.client_id

    @property
    def client_secret(self) -> str:
        """The application's secret, of the sandbox only."""
        return self._running.access.application.client_secret

    @property
    def token(self) -> str:
        """The newest OAuth access token of the application. A secret, of the sandbox only."""
        return self._running.access.application.tokens.access

    @property
    def refresh_token(self) -> str:
        """The newest refresh token, good for one refresh. A secret, of the sandbox only."""
        return self._running.access.application.tokens.refresh

    @property
    def ca_path(self) -> Path:
        """The PEM file a client must trust when the sandbox has `tls=True`.

        For `REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS` or an SSL context; it
        goes when the sandbox stops. Raises SettingsError without TLS.
        """
        certificate = self._running.certificate
        if certificate is None:
            raise SettingsError("the sandbox speaks plain http: open it with Sandbox(tls=True).")
        return certificate.ca_path

    def expire_token(self) -> None:
        """From now on every access token given so far is answered with `expired_token`.

        Until the client refreshes: refresh tokens stay good.
        """
        self._running.access.application.expire()

    def revoke(self) -> None:
        """The user takes the consent back: `invalid_token`, and `invalid_grant` on refreshing.

        Only a new login (`/oauth/authorize/`) helps.
        """
        self._running.access.application.revoke()

    def deny_login(self, n: int = 1) -> None:
        """Send the next `n` logins back with `error=access_denied` instead of a code."""
        self._running.rest.faults.logins_denied += n

    def fail_rest(self, code: str, n: int = 1) -> None:
        """Answer the next `n` REST calls with this error code, whatever they ask.

        With the status the sandbox's `status_profile` has for it: OVERLOAD_LIMIT,
        INTERNAL_SERVER_ERROR, PORTAL_DELETED, QUERY_LIMIT_EXCEEDED, expired_token …
        """
        self._running.rest.faults.refuse(code, n)

    def answer_rest_html(self, n: int = 1) -> None:
        """Answer the next `n` REST calls with an HTML page and HTTP 200."""
        self._running.rest.faults.answer_html(n)

    def move_domain(self, new_host: str | None) -> None:
        """Send every REST call to the new host with HTTP 302, as a renamed portal does.

        `new_host` is `host:port` or a whole address; None moves back.
        """
        self._running.rest.faults.moved_to = new_host and self._origin(new_host)

    def use_operating_time(self, method: str, seconds: float) -> None:
        """Count so many seconds of working time for the method, as if calls had taken them.

        At 480 within 10 minutes it is blocked: OPERATION_TIME_LIMIT.
        """
        rest = self._running.rest
        rest.methods.operating.spend(method.lower(), rest.now(), seconds)

    def _origin(self, host: str) -> str:
        """Scheme and host; the sandbox's own scheme where none is given."""
        if "//" not in host:
            scheme = urlsplit(self._running.url).scheme
            return f"{scheme}://{host.rstrip('/')}"
        parts = urlsplit(host)
        return f"{parts.scheme}://{parts.netloc}"
