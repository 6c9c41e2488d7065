"""Message ids as the numbers that a server counted (protocol 2.3)."""

__all__ = ["is_counted", "just_before"]


def is_counted(mid: str) -> bool:
    """Whether the mid is a number that the server counted."""
    return len(mid) == 26 and mid.isascii() and mid.isdecimal()


def just_before(mid: str) -> str:
    """Return the mid before a counted one."""
    return f"{int(mid) - 1:026}"
