"""The channels one lane has had: which config is out of date, what an ended channel may hold."""

from collections import deque
from itertools import pairwise

from bxpull_nb.listener.shared import ConfigSource, RetiredChannel
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.session import Session

__all__ = ["ChannelRenewal"]

_UNNOTICED = 60.0  # seconds at most from a channel's end until its successor is listened to


class ChannelRenewal:
    """One lane's channels, one after the other."""

    def __init__(self, kind: str | None, session: Session, source: ConfigSource) -> None:
        self.left: list[RetiredChannel] = []
        """Channels whose history is to be asked a last time."""
        self._kind = kind
        self._session = session
        self._source = source
        self._gone_through = 0  # how many of the configs that were in force are behind us
        self._points: deque[tuple[float, str | None]] = deque()

    def note_point(self, now: float) -> None:
        """Remember where to resume, for as long as a channel's successor may be unknown to us.

        By a jwt one connection brings the messages of several channels: those of one move the
        position while the successor of another is published to, and nobody listens there yet.
        """
        self._points.append((now, self._session.resume_point()))
        while len(self._points) > 1 and self._points[1][0] < now - _UNNOTICED:
            self._points.popleft()

    def leave_older(self, *, polls: bool) -> None:
        """Note the channels that were replaced: what they had, their successors have not."""
        known, position = self._source.known, self._session.position
        for old, new in pairwise(known[self._gone_through :]):
            for kind in old.channels if self._kind is None else [self._kind]:
                if old.channels.get(kind) not in (None, new.channels.get(kind)):
                    point = position.safe if polls else position.audited
                    self.left.append(RetiredChannel(old, kind, point))
                    if self._points and (polls or self._kind is None):
                        self._session.rewind(self._points[0][1])
        self._gone_through = len(known) - 1

    def outdated(self, config: PullConfig) -> PullConfig:
        """The config to be replaced: the one in force, unless its channel is another already.

        Another lane may have fetched it before the channel of this one ended.
        """
        now = self._source.in_force
        kinds = now.channels if self._kind is None else [self._kind]
        is_same = all(now.channels.get(kind) == config.channels.get(kind) for kind in kinds)
        return now if is_same else config
