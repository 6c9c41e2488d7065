"""Asking the server's history again whether anything is missing.

A push server drops messages while a connection is made, and between its ping and our pong, and
the line looks healthy all the while; but what it stored, it still has. An audit is one short poll
with an older mid.
"""

import asyncio
import logging

import httpx

from bxpull_nb.auth import http_client
from bxpull_nb.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.errors import BxPullError
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.shared import LaneSettings

__all__ = ["keep_auditing", "watch_for_stalls"]

_log = logging.getLogger("bxpull_nb")


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
                lane.audit_due.set()


async def _audit(lane: Lane, settings: LaneSettings) -> None:
    config = settings.source.current
    if config is None:
        return
    position, point = lane.session.newest, lane.session.audit_point()
    try:
        url = connection_url(
            config,
            transport="polling",
            channel=lane.kind,
            mid=point or FULL_HISTORY,
            secure=settings.secure,
        )
        frame = await _history(url, settings.timing.audit_wait)
    except (BxPullError, httpx.HTTPError) as exc:
        _log.info("%s: the audit failed: %s", lane.name, exc)
        return
    settings.stats.audits += 1
    if frame is not None:
        since = settings.since if point is None and not settings.backfill else None
        duplicates = settings.stats.duplicates
        received = lane.keep(frame, since=since)
        settings.stats.duplicates = duplicates  # the overlap is the audit's own doing
        settings.stats.recovered += len(received.records)
        if received.records:
            lane.diary.recovered(len(received.records))
        lane.session.stored(received)
    lane.session.audited(position)


async def _history(url: str, wait: float) -> str | bytes | None:
    """What the server has stored after the mid in `url`; None when that is nothing."""
    timeout = httpx.Timeout(10.0, read=wait)
    async with http_client(url, timeout) as http:
        try:
            response = await http.get(url)
        except httpx.ReadTimeout:
            return None  # the server holds a poll that it has nothing for
    kind = response.headers.get("content-type", "")
    if response.status_code != httpx.codes.OK or "html" in kind:
        return None
    return response.content if "octet-stream" in kind else response.content.decode(errors="replace")
