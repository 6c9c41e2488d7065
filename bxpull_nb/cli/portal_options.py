"""Which portal a command is about: its options, and what the environment says."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bxpull_nb.portal import Portal

__all__ = ["VISIBLE", "known", "open_portal", "portal_options"]

VISIBLE = "Other users of this machine can read it from the process list: better set"


def portal_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which portal; without any, the environment does."""
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
    """The portal that the options name, or the environment; raises UsageError for neither."""
    if sum(map(bool, (sandbox, webhook, url or token))) > 1:
        raise click.UsageError("give one of --sandbox, --webhook, or --url with --token.")
    if sandbox:
        return _sandbox_portal(rate)
    from bxpull_nb.api import connect

    if not (url or token or webhook):
        webhook = known("webhook")
    if webhook:
        return connect(webhook=webhook)
    application = {} if token else _application()
    url, token = url or known("url"), token or known("token")
    if not url:
        raise click.UsageError(
            "which portal? Give --url with --token, --webhook, or --sandbox; or set BXPULL_URL "
            "with BXPULL_TOKEN, or BXPULL_WEBHOOK."
        )
    if not (token or application or "/rest/" in url):  # such an address may be a webhook's
        raise click.UsageError("--url needs a token: set BXPULL_TOKEN, or give --token.")
    return connect(url, token=token, **application)


def known(name: str) -> str | None:
    """What the environment says."""
    return os.environ.get(f"BXPULL_{name.upper()}") or None


def _application() -> dict[str, Any]:
    """Of an application that renews its token by itself, what the environment says."""
    found = {name: known(name) for name in ("refresh_token", "client_id", "client_secret")}
    return {name: value for name, value in found.items() if value}


def _sandbox_portal(rate: float) -> "Portal":
    from bxpull_nb.portal import Portal
    from bxpull_nb.rest.auth import AccessToken
    from bxpull_nb.sandbox import Sandbox

    box = Sandbox(demo=True, rate=rate).start()
    return Portal(AccessToken(box.url, box.token), sandbox=box, limit=None)
