"""Audits: asking the server's history whether anything is missing.

A push server drops messages while a connection is made, and between its ping and our pong
(protocol 2.3). The connection looks healthy all the while, and the server still has the messages
it stored. An audit is one short poll with an older mid.
"""

import asyncio
import logging

import httpx

from bxpull_nb.errors import BxPullError, ChannelRefused, FrameTooLarge
from bxpull_nb.http import http_client
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.settings import LaneSettings, Timing
from bxpull_nb.listener.transport import PollProgress, poll, poll_answer, poll_body
from bxpull_nb.models import LogEntry, PullConfig
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.session import Received, RetiredChannel

__all__ = ["find_beginning", "keep_auditing", "watch_for_stalls"]

_log = logging.getLogger("bxpull_nb")
_LARGEST = 64 * 1024 * 1024  # bytes of history taken at once
_LEAST_PATIENCE = 0.1  # seconds for the answer to a request for everything stored
_TRIES = 10  # audits of a retired channel without an answer, or with a refusal


async def keep_auditing(lane: Lane, settings: LaneSettings) -> None:
    """Audit the lane after a reconnect, a stall or a reset, and every `audit_every` seconds."""
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
                *(_ask_retired(lane, settings, retired) for retired in list(lane.renewal.retired))
            )


async def watch_for_stalls(lanes: list[Lane], settings: LaneSettings) -> None:
    """Have every lane audited after the loop was held up or the machine slept.

    After the clock was set back the times of earlier audits mean nothing.
    """
    timing = settings.timing
    while True:
        before = timing.monotonic(), timing.clock()
        await asyncio.sleep(1.0)
        passed = max(timing.monotonic() - before[0], (timing.clock() - before[1]) / 1e9)
        if timing.clock() < before[1]:
            settings.stats.audited_us.clear()
        if passed - 1.0 > timing.stall:
            _log.info("the loop was held up for %.1f s: looking for what was missed", passed - 1)
            settings.target.happened(
                LogEntry(
                    at_us=timing.clock() // 1000,
                    kind="stalled",
                    seconds=passed - 1.0,
                    text=f"nothing ran for {passed - 1:.1f} s",
                )
            )
            for lane in lanes:
                lane.end_if_expired()
                lane.audit_due.set()


async def find_beginning(lane: Lane, settings: LaneSettings) -> None:
    """Find the mid after which the capture begins, by one poll for everything stored.

    A WebSocket brings only what comes from now on. A poll that the server holds means that it
    stores nothing; a slow connection gets more time to tell.
    """
    try:
        url = connection_url(
            settings.source.in_force,
            transport="polling",
            channel=lane.kind,
            mid=FULL_HISTORY,
            secure=settings.secure,
        )
        frame = await _stored_now(url, settings.timing)
    except (BxPullError, httpx.HTTPError) as exc:
        lane.history.give_up()
        lane.activity.beginning_unknown(exc)
    else:
        newest = None if frame is None else await asyncio.to_thread(lane.session.newest_in, frame)
        lane.history.begin(newest)
    settings.target.changed()


async def _stored_now(url: str, timing: Timing) -> str | bytes | None:
    """Return everything the server stores; None for nothing."""
    begun = timing.monotonic()
    async with http_client(url, httpx.Timeout(10.0, read=60.0)) as http:
        progress = PollProgress()
        answer = asyncio.create_task(poll(http, url, _LARGEST, progress))
        try:
            await progress.until_sent(answer)
            patience = max(_LEAST_PATIENCE, 4 * (timing.monotonic() - begun))
            if await progress.is_held(answer, min(patience, timing.baseline)):
                return None
            return _frame_of(await answer)
        finally:
            answer.cancel()


def _frame_of(response: httpx.Response) -> str | bytes | None:
    """Return the frame in a poll's answer; None when there is none."""
    poll_answer(response)
    return poll_body(response) if response.status_code == httpx.codes.OK else None


async def _audit(lane: Lane, settings: LaneSettings) -> None:
    config = settings.source.current
    if config is None:
        return
    lane.history.follow_siblings()
    audit = lane.session.ask_audit()
    asked_us = settings.timing.clock() // 1000
    try:
        received = await _ask_again(lane, settings, config, lane.kind, audit.point)
    except (BxPullError, httpx.HTTPError) as exc:
        lane.activity.audit_failed(exc)
        if isinstance(exc, FrameTooLarge):  # so would every later one be: continue from here
            lane.session.audited(audit)
        return
    settings.stats.audits += 1
    if received is not None and received.is_whole:
        lane.session.audited(audit)
        if lane.is_settled:
            settings.stats.audited_us[lane.name] = asked_us


async def _ask_retired(lane: Lane, settings: LaneSettings, retired: RetiredChannel) -> None:
    """Ask a retired channel's history until it holds nothing new; an empty one never answers."""
    received: Received | None = None
    try:
        received = await _ask_again(lane, settings, retired.config, retired.kind, retired.point)
    except ChannelRefused as exc:
        _log.info("%s: a retired channel is no longer known: %s", lane.name, exc)
    except (BxPullError, httpx.HTTPError) as exc:
        _log.info("%s: a retired channel could not be asked: %s", lane.name, exc)
        return
    retired.tries += 1
    done = received is not None and received.is_whole and not received.batch.records
    if done or retired.tries >= _TRIES:
        lane.renewal.retired.remove(retired)


async def _ask_again(
    lane: Lane, settings: LaneSettings, config: PullConfig, kind: str | None, point: str | None
) -> Received | None:
    """Store the history after `point` and return the result; None if no answer came.

    A server without history holds the poll; so does a connection that hangs.
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
    received = lane.ingest.recover(frame, lane.transport, point)
    lane.session.stored(received)
    lane.handle_service(received)
    return received


async def _history(url: str, wait: float) -> str | bytes | None:
    """Return the messages stored after the mid in `url`; None when the server says: nothing."""
    timeout = httpx.Timeout(10.0, read=wait)
    async with http_client(url, timeout) as http:
        return _frame_of(await poll(http, url, _LARGEST))
