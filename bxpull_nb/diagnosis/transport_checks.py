"""The checks of both transports: the same events sent, and both measured the same way."""

from statistics import median

from bxpull_nb.diagnosis.advice import advice, of_network, said
from bxpull_nb.diagnosis.context import Case, NotTried, Seen
from bxpull_nb.diagnosis.echo_test import Line
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
    "Nothing to do: transport='auto' takes polling by itself; an administrator may switch "
    "WebSockets on in the Push & Pull module."
)


async def websocket_brings_events(case: Case) -> Seen:
    """A WebSocket, and events through it."""
    return await _brings_events(case, "websocket", blocked=_POLL)


async def polling_brings_events(case: Case) -> Seen:
    """Long polls, and events through them."""
    return await _brings_events(case, "polling", blocked=_ASK)


async def _brings_events(case: Case, transport: str, *, blocked: str) -> Seen:
    config = case.need_config()
    _check_offer(case, config, transport)
    line, wanted = Line(case, config, transport), 0 if config.personal_feed else case.echoes
    await line.try_out(wanted)
    if not line.stood or line.hopeless:
        return _no_connection(case, line, blocked)
    if len(line.latencies) < wanted:
        return _losses(case, line, wanted)
    return Seen(
        _in_order(line, wanted), _SHAKY if line.errors else "", echoes=tuple(line.latencies)
    )


def _check_offer(case: Case, config: PullConfig, transport: str) -> None:
    """Raises NotTried for a transport that the portal does not offer."""
    kind = next(iter(config.channels), None)
    try:
        connection_url(config, transport=transport, channel=kind, secure=case.secure)
    except TransportUnavailable as error:
        raise NotTried(said(error), _OFF if transport == "websocket" else "") from None


def _no_connection(case: Case, line: Line, blocked: str) -> Seen:
    error: BxPullError | None = line.errors[-1] if line.errors else None
    if error is None:
        return Seen(f"no connection within {case.seconds:g} s", blocked, ok=False)
    if isinstance(error, ChannelRefused):
        return Seen(said(error), advice(error, case.auth), ok=False)
    reason = str(error)
    step = of_network(reason) if "CERTIFICATE" in reason.upper() else blocked
    return Seen(f"{said(error)} ({len(line.errors)} tries)", step, ok=False)


def _losses(case: Case, line: Line, wanted: int) -> Seen:
    came = len(line.latencies)
    what = f"{line.stands}, but {came} of {wanted} test events came back within {case.seconds:g} s"
    return Seen(what, _LOSS if came else _SILENT, ok=False, echoes=tuple(line.latencies))


def _in_order(line: Line, wanted: int) -> str:
    failed = len(line.errors)
    trouble = f"; {failed} failed {'try' if failed == 1 else 'tries'} before" if failed else ""
    if not wanted:
        return f"{line.stands}; a webhook cannot send an application's test events{trouble}"
    times = f"median {median(line.latencies):.0f} ms, worst {max(line.latencies):.0f} ms"
    return f"{wanted} of {wanted} test events came back: {times} there and back{trouble}"
