"""The checks of both transports: each gets the same events and the same measure."""

from statistics import median

from bxpull_nb.diagnosis.advice import advice, of_network, reason
from bxpull_nb.diagnosis.context import CheckResult, Context, NotTried
from bxpull_nb.diagnosis.echo_test import EchoTest
from bxpull_nb.errors import BxPullError, ChannelRefused, TransportUnavailable
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.endpoint import connection_url

__all__ = ["polling_brings_events", "websocket_brings_events"]

_POLL = "Listen with transport='polling': a proxy or a firewall on the way blocks WebSockets."
_ASK = (
    "Ask who runs the network: something between here and the push server (a proxy, a firewall, "
    "a login page) keeps its HTTP answers back."
)
_SILENT = (
    "Show this to the portal's administrator: the push server takes connections, but the "
    "portal's events do not come through it."
)
_LOSS = "Listen with transport='auto' and watch feed.stats.recovered: events are lost on the way."
_SHAKY = "Try again; if it stays so, the way to the push server is shaky: watch reconnects."
_OFF = (
    "Nothing to do: transport='auto' takes polling automatically; an administrator may switch "
    "WebSockets on in the Push & Pull module."
)


async def websocket_brings_events(context: Context) -> CheckResult:
    """Check whether test events come through a WebSocket."""
    return await _brings_events(context, "websocket", blocked=_POLL)


async def polling_brings_events(context: Context) -> CheckResult:
    """Check whether test events come through long polls."""
    return await _brings_events(context, "polling", blocked=_ASK)


async def _brings_events(context: Context, transport: str, *, blocked: str) -> CheckResult:
    config = context.need_config()
    _check_offer(context, config, transport)
    echo_test = EchoTest(context, config, transport)
    wanted = 0 if config.personal_feed else context.echoes
    await echo_test.run(wanted)
    if not echo_test.connected or echo_test.hopeless:
        return _no_connection(context, echo_test, blocked)
    if len(echo_test.latencies) < wanted:
        return _losses(context, echo_test, wanted)
    step = _SHAKY if echo_test.errors else ""
    return CheckResult(_success(echo_test, wanted), step, echoes=tuple(echo_test.latencies))


def _check_offer(context: Context, config: PullConfig, transport: str) -> None:
    """Raise NotTried for a transport that the portal does not offer."""
    kind = next(iter(config.channels), None)
    try:
        connection_url(config, transport=transport, channel=kind, secure=context.secure)
    except TransportUnavailable as error:
        raise NotTried(reason(error), _OFF if transport == "websocket" else "") from None


def _no_connection(context: Context, echo_test: EchoTest, blocked: str) -> CheckResult:
    error: BxPullError | None = echo_test.errors[-1] if echo_test.errors else None
    if error is None:
        return CheckResult(f"no connection within {context.seconds:g} s", blocked, ok=False)
    if isinstance(error, ChannelRefused):
        return CheckResult(reason(error), advice(error, context.auth), ok=False)
    message = str(error)
    is_known = "CERTIFICATE" in message.upper() or "the proxy " in message
    step = of_network(message) if is_known else blocked
    return CheckResult(f"{reason(error)} ({len(echo_test.errors)} tries)", step, ok=False)


def _losses(context: Context, echo_test: EchoTest, wanted: int) -> CheckResult:
    came = len(echo_test.latencies)
    within = f"within {context.seconds:g} s"
    text = f"{echo_test.status}, but {came} of {wanted} test events came back {within}"
    step = _LOSS if came else _SILENT
    return CheckResult(text, step, ok=False, echoes=tuple(echo_test.latencies))


def _success(echo_test: EchoTest, wanted: int) -> str:
    failed = len(echo_test.errors)
    trouble = f"; {failed} failed {'try' if failed == 1 else 'tries'} before" if failed else ""
    if not wanted:
        return f"{echo_test.status}; a webhook cannot send an application's test events{trouble}"
    times = f"median {median(echo_test.latencies):.0f} ms, worst {max(echo_test.latencies):.0f} ms"
    return f"{wanted} of {wanted} test events came back: {times} there and back{trouble}"
