"""The channels that a lane listened to before, whose history may still hold new messages."""

from dataclasses import dataclass

from bxpull_nb.models import PullConfig

__all__ = ["PastChannels", "RetiredChannel"]


@dataclass(eq=False)
class RetiredChannel:
    """A channel that a successor replaced; its history is asked a last time."""

    config: PullConfig
    kind: str
    """Its type. It is asked by its id: a token that named it has ended with it."""
    point: str | None
    """The mid to ask from."""
    found: str = ""
    """Known messages up to here were stored in it at the last audit."""
    tries: int = 0


@dataclass(frozen=True)
class PastChannels:
    """The channels of a lane that stopped, for the lane that continues from it."""

    configs: tuple[PullConfig, ...]
    """The config of its connection, and later ones that it did not come to."""
    retired: tuple[RetiredChannel, ...]
    points: tuple[tuple[float, str | None], ...]
    """Earlier positions: when by the monotonic clock, and the mid to resume from."""
    witnesses: tuple[RetiredChannel, ...] = ()
    """The channels whose known messages show that nothing was wiped since."""
