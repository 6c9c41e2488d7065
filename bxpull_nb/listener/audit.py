"""Audits: asking the server's history whether anything is missing.

A push server drops messages while a connection is made, and between its ping and our pong
(protocol 2.3). The connection looks healthy all the while, and the server still has the messages
it stored. An audit is one short poll with an older mid.
"""

import asyncio
import logging

import httpx
import msgspec

from bxpull_nb.errors import BxPullError, ChannelRefused, FrameTooLarge
from bxpull_nb.http import ANSWER_SECONDS
from bxpull_nb.listener.audit_pace import LARGEST_AUDIT
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.periodic import every
from bxpull_nb.listener.poll_client import PollClient, PollProgress
from bxpull_nb.listener.polling import CUT, came_whole, poll
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.masking import reason_of
from bxpull_nb.models import LogEntry, PullConfig
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.session import Audit, Received, RetiredChannel

__all__ = ["keep_auditing", "watch_for_stalls"]

_log = logging.getLogger("bxpull_nb")
_TRIES = 10  # audits of a retired channel without an answer, or with a refusal


async def keep_auditing(lane: Lane, settings: LaneSettings) -> None:
    """Audit the lane after a reconnect, a stall or a reset, and every `audit_every` seconds.

    A busy lane is audited more often: see `AuditPace`. An audit without an answer is repeated
    soon, then less and less often.
    """
    every, tries = settings.timing.audit_every, 0
    while True:
        pause = min(settings.timing.audit_again * 2 ** (tries - 1), every) if tries else every
        try:
            async with asyncio.timeout(pause):
                await lane.audit_due.wait()
                tries = 0
        except TimeoutError:
            pass
        lane.audit_due.clear()
        if lane.state == "connected":
            is_done = lane.can_audit and await _audit(lane, settings)
            tries = 0 if is_done else min(tries + 1, _TRIES)
        if lane.state == "connected":
            await asyncio.gather(
                *(_ask_retired(lane, settings, retired) for retired in list(lane.renewal.retired))
            )


async def watch_for_stalls(lanes: list[Lane], settings: LaneSettings) -> None:
    """Have every lane audited after the loop was held up or the machine slept.

    After the clock was set back the times of earlier audits mean nothing. A lane whose channel
    was replaced leaves it.
    """
    timing = settings.timing
    before = timing.monotonic(), timing.clock()

    def look() -> None:
        nonlocal before
        last, before = before, (timing.monotonic(), timing.clock())
        for lane in lanes:
            lane.leave_outdated()
        passed = max(before[0] - last[0], (before[1] - last[1]) / 1e9)
        if before[1] < last[1]:
            settings.stats.audited_us.clear()
        if passed - 1.0 > timing.stall:
            _stalled(lanes, settings, passed - 1.0)

    await every(1.0, look)


def _stalled(lanes: list[Lane], settings: LaneSettings, seconds: float) -> None:
    """Log that nothing ran for so long, and have every lane audited."""
    _log.info("the loop was held up for %.1f s: looking for what was missed", seconds)
    settings.target.happened(
        LogEntry(
            at_us=settings.timing.clock() // 1000,
            kind="stalled",
            seconds=seconds,
            text=f"nothing ran for {seconds:.1f} s",
        )
    )
    for lane in lanes:
        lane.life.end_if_expired()
        lane.audit_due.set()


async def _audit(lane: Lane, settings: LaneSettings) -> bool:
    """Audit the lane once, and return whether there was a whole answer, or never will be."""
    config = settings.source.current
    if config is None:
        return False
    lane.follow_siblings()
    audit = lane.history.ask_audit(settings.awake())
    asked_us = settings.timing.clock() // 1000
    is_too_much = lane.audit_pace.is_too_much
    lane.audit_pace.begin()
    try:
        if is_too_much:
            raise _too_much()
        audit, received = await _answer_to(audit, lane, settings, config)
    except (BxPullError, httpx.HTTPError) as exc:
        lane.activity.audit_failed(exc)
        if isinstance(exc, FrameTooLarge):  # so would every later one be: continue from here
            lane.session.audited(audit)
            lane.renewal.audited(is_witnessed=False)
        return isinstance(exc, FrameTooLarge)
    finally:
        lane.audit_pace.end()
    settings.stats.audits += 1
    if received is None or not received.is_whole or lane.session.seen.is_behind:
        return False  # a sibling may have noticed a reset meanwhile: this lane starts over first
    if lane.renewal.is_behind:  # it was the successor that answered
        lane.session.audited(audit)
    else:
        lane.session.audited(audit, received)
        _note_covered(audit, received, lane, settings, asked_us)
    return True


def _note_covered(
    audit: Audit, answer: Received, lane: Lane, settings: LaneSettings, asked_us: int
) -> None:
    """Note since when audits cover all, and up to when.

    Since when is decided once the channels before the present one were asked; the last entry
    counts where the audit covers the time since the one before.
    """
    since_us, stats = audit.covered_since(answer, asked_us), settings.stats
    if since_us is not None and (audit.is_witnessed is not None or not lane.renewal.witnesses):
        claimed_us = stats.audited_us.get(lane.name, 0)
        if stats.covered_us.get(lane.name, 0) < claimed_us < since_us:
            stats.unproven_us.append((claimed_us, since_us))
        stats.covered_us[lane.name] = since_us
    if lane.is_settled:
        lane.renewal.audited(is_witnessed=audit.is_witnessed is True)
        stats.audited_us[lane.name] = asked_us


async def _answer_to(
    audit: Audit, lane: Lane, settings: LaneSettings, config: PullConfig
) -> tuple[Audit, Received | None]:
    """Store the history that an audit asks for; None if no answer came.

    Where no message comes again that the last audit had, they have expired, or the storage was
    wiped and the server counts from the beginning. All history since the capture began decides.
    After a renewal that goes for the channel before, too.
    """
    received = await _ask_again(lane, settings, config, lane.kind, audit.point, audit)
    if lane.renewal.witnesses:
        if received is None or received.was_reset or not (received.is_whole and lane.is_settled):
            return audit, received
        if await _is_witnessed(lane, settings):
            return audit._replace(is_witnessed=True), received
        audit = audit._replace(is_witnessed=False)
    elif not audit.expected or (received is not None and audit.is_same_history(received)):
        return audit, received
    point = lane.session.history_point
    older = await _ask_again(lane, settings, config, lane.kind, point, audit.of_older())
    if audit.is_witnessed is None or older is None or older.was_reset or not older.is_whole:
        return audit, older
    lane.renewal.ask_again(point)
    return audit, received


async def _is_witnessed(lane: Lane, settings: LaneSettings) -> bool:
    """Whether a message is still stored that the last audit of the channel before had.

    Asked after the answer to an audit, it shows that nothing was wiped before that answer.
    """
    for one in lane.renewal.witnesses:
        wanted = Audit(one.point, None, 0, found=one.found)
        try:
            known = await _ask_again(lane, settings, one.config, one.kind, one.point, wanted)
        except ChannelRefused:
            continue
        if known is not None and not known.was_reset and any(m <= one.found for m in known.again):
            return True
    return False


def _too_much() -> FrameTooLarge:
    return FrameTooLarge(
        f"more than {LARGEST_AUDIT >> 20} MB came since the last one, which is more than is taken "
        f"at once. The next audit asks from here on."
    )


async def _ask_retired(lane: Lane, settings: LaneSettings, retired: RetiredChannel) -> None:
    """Ask a retired channel's history until it holds nothing new; an empty one never answers."""
    received, point = None, retired.point
    try:
        received = await _ask_again(lane, settings, retired.config, retired.kind, point)
    except ChannelRefused as exc:
        _log.info("%s: a retired channel is no longer known: %s", lane.name, exc)
    except FrameTooLarge as exc:
        lane.activity.audit_failed(exc)
        retired.tries = _TRIES
    except (BxPullError, httpx.HTTPError) as exc:
        _log.info("%s: a retired channel could not be asked: %s", lane.name, reason_of(exc))
        return
    retired.tries += 1
    done = received is not None and received.is_whole and not received.batch.records
    if retired.point != point:  # a reset was noticed meanwhile: all of it is asked for
        return
    if done or retired.tries >= _TRIES:
        lane.renewal.retired.remove(retired)
        lane.audit_due.set()


async def _ask_again(
    lane: Lane,
    settings: LaneSettings,
    config: PullConfig,
    kind: str | None,
    point: str | None,
    audit: Audit | None = None,
) -> Received | None:
    """Store the history after `point` and return the result; None if no answer came.

    A server without history holds the poll; so does a connection that hangs. Where an answer is
    cut, the next one goes on after the messages that came whole.
    """
    pages: list[Received] = []
    while True:
        url = connection_url(
            config,
            transport="polling",
            channel=kind,
            mid=point or FULL_HISTORY,
            secure=settings.secure,
        )
        try:
            frame, cut = await _history(url, settings.timing.audit_wait)
        except httpx.ReadTimeout:
            return None
        if frame is None:
            return _joined([*pages, Received()])
        received = lane.ingest.recover(frame, lane.transport, point, audit)
        lane.session.stored(received)
        lane.handle_service(received)
        pages.append(received)
        if cut is None:
            return _joined(pages)
        if received.was_reset or (received.newest or "") <= (point or ""):
            raise cut
        point = received.newest


def _joined(pages: list[Received]) -> Received:
    """Return what an audit found, by one answer or several."""
    return msgspec.structs.replace(
        pages[-1],
        batch=next((page.batch for page in pages if page.batch.records), pages[-1].batch),
        again=[mid for page in pages for mid in page.again],
        mids=[mid for page in pages for mid in page.mids],
        old=sum(page.old for page in pages),
        was_reset=any(page.was_reset for page in pages),
        is_whole=all(page.is_whole for page in pages),
    )


async def _history(url: str, wait: float) -> tuple[str | bytes | None, httpx.HTTPError | None]:
    """Return the messages stored after the mid in `url`, and the error that cut the answer.

    The messages are None when the server says: nothing.
    """
    timeout, progress = httpx.Timeout(10.0, read=wait), PollProgress()
    async with PollClient(url, timeout) as http:
        try:
            answer = await poll(http, url, LARGEST_AUDIT, progress, wait + ANSWER_SECONDS)
        except CUT as exc:
            whole = came_whole(progress)
            if whole is None:
                raise
            return whole, exc
    return answer.frame, None
