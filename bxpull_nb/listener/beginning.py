"""The beginning of a capture: the newest message that the server stored then.

A WebSocket brings only what is published from now on. Without the mid before it, no later audit
could tell a message that was missed from one that is older than the capture.
"""

import asyncio
from typing import NamedTuple

import httpx

from bxpull_nb.errors import BxPullError, FrameTooLarge
from bxpull_nb.http import http_client
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.polling import PollProgress, poll, poll_answer, poll_body
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.retry_policy import is_transient

__all__ = ["find_beginning"]

_PAGE = 16 * 1024 * 1024  # bytes of history in memory at once
_PAGES = 256
_LEAST_PATIENCE = 0.1  # seconds for the answer to a request for everything stored
_TIMEOUT = httpx.Timeout(5.0, read=60.0)
_TRIES = 3  # polls that fail while the WebSocket is up
_PAUSE = 1.0  # seconds between two tries
_SETTLED = 1.0  # seconds after which a WebSocket has brought what a poll brought


class _Page(NamedTuple):
    """The first part of what a server stores."""

    frame: str | bytes | None
    is_cut: bool = False
    """Whether there is more."""
    is_late: bool = False
    """Whether the server held the poll, or is slow: it may be a message published since."""


async def find_beginning(lane: Lane, settings: LaneSettings) -> None:
    """Find the mid after which the capture begins, by polls for everything stored.

    A failing poll is repeated: without end while the lane is not connected, which then fails for
    the same reason, and three times while it is. After that the first message must do.
    """
    failures, asked = 0, lane.session.ask_audit()
    while lane.history.needs_baseline:
        try:
            newest = await _newest_stored(lane, settings)
            lane.history.begin(newest, asked)
        except (BxPullError, httpx.HTTPError) as exc:
            failures += lane.state == "connected"
            if failures >= _TRIES or not _may_pass(exc):
                lane.history.give_up()
                lane.activity.beginning_unknown(exc)
            else:
                await settings.timing.sleep(_PAUSE)
    settings.target.changed()


def _may_pass(error: Exception) -> bool:
    """Whether the same poll may succeed later."""
    return not isinstance(error, BxPullError) or (
        is_transient(error) and not isinstance(error, FrameTooLarge)
    )


async def _newest_stored(lane: Lane, settings: LaneSettings) -> str | None:
    """Return the greatest stored mid; None where nothing is stored.

    A history has no upper size, so it is read in pages. Each is the first part of an answer: a
    history is sorted by mid, so the next page begins after the newest message of the last.
    The text dialect is asked for, because it can be read up to any cut.
    """
    newest: str | None = None
    for _ in range(_PAGES):
        url = connection_url(
            settings.source.in_force,
            transport="polling",
            channel=lane.kind,
            mid=newest or FULL_HISTORY,
            secure=settings.secure,
            as_text=True,
        )
        page = await _page(url, lane, settings)
        last = await _newest_of(page, lane, settings)
        if not page.is_cut:
            return max(newest or "", last or "") or None
        if last is None or last <= (newest or ""):
            break
        newest = last
    raise FrameTooLarge(
        "the push server stores more than can be read here. The capture begins with the first "
        "message that comes."
    )


async def _newest_of(page: _Page, lane: Lane, settings: LaneSettings) -> str | None:
    """Return the greatest mid of a page; None for a late answer that is no history."""
    if page.frame is None:
        return None
    if not page.is_late:
        return await asyncio.to_thread(lane.session.newest_in, page.frame)
    await settings.timing.sleep(_SETTLED)
    return lane.session.newest_unseen_in(page.frame)


async def _page(url: str, lane: Lane, settings: LaneSettings) -> _Page:
    """Return the first part of what the server stores.

    A poll that the server holds means that it stores nothing, or that it is slow. The capture
    begins before everything then, so that nothing is missed, and a late answer corrects that.
    """
    timing = settings.timing
    begun = timing.monotonic()
    async with http_client(url, _TIMEOUT) as http:
        progress = PollProgress(may_cut=True)
        answer = asyncio.create_task(poll(http, url, _PAGE, progress))
        try:
            await progress.until_sent(answer)
            patience = max(_LEAST_PATIENCE, 4 * (timing.monotonic() - begun))
            is_late = await progress.is_held(answer, min(patience, timing.baseline))
            if is_late:
                lane.history.begin(None)
                settings.target.changed()
                await asyncio.wait({answer}, timeout=timing.late)
                if not answer.done():
                    return _Page(None)
            response = await answer
        finally:
            answer.cancel()
    poll_answer(response)
    is_filled = response.status_code == httpx.codes.OK
    return _Page(poll_body(response) if is_filled else None, progress.is_cut, is_late)
