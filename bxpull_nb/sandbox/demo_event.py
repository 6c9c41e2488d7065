"""One event of the demo traffic, with what is true of it."""

from typing import Any, NamedTuple

__all__ = ["DemoEvent"]


class DemoEvent(NamedTuple):
    """One event, its channel's type, and its place in an entity's life."""

    module_id: str
    command: str
    params: dict[str, Any]
    channel: str
    entities: tuple[tuple[str, str], ...] = ()
    """The entities that it belongs to, each as a kind and an id; the first one is its own."""
    stage: str | None = None
    """The stage that the first entity is in after the event; None where it has no stages."""
