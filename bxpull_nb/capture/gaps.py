"""The gaps of a capture, and the times when it was connected, from its activity log."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

import msgspec

from bxpull_nb.models import LogEntry

__all__ = ["Gap", "connected_times", "gaps_of"]

_AWAY = ("lost", "retried", "restarting")
"""A connection broke, could not be made, or was left for a while because the server restarts."""
_OVER = ("stopped", "failed")


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without a connection on one channel."""

    channel: str | None
    begun_us: int
    ended_us: int | None
    """None while it lasts."""
    seconds: float
    replayed: int
    cause: str


def gaps_of(entries: Sequence[LogEntry], now_us: int) -> Iterator[Gap]:
    """Yield each gap: of a channel without a connection, of a feed or process that was stopped."""
    for channel in dict.fromkeys(entry.channel for entry in entries if entry.channel):
        own = [entry for entry in entries if entry.channel in (channel, None)]
        for start, next_start in pairwise([*_starts(own), len(own)]):
            yield _gap(own[start], own[start + 1 : next_start], now_us)
    yield from _without_config(entries, now_us)
    yield from _pauses(entries)


def connected_times(entries: Sequence[LogEntry], now_us: int) -> Iterator[tuple[int, int]]:
    """Yield the times when all channels of the run were connected at once."""
    connected: set[str | None] = set()
    channels = {entry.channel for entry in entries if entry.kind == "connected"}
    has_config = True
    since: int | None = None
    for entry in entries:
        if entry.kind == "connected":
            connected.add(entry.channel)
            has_config = True
        elif entry.kind in _AWAY:
            connected.discard(entry.channel)
        elif entry.kind in _OVER:
            connected.clear()
        has_config = has_config and entry.kind != "config_failed"
        is_up = bool(connected) and connected == channels and has_config
        if is_up and since is None:
            since = entry.at_us
        elif not is_up and since is not None:
            yield since, entry.at_us
            since = None
    if since is not None:
        yield since, now_us


def _starts(own: Sequence[LogEntry]) -> Iterator[int]:
    """Yield the places of the entries with which a gap of a channel begins."""
    is_away = False
    for place, entry in enumerate(own):
        if entry.kind in _AWAY and not is_away:
            is_away = True
            yield place
        elif entry.kind in ("connected", *_OVER):
            is_away = False


def _gap(first: LogEntry, later: Sequence[LogEntry], now_us: int) -> Gap:
    """Return the gap that began with `first`, from the `later` entries before the next gap."""
    ended = next((entry.at_us for entry in later if entry.kind in ("connected", *_OVER)), None)
    return Gap(
        channel=first.channel,
        begun_us=first.at_us,
        ended_us=ended,
        seconds=((now_us if ended is None else ended) - first.at_us) / 1e6,
        replayed=sum(entry.count or 0 for entry in later if entry.kind == "resumed"),
        cause=first.text,
    )


def _without_config(entries: Sequence[LogEntry], now_us: int) -> Iterator[Gap]:
    """Yield the times when a channel had ended, and the portal did not give its successor.

    The times of a connection that broke are gaps of their channels already.
    """
    is_up: dict[str | None, bool] = {}
    first: LogEntry | None = None
    for entry in entries:
        if entry.kind == "config_failed" and first is None and is_up and all(is_up.values()):
            first = entry
        elif entry.kind in ("connected", *_OVER) and first is not None:
            yield _gap(first, [entry], now_us)
            first = None
        if entry.kind in ("connected", *_AWAY):
            is_up[entry.channel] = entry.kind == "connected"
        elif entry.kind in _OVER:
            is_up.clear()
    if first is not None:
        yield _gap(first, (), now_us)


def _pauses(entries: Sequence[LogEntry]) -> Iterator[Gap]:
    """Yield the times between a stop and the next start, in this process and before it.

    In the pause of a replay no recorded time passes, or it went back: that is no gap.
    """
    stopped_us: int | None = None
    for place, entry in enumerate(entries):
        if entry.kind in ("stopped", "failed"):
            stopped_us = entry.at_us
        elif entry.kind == "continued" and entry.seconds is not None:
            stopped_us = entry.at_us - round(entry.seconds * 1e6)
        if entry.kind in ("started", "continued") and stopped_us is not None:
            begun_us, stopped_us = stopped_us, None
            if entry.at_us <= begun_us:
                continue
            later = _until_stop(entries[place + 1 :])
            replayed = sum(h.count or 0 for h in later if h.kind == "resumed")
            seconds = (entry.at_us - begun_us) / 1e6
            cause = "the feed was stopped" if entry.kind == "started" else "no process was running"
            yield Gap(
                channel=None,
                begun_us=begun_us,
                ended_us=entry.at_us,
                seconds=seconds,
                replayed=replayed,
                cause=cause,
            )


def _until_stop(entries: Sequence[LogEntry]) -> Iterator[LogEntry]:
    """Yield the entries until a connection is lost or the feed stops."""
    return takewhile(lambda entry: entry.kind not in ("lost", "stopped", "failed"), entries)
