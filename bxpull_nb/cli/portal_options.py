"""The options that choose a portal, completed by the BXPULL_* variables."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bxpull_nb.portal import Portal

__all__ = ["VISIBLE", "open_portal", "portal_options"]

VISIBLE = "Other users of this machine can read it from the process list: better set"


def portal_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose a portal; without any, the environment chooses."""
    for option in (
        click.option("--sandbox", is_flag=True, help="An embedded sandbox with demo traffic."),
        click.option(
            "--webhook", metavar="URL", help=f"An inbound webhook. {VISIBLE} BXPULL_WEBHOOK."
        ),
        click.option(
            "--token", metavar="TEXT", help=f"The OAuth access token. {VISIBLE} BXPULL_TOKEN."
        ),
        click.option("--url", metavar="URL", help="The portal's address, or set BXPULL_URL."),
    ):
        command = option(command)
    return command


def open_portal(
    *, url: str | None, token: str | None, webhook: str | None, sandbox: bool, rate: float = 25.0
) -> "Portal":
    """Return the portal of the options, or of the environment; raises UsageError for neither."""
    if sum(map(bool, (sandbox, webhook, url or token))) > 1:
        raise click.UsageError("give one of --sandbox, --webhook, or --url with --token.")
    from bxpull_nb.api import connect, from_environment, sandbox_portal

    if sandbox:
        return sandbox_portal(rate)
    known = from_environment()
    if not (url or token or webhook):
        webhook = known.webhook
    if webhook:
        return connect(webhook=webhook)
    names = () if token else ("refresh_token", "client_id", "client_secret")
    application = {name: value for name in names if (value := getattr(known, name))}
    url, token = url or known.url, token or known.token
    if not url:
        raise click.UsageError(
            "which portal? Give --url with --token, --webhook, or --sandbox; or set BXPULL_URL "
            "with BXPULL_TOKEN, or BXPULL_WEBHOOK."
        )
    if not (token or application or "/rest/" in url):  # such an address may be a webhook's
        raise click.UsageError("--url needs a token: set BXPULL_TOKEN, or give --token.")
    return connect(url, token=token, **application)
