"""Control of a running sandbox's REST side: secrets, tokens, faults."""

from pathlib import Path
from urllib.parse import urlsplit

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.wiring import Controls

__all__ = ["RestControls"]


class RestControls(Controls):
    """The REST side of a Sandbox."""

    @property
    def client_id(self) -> str:
        """The id of the sandbox's application."""
        return self._started.application.client_id

    @property
    def client_secret(self) -> str:
        """The application's secret, of the sandbox only."""
        return self._started.application.client_secret

    @property
    def token(self) -> str:
        """The newest OAuth access token of the application. A secret, of the sandbox only."""
        return self._started.application.tokens.access

    @property
    def refresh_token(self) -> str:
        """The newest refresh token, good for one refresh. A secret, of the sandbox only."""
        return self._started.application.tokens.refresh

    @property
    def ca_path(self) -> Path:
        """The PEM file a client must trust when the sandbox has `tls=True`.

        For `REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS` or an SSL context; it
        is deleted when the sandbox stops. Raises SettingsError without TLS.
        """
        certificate = self._started.certificate
        if certificate is None:
            raise SettingsError("the sandbox speaks plain http: open it with Sandbox(tls=True).")
        return certificate.ca_path

    def expire_token(self) -> None:
        """Answer every access token issued so far with `expired_token`.

        Refresh tokens stay valid, and give new access tokens.
        """
        self._running.application.expire()

    def revoke(self) -> None:
        """Withdraw the user's consent: `invalid_token`, and `invalid_grant` on refreshing.

        Only a new login (`/oauth/authorize/`) gives tokens again.
        """
        self._running.application.revoke()

    def deny_login(self, n: int = 1) -> None:
        """Redirect the next `n` logins back with `error=access_denied` instead of a code."""
        self._running.rest.faults.logins_denied += n

    def fail_rest(self, code: str, n: int = 1, *, method: str | None = None) -> None:
        """Answer the next `n` REST calls with this error code, whatever they ask.

        With a `method` the next `n` calls of that method, in batches too; other calls succeed.
        The HTTP status is that of the sandbox's `status_profile`. Codes: OVERLOAD_LIMIT,
        INTERNAL_SERVER_ERROR, PORTAL_DELETED, QUERY_LIMIT_EXCEEDED, expired_token …
        """
        self._running.rest.faults.refuse(code, n, method)

    def answer_rest_html(self, n: int = 1) -> None:
        """Answer the next `n` REST calls with an HTML page and HTTP 200."""
        self._running.rest.faults.answer_html(n)

    def move_domain(self, new_host: str | None) -> None:
        """Redirect every REST call with HTTP 302, as a renamed portal does.

        `new_host` is `host:port` or a whole address; None ends it.
        """
        self._running.rest.faults.moved_to = new_host and self._origin(new_host)

    def use_operating_time(self, method: str, seconds: float) -> None:
        """Add seconds to the method's working time, as if calls had taken them.

        At `operating_limit` (480) within 10 minutes it is blocked: OPERATION_TIME_LIMIT.
        """
        rest = self._running.rest
        rest.methods.operating.spend(method.lower(), rest.now(), seconds)

    def update_application(self) -> None:
        """Update the application: all its event bindings are gone, its queue stays."""
        self._running.company.offline.bindings.clear()

    def _origin(self, host: str) -> str:
        """Return scheme and host, by default with the sandbox's own scheme."""
        if "//" not in host:
            scheme = urlsplit(self._started.url).scheme
            return f"{scheme}://{host.rstrip('/')}"
        parts = urlsplit(host)
        return f"{parts.scheme}://{parts.netloc}"
