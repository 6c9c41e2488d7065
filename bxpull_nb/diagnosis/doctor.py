"""The doctor: runs every check in its order, even after one that failed."""

import logging
from collections.abc import Awaitable, Callable
from secrets import token_hex
from time import monotonic

from bxpull_nb.diagnosis.advice import advice, reason
from bxpull_nb.diagnosis.context import CheckResult, Context, NotTried
from bxpull_nb.diagnosis.finding import Diagnosis, Finding
from bxpull_nb.diagnosis.portal_checks import (
    channels_live,
    clocks_agree,
    config_comes,
    portal_answers,
    push_server_is_on,
    scope_is_enough,
    token_is_accepted,
)
from bxpull_nb.diagnosis.source_checks import (
    application_channels,
    chat_events,
    offline_events,
    personal_feed,
)
from bxpull_nb.diagnosis.transport_checks import polling_brings_events, websocket_brings_events
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.portal import Portal, checked_portal

__all__ = ["CHECKS", "SOURCES", "diagnose", "doctor"]

Check = Callable[[Context], Awaitable[CheckResult]]

CHECKS: dict[str, Check] = {
    "portal answers": portal_answers,
    "token accepted": token_is_accepted,
    "scope": scope_is_enough,
    "config": config_comes,
    "push server": push_server_is_on,
    "clock": clocks_agree,
    "channel life": channels_live,
    "websocket": websocket_brings_events,
    "polling": polling_brings_events,
}
"""In their order; a later check may need the result of an earlier one."""

SOURCES: dict[str, Check] = {
    "app channels": application_channels,
    "personal feed": personal_feed,
    "offline events": offline_events,
    "chat events": chat_events,
}
"""Checked after the others; a source that is not allowed is no failure."""

_log = logging.getLogger("bxpull_nb")

_BUG = "Report this to the makers of bxpull-nb, with the lines of its log."
_BUSY = "Try again later: the portal, or the way to it, is too slow."


def doctor(
    portal: Portal,
    *,
    tell: Callable[[Finding], object] | None = None,
    echoes: int = 5,
    seconds: float = 10.0,
    nonce: Callable[[], str] = lambda: token_hex(8),
    clock: Callable[[], float] = monotonic,
) -> Diagnosis:
    """Check every hop from the portal to here, and return findings with next steps.

    Nine checks run, from the portal's address to events by WebSocket and by polling. A failure
    ends nothing; a check that needs the failed one is marked as not tried. `sources` of the result
    name the sources of events that this portal, plan, scope and user allow. `tell` gets each
    finding of a check as it comes, on the portal's own thread. For each transport `echoes` test
    events (command `bxpull_echo`) go to the application's channel, where every listener sees them;
    their time is from the REST call to the event. A call of the portal, and a transport, may take
    `seconds`. `nonce` gives each test event's mark, `clock` seconds that never go backwards.
    Nothing is left running. Raises SettingsError for numbers that cannot be used,
    WrongThreadError on the portal's own thread.

    >>> bx.doctor(portal)
    """
    are_numbers = all(isinstance(one, int | float) for one in (echoes, seconds))
    if not (are_numbers and echoes >= 1 and seconds > 0):
        raise SettingsError(
            f"doctor: echoes={quoted(echoes)}, seconds={quoted(seconds)}: take one echo or "
            f"more, and more than 0 seconds."
        )
    context = Context(
        portal=checked_portal(portal), echoes=echoes, seconds=seconds, nonce=nonce, clock=clock
    )
    return portal.bridge.run(diagnose(context, tell))


async def diagnose(
    context: Context, notify: Callable[[Finding], object] | None = None
) -> Diagnosis:
    """Run the checks in a coroutine on the portal's own loop; see `doctor`."""
    findings = []
    for name, check in CHECKS.items():
        finding = await _finding(name, check, context)
        findings.append(finding)
        if notify is not None:
            notify(finding)
    sources = [await _finding(name, check, context) for name, check in SOURCES.items()]
    return Diagnosis(context.portal.name, findings, sources)


async def _finding(name: str, check: Check, context: Context) -> Finding:
    begun = context.clock()
    ok, result = await _check_result(check, context)
    return Finding(
        check=name,
        ok=ok,
        said=context.mask_secrets(result.text),
        next_step=context.mask_secrets(result.next_step),
        milliseconds=(context.clock() - begun) * 1000,
        echoes=result.echoes,
    )


async def _check_result(check: Check, context: Context) -> tuple[bool | None, CheckResult]:
    """Return whether the check is ok (None: not tried), and its result or error."""
    try:
        result = await check(context)
    except NotTried as not_tried:
        return None, CheckResult(str(not_tried), not_tried.next_step)
    except BxPullError as error:
        return False, CheckResult(reason(error), advice(error, context.auth))
    except TimeoutError:
        return False, CheckResult(f"no answer within {context.seconds:g} s", _BUSY)
    except Exception as error:  # noqa: BLE001 - one check must not end the others
        _log.exception("a check of the doctor failed")
        return False, CheckResult(f"{type(error).__name__}: {reason_of(error)}", _BUG)
    return result.ok, result
