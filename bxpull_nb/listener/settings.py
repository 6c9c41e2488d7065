"""What the lanes of a listener share: counters, and the ways to wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import random
from typing import TYPE_CHECKING

import msgspec

from bxpull_nb.listener.awake_clock import AwakeClock
from bxpull_nb.models.source_stats import SourceStats
from bxpull_nb.protocol.retry_policy import reconnect_delays
from bxpull_nb.protocol.session import PastChannels

if TYPE_CHECKING:
    from bxpull_nb.listener.config_source import ConfigSource
    from bxpull_nb.listener.target import CaptureTarget

__all__ = ["LaneSettings", "ListenerStats", "Timing"]


def uptime() -> float:
    """Return seconds of a clock that is never set and goes on while the machine sleeps."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class ListenerStats(msgspec.Struct):
    """Counters that the listener writes. Another listener may continue them."""

    events: int = 0
    bad_frames: int = 0
    """Messages that could not be read; each is a row with its `error`."""
    duplicates: int = 0
    """Messages dropped because they had been seen."""
    old: int = 0
    """Stored messages from before the capture, left out."""
    frames: int = 0
    characters: int = 0
    """Size of all frames: characters of text ones, bytes of binary ones."""
    reconnects: int = 0
    """Connections that broke after they were accepted."""
    audits: int = 0
    """Times the server's history was asked again whether anything is missing."""
    audited_us: dict[str, int] = {}
    """The last time each lane's history was found complete: Unix microseconds."""
    covered_us: dict[str, int] = {}
    """Since when that covers all that was stored, by the lane: Unix microseconds. A lane without an
    entry is covered since it began: known messages came again with each audit."""
    unproven_us: list[tuple[int, int]] = []
    """Times between two audits after which no known message was stored any more: what was stored
    then may have been wiped before it came. Unix microseconds."""
    recovered: int = 0
    """Events that only an audit brought."""
    resets: int = 0
    """Times the server was found to have restarted its count of messages."""
    last_lag: float | None = None
    """`lag_us` of the newest event, in seconds."""
    sources: dict[str, SourceStats] = {}
    """Counters of the sources other than channels, by their names."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Every wait and every clock of a listener; a test may replace each."""

    clock: Callable[[], int] = time.time_ns
    """Unix nanoseconds."""
    monotonic: Callable[[], float] = uptime
    """Seconds."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    delays: Callable[[], Iterator[float]] = reconnect_delays
    """Seconds after the 1st, 2nd, … failure in a row."""
    jitter: Callable[[], float] = random
    """From 0 to 1, for every random delay."""
    believe_for: float = 60.0
    """Seconds for which a channel counts that only a message of the server named."""
    renew_after: float = 0.2
    """Seconds after a channel's end, and up to twice that: the portal has its successor then."""
    restart_pause: tuple[float, float] = (10.0, 120.0)
    """Seconds to stay away, at random, when the server announces that it restarts."""
    websocket_again: tuple[float, float] = (600.0, 1800.0)
    """Seconds of polling, at random, before WebSocket is tried again where it once worked."""
    heartbeat: float = 20.0
    """Seconds between two pings of a JSON-RPC server after which it counts as stuck."""
    audit_every: float = 300.0
    """Seconds between two audits of a connection."""
    audit_again: float = 5.0
    """Seconds until an audit without an answer is repeated; twice as long each time."""
    audit_wait: float = 3.0
    """Seconds an audit's poll is given: a server that has nothing holds it."""
    stall: float = 2.0
    """Seconds the loop may be held up before its connections are audited."""
    baseline: float = 0.75
    """Seconds within which a first poll's answer is history, and after which it is new."""
    late: float = 8.0
    """Seconds more that a slow server may take for its history."""
    source_rate: float = 2.0
    """REST calls a second of all sources together, at most."""
    offline_every: float = 30.0
    """Seconds after which the queue of offline events is read without a doorbell, too."""
    adopt_after: float = 30.0
    """Seconds after which records are taken over that another process has marked and left."""
    chat_every: float = 5.0
    """Seconds between two readings of chat events."""


@dataclass(frozen=True, kw_only=True)
class LaneSettings:
    """The settings that the lanes of one listener share."""

    source: "ConfigSource"
    target: "CaptureTarget"
    stats: ListenerStats
    timing: Timing
    awake: AwakeClock
    """Measures how late messages are."""
    transport: str
    """`auto`, `websocket` or `polling`."""
    secure: bool
    backfill: bool
    since: float
    """The beginning of the capture: Unix seconds by the portal's clock."""
    resumed: bool = False
    """Whether that was in an earlier process: nothing since then may be missing."""
    past: Mapping[str | None, PastChannels] = field(default_factory=dict)
    """The channels that earlier lanes listened to, by the kind of the lane."""
