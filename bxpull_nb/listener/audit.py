"""Asking the server's history again whether anything is missing.

A push server drops messages while a connection is made, and between its ping and our pong, and
the line looks healthy all the while; but what it stored, it still has. An audit is one short poll
with an older mid.
"""

import asyncio
import logging

import httpx

from bxpull_nb.errors import BxPullError, ChannelRefused
from bxpull_nb.http import http_client
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.shared import LaneSettings, RetiredChannel
from bxpull_nb.listener.transport import poll, poll_answer, poll_body
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.session import Received

__all__ = ["keep_auditing", "watch_for_stalls"]

_log = logging.getLogger("bxpull_nb")
_TRIES = 10  # audits that ask an ended channel and get no answer, or a refusal


async def keep_auditing(lane: Lane, settings: LaneSettings) -> None:
    """Audit the lane when it is due: after a reconnect, a stall or a reset, and every so often."""
    while True:
        try:
            async with asyncio.timeout(settings.timing.audit_every):
                await lane.audit_due.wait()
        except TimeoutError:
            pass
        lane.audit_due.clear()
        if lane.state == "connected" and lane.transport == "websocket":
            await _audit(lane, settings)
        if lane.state == "connected":
            await asyncio.gather(
                *(_ask_left(lane, settings, left) for left in list(lane.renewal.left))
            )


async def watch_for_stalls(lanes: list[Lane], settings: LaneSettings) -> None:
    """Have every lane audited after the loop was held up, or the machine slept."""
    timing = settings.timing
    while True:
        before = timing.monotonic(), timing.clock()
        await asyncio.sleep(1.0)
        passed = max(timing.monotonic() - before[0], (timing.clock() - before[1]) / 1e9)
        if passed - 1.0 > timing.stall:
            _log.info("the loop was held up for %.1f s: looking for what was missed", passed - 1)
            for lane in lanes:
                lane.look_at_the_clock()
                lane.audit_due.set()


async def _audit(lane: Lane, settings: LaneSettings) -> None:
    config = settings.source.current
    if config is None:
        return
    position = lane.session.newest
    try:
        told = await _ask_again(lane, settings, config, lane.kind, lane.session.audit_point())
    except (BxPullError, httpx.HTTPError) as exc:
        _log.info("%s: the audit failed: %s", lane.name, exc)
        return
    settings.stats.audits += 1
    if told is not None and told.is_whole:
        lane.session.audited(position)


async def _ask_left(lane: Lane, settings: LaneSettings, left: RetiredChannel) -> None:
    """Ask an ended channel's history, until it holds nothing new; an empty one gives no answer."""
    told: Received | None = None
    try:
        told = await _ask_again(lane, settings, left.config, left.kind, left.point)
    except ChannelRefused as exc:
        _log.info("%s: an ended channel is no longer known: %s", lane.name, exc)
    except (BxPullError, httpx.HTTPError) as exc:
        _log.info("%s: an ended channel could not be asked: %s", lane.name, exc)
        return
    left.tries += 1
    done = told is not None and told.is_whole and not told.records
    if done or left.tries >= _TRIES:
        lane.renewal.left.remove(left)


async def _ask_again(
    lane: Lane, settings: LaneSettings, config: PullConfig, kind: str | None, point: str | None
) -> Received | None:
    """What the history after `point` came to, its new messages in the sink; None if none came.

    A server that has nothing holds the poll, and so does a line that hangs.
    """
    url = connection_url(
        config,
        transport="polling",
        channel=kind,
        mid=point or FULL_HISTORY,
        secure=settings.secure,
    )
    try:
        frame = await _history(url, settings.timing.audit_wait)
    except httpx.ReadTimeout:
        return None
    if frame is None:
        return Received()
    since = settings.since if point is None and not settings.backfill else None
    duplicates = settings.stats.duplicates
    received = lane.ingest.keep(frame, lane.transport, since=since)
    settings.stats.duplicates = duplicates  # the overlap is the audit's own doing
    settings.stats.recovered += len(received.records)
    if received.records:
        lane.activity.recovered(len(received.records))
    lane.session.stored(received)
    lane.handle_service(received)
    return received


async def _history(url: str, wait: float) -> str | bytes | None:
    """What the server has stored after the mid in `url`; None when it says that is nothing."""
    timeout = httpx.Timeout(10.0, read=wait)
    async with http_client(url, timeout) as http:
        response = await poll(http, url)
    poll_answer(response)
    return poll_body(response) if response.status_code == httpx.codes.OK else None
