"""Numbers in the panel: digits grouped as in the page, nouns in the right number."""

__all__ = ["counted", "grouped"]


def grouped(number: float, digits: int = 0) -> str:
    """Return the number with narrow spaces between thousands."""
    return f"{number:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, noun: str = "event") -> str:
    """Return `1 event`, `2 events`."""
    return f"{grouped(number)} {noun}" if number == 1 else f"{grouped(number)} {noun}s"
