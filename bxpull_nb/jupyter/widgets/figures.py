"""Numbers in the panel: digits grouped as in the page, nouns in the right number."""

__all__ = ["counted", "duration", "grouped"]


def grouped(number: float, digits: int = 0) -> str:
    """Return the number with narrow spaces between thousands."""
    return f"{number:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int) -> str:
    """Return `1 event`, `2 events`."""
    return f"{grouped(number)} event{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """Return the duration in its two largest units: `2 h 05 min`, `4.2 s`.

    >>> duration(42725.5)
    '11 h 52 min'
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{grouped(days)} d {hours:02} h"
