"""A number and its noun, in the right number."""

__all__ = ["counted"]


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return `1 event`, `2,000 events`; `nouns` is the plural where it is no mere `s`.

    >>> counted(1, "event"), counted(2000, "event"), counted(2, "entry", "entries")
    ('1 event', '2,000 events', '2 entries')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {nouns or noun + 's'}"
