"""The login of a portal's application, as a remedy for a token that is missing or refused."""

from collections.abc import Callable

from bxpull_nb.diagnosis.advice import is_unauthenticated
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import OAuthApp

__all__ = ["can_log_in", "log_in", "login_helps"]


def can_log_in(portal: Portal | None) -> bool:
    """Whether the portal was connected with an application, which alone can log in."""
    return portal is not None and isinstance(portal.rest.auth, OAuthApp)


def login_helps(error: BaseException | None) -> bool:
    """Whether the error is that the portal did not recognise the caller."""
    return isinstance(error, Exception) and is_unauthenticated(error)


async def log_in(portal: Portal, tell: Callable[[str], object], *, port: int = 0) -> None:
    """Log the portal's application in; on return its tokens are stored and in use.

    `tell` gets the address that a person opens, `port` is that of the application's handler path.
    Raises the errors of `bxpull_nb.rest.login.login_async`.
    """
    auth = portal.rest.auth
    if isinstance(auth, OAuthApp):
        await auth.log_in(tell, port=port)
