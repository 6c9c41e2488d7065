"""The faults of the storm, by name: the line, the server, its senders, the machine, the user."""

import time
from collections.abc import Callable

from tests.faults import hostile
from tests.faults.proxy import ANSWERS
from tests.faults.site import Site
from tests.support.listening import BOTH

__all__ = ["FAULTS", "HARMLESS", "Fault"]

Fault = Callable[[Site], object]


def _channel_ends(s: Site) -> None:
    """End a channel, unless the listener has not yet seen the latest end.

    What is published to a channel whose whole life falls into a broken line cannot be asked
    for: its id is not known. Real ones live twelve hours.
    """
    kind, action = s.random.choice(BOTH), s.random.choice(["get_config", "reconnect"])
    style, config = s.random.random() < 0.5, s.feed.config
    if config is not None and config.channels[kind].id != s.ended.get(kind):
        s.ended[kind] = config.channels[kind].id
        s.sandbox.expire_channel(kind, action, portal_style=style)


def _quiet_lane(s: Site) -> None:
    s.quiet = s.random.choice(BOTH)
    s.later(s.random.uniform(0.3, 1.5), lambda: setattr(s, "quiet", None))


def _not_stored(s: Site) -> None:
    s.unstored = s.random.randrange(1, 40)


def _idle_limit(s: Site) -> None:
    s.proxy.limit_idle(s.random.uniform(0.05, 0.4))
    s.later(s.random.uniform(0.3, 1.5), lambda: s.proxy.limit_idle(None))


def _small_answers(s: Site) -> None:
    s.proxy.limit_bytes(s.random.randrange(1500, 8000))
    s.later(s.random.uniform(0.3, 1.5), lambda: s.proxy.limit_bytes(None))


def _hostile_body(s: Site) -> None:
    s.publish_hostile(s.random.choice(hostile.BODIES), s.random.choice(["client", "backend"]))


def _hostile_frame(s: Site) -> None:
    s.sandbox.garbage(1, s.random.choice(hostile.frames(s.sandbox.server_version)))


def _clock_jumps(s: Site) -> None:
    s.clock_set_at = time.monotonic()
    far = s.random.choice([60, 3600, 50_000, 40_000_000])  # up to more than a year
    s.clock.jump(s.random.choice([-1, 1]) * s.random.uniform(60, 60 + far))


def _disk_fills(s: Site) -> None:
    s.disk.is_full = True
    s.later(s.random.uniform(0.1, 2.0), lambda: setattr(s.disk, "is_full", False))


def _rival(s: Site) -> None:
    was_running, answer = s.feed.running, s.rival.contend()
    if was_running and s.feed.running and answer != "JournalInUse":
        s.wrong.append(f"a second process that opened the journal: {answer}")


def _stop(s: Site) -> None:
    s.feed.stop()
    s.later(s.random.uniform(0, 0.5), s.start)


def _stop_and_start(s: Site) -> None:
    s.feed.stop()
    s.start()


def _other_transport(s: Site) -> None:
    s.start(transport=s.random.choice(["websocket", "polling", "auto"]))
    s.later(s.random.uniform(0.1, 1.0), lambda: s.start(transport=s.transport))


def _one_channel(s: Site) -> None:
    s.start(channels=s.random.choice(BOTH))
    s.later(s.random.uniform(0.05, 1.0), lambda: s.start(channels=BOTH))


_LINE: dict[str, Fault] = {
    "cut": lambda s: s.proxy.cut(),
    "cut in a frame": lambda s: s.proxy.cut(after=s.random.randrange(1, 3000)),
    "reset": lambda s: s.proxy.reset(),
    "half open": lambda s: s.proxy.freeze(s.random.uniform(0.05, 0.4)),
    "hold up": lambda s: s.proxy.hold_up(s.random.uniform(0.05, 0.3)),
    "byte by byte": lambda s: s.proxy.split(s.random.randrange(50, 3000)),
    "answer": lambda s: s.proxy.answer(s.random.choice(list(ANSWERS)), s.random.randrange(1, 4)),
    "idle limit": _idle_limit,
    "small answers": _small_answers,
}
_SERVER: dict[str, Fault] = {
    "server cuts": lambda s: s.sandbox.drop_connections(),
    "restart": lambda s: s.sandbox.restart(s.random.uniform(0, 0.3)),
    "close code": lambda s: s.sandbox.close_connections(s.random.choice([1000, 4010, 4029, 3500])),
    "refused": lambda s: s.sandbox.refuse_handshakes(
        s.random.randrange(1, 4), s.random.choice([400, 401, 403, 429, 500, 503])
    ),
    "html": lambda s: s.sandbox.answer_html(s.random.randrange(1, 4)),
    "server stalls": lambda s: s.sandbox.stall(s.random.uniform(0.05, 0.3)),
    "half a frame": lambda s: s.sandbox.cut_frame(s.random.randrange(1, 4)),
    "garbage": lambda s: s.sandbox.garbage(s.random.randrange(1, 4)),
    "twice": lambda s: s.sandbox.duplicate(s.random.randrange(1, 60)),
    "backwards": lambda s: s.sandbox.reorder(s.random.randrange(2, 60)),
    "not delivered": lambda s: s.sandbox.lose(s.random.randrange(1, 30)),
    "announced": lambda s: s.sandbox.announce(s.random.choice(["server_restart", "config_expire"])),
    "channel ends": _channel_ends,
    "wipe": Site.wipe,
}
_SENDERS: dict[str, Fault] = {
    "quiet lane": _quiet_lane,
    "not stored": _not_stored,
    "hostile body": _hostile_body,
    "hostile frame": _hostile_frame,
}
_MACHINE: dict[str, Fault] = {
    "clock jumps": _clock_jumps,
    "disk fills": _disk_fills,
    "rival": _rival,
}
_USER: dict[str, Fault] = {
    "stop": _stop,
    "stop and start": _stop_and_start,
    "other transport": _other_transport,
    "one channel": _one_channel,
}

FAULTS = _LINE | _SERVER | _SENDERS | _MACHINE | _USER
HARMLESS = ("byte by byte", "twice", "quiet lane", "disk fills", "rival")
"""Faults that cost nothing by WebSocket: a report that names a risk after them is wrong."""
