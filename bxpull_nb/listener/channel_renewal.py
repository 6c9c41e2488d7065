"""The channels one lane has had: which config is out of date, which channels are retired."""

from collections import deque
from itertools import pairwise

from bxpull_nb.listener.config_source import ConfigSource
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.session import PastChannels, RetiredChannel, Session

__all__ = ["ChannelRenewal"]

_UNNOTICED = 60.0  # seconds at most from a channel's end until its successor is listened to


class ChannelRenewal:
    """Tracks one lane's channels, from each to its successor; `past` are of a lane before it."""

    def __init__(
        self,
        kind: str | None,
        session: Session,
        source: ConfigSource,
        past: PastChannels | None = None,
    ) -> None:
        past = past or PastChannels((), (), ())
        self.retired: list[RetiredChannel] = list(past.retired)
        """Channels whose history must be asked a last time."""
        self._kind = kind
        self._session = session
        self._source = source
        self._gone_through = 0  # how many of the configs that were in force are done
        self._before = past.configs
        self._points: deque[tuple[float, str | None]] = deque(past.points)

    @property
    def past(self) -> PastChannels:
        """The channels so far, for another lane to continue from."""
        configs = tuple(self._known[self._gone_through :])
        return PastChannels(configs, tuple(self.retired), tuple(self._points))

    @property
    def is_settled(self) -> bool:
        """Whether the channel is the one in force, and every earlier one was asked."""
        return not self.retired and self._gone_through == len(self._known) - 1

    def note_point(self, now: float) -> None:
        """Remember where to resume, for as long as a channel's successor may be unknown.

        With a jwt one connection brings the messages of several channels: one of them moves the
        position while the successor of another has messages already and no listener yet.
        """
        self._points.append((now, self._session.resume_point()))
        while len(self._points) > 1 and self._points[1][0] < now - _UNNOTICED:
            self._points.popleft()

    def retire_older(self, *, polls: bool) -> None:
        """Retire the channels that were replaced: their successors lack their history."""
        known, position = self._known, self._session.position
        for old, new in pairwise(known[self._gone_through :]):
            for kind in old.channels if self._kind is None else [self._kind]:
                if old.channels.get(kind) not in (None, new.channels.get(kind)):
                    point = position.safe if polls else position.audited
                    self.retired.append(RetiredChannel(old, kind, point))
                    self._session.forget_confirmed()
                    if self._points and (polls or self._kind is None):
                        self._session.rewind(self._points[0][1])
        self._gone_through = len(known) - 1

    def outdated(self, config: PullConfig) -> PullConfig:
        """Return the config to replace: `config` itself if another lane has replaced it already."""
        now = self._source.in_force
        kinds = now.channels if self._kind is None else [self._kind]
        is_same = all(now.channels.get(kind) == config.channels.get(kind) for kind in kinds)
        return now if is_same else config

    @property
    def _known(self) -> list[PullConfig]:
        return [*self._before, *self._source.known]
