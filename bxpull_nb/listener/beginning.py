"""The beginning of a capture: the newest message that the server stored then.

A WebSocket brings only what is published from now on. Without the mid before it, no later audit
could tell a message that was missed from one that is older than the capture.
"""

import asyncio
from collections.abc import Sequence

import httpx

from bxpull_nb.errors import BxPullError, FrameTooLarge
from bxpull_nb.http import AnswerTooLarge, AnswerTooSlow, unpacked, whole_within
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.poll_client import PollClient, PollProgress
from bxpull_nb.listener.polling import accepted
from bxpull_nb.listener.service_messages import service_action
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.models import Record
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.retry_policy import is_transient
from bxpull_nb.protocol.session import NewestStored, service_messages

__all__ = ["find_beginning"]

_LARGEST = 4 * 1024**3  # bytes of history read at most; a part of it is in memory at once
_LEAST_PATIENCE = 0.1  # seconds for the answer to a request for everything stored
_TIMEOUT = httpx.Timeout(5.0, read=60.0)
_WHOLE = 600.0  # seconds until a history of that size is read
_TRIES = 3  # polls that fail while the WebSocket is up
_PAUSE = 1.0  # seconds between two tries
_SETTLED = 1.0  # seconds after which a WebSocket has brought what a poll brought


async def find_beginning(lane: Lane, settings: LaneSettings) -> None:
    """Find the mid after which the capture begins, by a poll for everything stored.

    A failing poll is repeated: without end while the lane is not connected, which then fails for
    the same reason, and three times while it is. After that the first message must do. A poll
    that the server held, and that broke then, means that nothing was stored.
    """
    failures = 0
    while lane.history.needs_baseline:
        try:
            newest, last = await _newest_stored(lane, settings)
            lane.history.begin(newest, last, settings.awake())
            lane.history.note_position(settings.awake())
            if _has_ended(lane, settings, last):
                await settings.source.renew(settings.source.in_force)
            if newest and (failures or lane.history.seems_empty):
                lane.audit_due.set()  # for what was missed before the beginning was known
        except (BxPullError, httpx.HTTPError) as exc:
            failures += lane.state == "connected"
            if lane.history.seems_empty:  # a later poll would bring what is new by now
                lane.history.begin(None)
            elif failures >= _TRIES or not _may_pass(exc):
                lane.history.give_up()
                lane.activity.beginning_unknown(exc)
            else:
                await settings.timing.sleep(_PAUSE)
        except asyncio.CancelledError:
            if lane.history.seems_empty:  # the lane that continues must not decide by times
                lane.history.begin(None)
            raise
    lane.note_beginning()
    settings.target.changed()


def _has_ended(lane: Lane, settings: LaneSettings, last: Sequence[Record]) -> bool:
    """Whether the channel ended since the config was fetched: its history announces it.

    The history names no senders, so a client may have written it: the config decides.
    """
    config, announced = settings.source.in_force, service_messages(last)
    actions = (service_action(one, config, lane.kind) for one in announced)
    return any(action is not None and not action.pause for action in actions)


def _may_pass(error: Exception) -> bool:
    """Whether the same poll may succeed later."""
    if isinstance(error, AnswerTooSlow):
        return False
    return not isinstance(error, BxPullError) or (
        is_transient(error) and not isinstance(error, FrameTooLarge)
    )


async def _newest_stored(lane: Lane, settings: LaneSettings) -> tuple[str | None, Sequence[Record]]:
    """Return the greatest mid that was stored at the request, and the newest messages.

    The mid is None where nothing was stored.

    A poll that the server holds means that it stores nothing, or that it is slow: the lane is
    ready then, and a late answer still counts. The text dialect is asked for, because a history
    without an upper size can be read in parts.
    """
    url = connection_url(
        settings.source.in_force,
        transport="polling",
        channel=lane.kind,
        mid=FULL_HISTORY,
        secure=settings.secure,
        as_text=True,
    )
    timing, stored, progress = settings.timing, NewestStored(lane.session), PollProgress()
    begun = timing.monotonic()
    async with PollClient(url, _TIMEOUT) as http:
        answer = asyncio.create_task(_read(http, url, stored, progress))
        try:
            await progress.sent.wait()
            patience = max(_LEAST_PATIENCE, 4 * (timing.monotonic() - begun))
            is_late = await progress.is_held(min(patience, timing.baseline))
            if is_late:
                lane.history.seems_empty = True
                lane.note_beginning()
                settings.target.changed()
                await progress.is_held(timing.late)
            if progress.answering.is_set():
                await answer
        finally:
            answer.cancel()
    if not is_late or stored.newest is None:
        return stored.newest, stored.last
    await timing.sleep(_SETTLED)
    return stored.newest_of_history, stored.last


async def _read(http: PollClient, url: str, stored: NewestStored, progress: PollProgress) -> None:
    """Read the whole answer, part by part."""
    async with whole_within(_WHOLE), http.get(url, progress) as response:
        accepted(response)
        try:
            async for part in unpacked(response, _LARGEST):
                if stored.add(part):
                    await asyncio.to_thread(stored.take)
        except AnswerTooLarge:
            raise FrameTooLarge(
                "the push server stores more than can be read. The capture begins with the first "
                "message that comes."
            ) from None
    await asyncio.to_thread(stored.take, is_end=True)
