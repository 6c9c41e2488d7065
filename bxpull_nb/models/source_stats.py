"""Counters of the sources of a feed other than its channels."""

import msgspec

__all__ = ["SourceStats"]


class SourceStats(msgspec.Struct):
    """The state and the counters of one source, which writes them."""

    state: str = "starting"
    """`starting`, `running`, `retrying`, `failed` or `stopped`."""
    text: str = ""
    """The state in a sentence; of a failure with the next step."""
    events: int = 0
    """Events that it brought."""
    duplicates: int = 0
    """Events dropped because an earlier answer had brought them."""
    readings: int = 0
    """Times the portal's queue was read until it was empty."""
    announced: int = 0
    """Changes that doorbells announced."""

    @property
    def collapsed(self) -> int:
        """Announced changes without an event of their own: the queue kept a later one only.

        It is the least number: doorbells may be lost.
        """
        return max(self.announced - self.events, 0)

    def __str__(self) -> str:
        figures = [f"{self.events:,} events in {self.readings:,} readings"]
        if self.duplicates:
            figures.append(f"{self.duplicates:,} duplicates dropped")
        if self.collapsed:
            figures.append(f"at least {self.collapsed:,} changes became one with a later one")
        return f"{self.state}: {', '.join(figures)}"
