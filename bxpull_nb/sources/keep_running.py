"""Keeps a source running: what to try again, and what ends it with a sentence."""

import logging
from typing import Protocol

from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    BxPullError,
    PortalDeleted,
    SettingsError,
    TokenRefused,
    WrongAuthType,
)
from bxpull_nb.listener import Timing
from bxpull_nb.rest.error_codes import Recovery, code_of
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["keep_running"]

_log = logging.getLogger(__name__)
_LASTING = (AccessRefused, PortalDeleted, SettingsError, TokenRefused, WrongAuthType)
_ADVICE = {
    ("offline", "ACCESS_DENIED"): (
        "offline events need the token of an administrator: connect with one."
    ),
    ("offline", "WRONG_AUTH_TYPE"): (
        "offline events need an application's authorization, not a webhook: connect(url, "
        "token=...)."
    ),
    ("offline", "WRONG_LICENSE"): (
        "this portal's plan has no queues of one's own: listen without auth_connector."
    ),
    ("chat", "INSUFFICIENT_SCOPE"): (
        "chat events need the scope im: give it to the application or the webhook, then start "
        "the feed again."
    ),
}
"""The next step by source and code; other errors name theirs."""


class Source(Protocol):
    """A source that can be kept running."""

    log: SourceLog

    async def begin(self) -> None:
        """Prepare it; raises what keeps it from running."""
        ...

    def ready_text(self) -> str:
        """Return what it listens to."""
        ...

    async def step(self) -> None:
        """Run until an error."""
        ...


async def keep_running(source: Source, timing: Timing) -> None:
    """Run the source until cancelled, or until an error that trying again cannot mend."""
    delays, has_run = timing.delays(), False
    while True:
        try:
            await source.begin()
            source.log.running(source.ready_text())
            has_run, delays = True, timing.delays()
            await source.step()
        except BxPullError as exc:
            if not _is_transient(exc, has_run=has_run):
                source.log.failed(_sentence(source.log.name, exc))
                return
            seconds = next(delays)
            source.log.retrying(str(exc), seconds)
            await timing.sleep(seconds)
        except Exception as exc:  # noqa: BLE001 - the others go on
            _log.exception("the source %s has failed", source.log.name)
            source.log.failed(f"an error of this package ended it: {type(exc).__name__}.")
            return


def _is_transient(error: BxPullError, *, has_run: bool) -> bool:
    """Whether trying again can help; a source that has run meets no lasting surprise."""
    if isinstance(error, _LASTING):
        return False
    if not isinstance(error, ApiError) or code_of(error.code).recovery is not Recovery.STOP:
        return True
    return has_run and error.code.upper() != "OVERLOAD_LIMIT"


def _sentence(source: str, error: BxPullError) -> str:
    code = error.code.upper() if isinstance(error, ApiError) else ""
    return _ADVICE.get((source, code)) or str(error)
