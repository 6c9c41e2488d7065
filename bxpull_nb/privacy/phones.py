"""Phone numbers: which runs of digits are one, and a number of the same shape in its place."""

import re
from collections.abc import Callable

__all__ = ["LONGEST", "SHORTEST", "digits_of", "is_phone", "shaped", "subscriber"]

SHORTEST, LONGEST = 6, 15  # digits of a number that is recognised again
_SUBSCRIBER = 10  # digits that are the same with and without the country's code

_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:[ \u00a0]\d{3})+(?:\.\d{1,2})?")
_DECIMAL = re.compile(r"\d+\.\d+")
_LOCAL = re.compile(r"\d{3}-\d{4}|\d{2,3}([- ])\d{2}\1\d{2}|\d{2,4}(-\d{2,4}){2,3}")
_IN_THREES = re.compile(r"\d{3}[ \u00a0]\d{3}[ \u00a0]\d{3}")
_DIGIT = re.compile(r"\d")


def digits_of(text: str) -> str:
    """Return the decimal digits of a text, those of other scripts as 0 to 9."""
    return "".join(str(int(digit)) for digit in _DIGIT.findall(text))


def subscriber(digits: str) -> str:
    """Return the digits that stay the same however the number is written: the last ten.

    >>> subscriber("79123456789") == subscriber("89123456789") == subscriber("9123456789")
    True
    """
    return digits[-_SUBSCRIBER:]


def is_phone(run: str) -> bool:
    """Whether a run of digits and separators is a phone number, not an amount or an id.

    >>> [is_phone(text) for text in ("+7 (912) 345-67-89", "89123456789", "1 250 000.00")]
    [True, True, False]
    """
    digits = digits_of(run)
    count = len(digits)
    if not 7 <= count <= LONGEST:
        return False
    if run.startswith("+") or "(" in run:
        return True
    if _IN_THREES.fullmatch(run) or _LOCAL.fullmatch(run):
        return True
    if _AMOUNT.fullmatch(run) or _DECIMAL.fullmatch(run):
        return False
    if run.isdecimal():  # seconds and milliseconds since 1970 begin with 1
        return count in (11, 12) or (count == 10 and digits[0] != "1")
    return count >= 10 or digits[0] == "0"


def shaped(number: str, keyed: Callable[[str], int]) -> str:
    """Return a number of the same separators, prefix and length that cannot be dialled.

    `keyed` makes a large integer of the subscriber's digits; ten of them begin with 0, as no
    number of a subscriber does.
    """
    digits = digits_of(number)
    own = subscriber(digits)
    head = "0" if len(own) == _SUBSCRIBER else ""
    size = len(own) - len(head)
    made = own
    for salt in range(9):  # short numbers may meet themselves
        made = head + str(keyed(f"{own}/{salt}" if salt else own) % 10**size).zfill(size)
        if made != own:
            break
    fresh = iter(digits[: len(digits) - len(own)] + made)
    return _DIGIT.sub(lambda _: next(fresh), number)
