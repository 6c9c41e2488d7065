"""Redirects of a renamed portal: which are followed, and which are refused."""

from urllib.parse import urlsplit

import httpx

from bxpull_nb.errors import SettingsError, UnexpectedAnswer
from bxpull_nb.protocol.endpoint import is_loopback
from bxpull_nb.protocol.portal_address import portal_url

__all__ = ["is_move", "moved_portal"]


def is_move(response: httpx.Response) -> bool:
    """Whether the answer is a redirect."""
    return response.status_code in (301, 302, 307, 308) and "location" in response.headers


def moved_portal(method: str, portal: str, path: str, response: httpx.Response) -> str:
    """Return the portal's new address, `scheme://host[:port]`.

    The token goes there, so only a renamed portal is followed: the same `path`, never from https
    to http, and on the usual port (a sandbox may move on this machine). Raises UnexpectedAnswer
    for any other redirect.
    """
    try:
        target = urlsplit(response.headers["location"])
        moved = portal_url(f"{target.scheme}://{target.netloc}")
    except (ValueError, SettingsError):
        moved = portal
    if moved == portal:
        raise _refused(method, portal, response, "without naming another portal")
    if target.path.rstrip("/") != path.rstrip("/"):
        raise _refused(method, portal, response, f"to another page of {moved}, a login page, say")
    if portal.startswith("https:") and target.scheme != "https":
        raise _refused(method, portal, response, f"to {moved}, where the token could be read")
    if not _usual_port(portal, moved):
        raise _refused(method, portal, response, f"to {moved}, another port")
    return moved


def _usual_port(portal: str, moved: str) -> bool:
    old, new = urlsplit(portal).port, urlsplit(moved).port
    return new in (None, old) or (is_loopback(portal) and is_loopback(moved))


def _refused(method: str, portal: str, response: httpx.Response, where: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"{method}: {portal} sends us (HTTP {response.status_code}) {where}. That is not followed, "
        f"for the authorization would go along; check the portal's address.",
        method=method,
        status=response.status_code,
    )
