"""What audits have confirmed, and the messages that the next one asks for again.

A server whose storage was wiped counts from the beginning. Once its count has passed the position,
a request from there brings what looks like news. So an audit asks for a few messages that are
known to be stored: a wiped server has others under their mids, or none.

Such a message is a proof, too: where it comes again, nothing was wiped since it was stored. An
audit without one covers no time before it. A server wipes all channels at once. So a message of
the channel before proves the same for its successor, of which none is known at first.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bxpull_nb.protocol.session.mids import is_counted, just_before
from bxpull_nb.protocol.session.received import Received

__all__ = ["Audit", "AuditMemory"]

_ASKED_AGAIN = 16  # messages


class Audit(NamedTuple):
    """A question about missing messages, as a session asked it."""

    point: str | None
    """The mid to ask from; None for everything stored."""
    newest: str | None
    """The position when it was asked: an answer without damage confirms everything up to it."""
    epoch: int
    """The resets and rewinds before it: an answer from an earlier epoch confirms nothing."""
    confirmed: str = ""
    """Up to here an earlier audit found everything: a new message below proves a reset."""
    expected: str = ""
    """At least one known message up to here comes again, or the history is another one."""
    settled: str = ""
    """The position a second before: a message below cannot be on its way any more."""
    found: str = ""
    """Known messages up to here were stored at the audit before, or at the beginning."""
    first: tuple[str, int] = ("", 0)
    """The first message that came, and when: Unix microseconds."""
    is_witnessed: bool | None = None
    """Whether a known message of the channel before came again, later than the answer; None where
    that does not matter: the channel is the same as at the audit before."""

    @property
    def wanted(self) -> str:
        """The greatest mid of messages of which it matters whether they come again."""
        return max(self.expected, self.found, self.first[0])

    def of_older(self) -> "Audit":
        """Return the question for older history: only what was not asked for yet proves anything.

        The lane knows by now what the first answer brought.
        """
        point = self.point or ""
        first = self.first if self.first[0] <= point else ("", 0)
        expected, found = min(self.expected, point), min(self.found, point)
        return self._replace(expected=expected, found=found, first=first)

    def is_same_history(self, answer: Received) -> bool:
        """Whether the answer has a known message again, or shows already that it is another."""
        again = (mid <= self.expected for mid in answer.again)
        return answer.was_reset or not answer.is_whole or any(again)

    def covered_since(self, answer: Received, asked_us: int) -> int | None:
        """Return the beginning of the time of which the answer has every stored message.

        None where it reaches back to the audit before. Without a known message the storage may
        have been wiped until now: the time before `asked_us` is not covered.
        """
        if answer.was_reset:
            return asked_us
        is_known = self.is_witnessed
        if is_known is None:
            is_known = any(mid <= self.found for mid in answer.again)
        if is_known:
            return None
        mid, came_us = self.first
        return came_us if mid in answer.again else asked_us


class AuditMemory:
    """The result of a lane's audits so far."""

    def __init__(self) -> None:
        self.audited: str | None = None
        """The position up to which nothing is missing."""
        self.confirmed = ""
        """A part of that: no message below can be on its way any more."""
        self.expected = ""
        """At least one known message up to here comes again."""
        self.found = ""
        """Known messages up to here were stored at the last audit, or at the beginning."""
        self.first = ("", 0)
        """The first message that came, and when: Unix microseconds."""
        self._begins: str | None = None  # lower than `audited`

    def point(self, began: str | None) -> str | None:
        """Return the mid for the next audit of a lane that began after the mid `began`."""
        return self._begins or self.audited or began

    def forget_confirmed(self) -> None:
        """Expect nothing again: the lane's messages may be in another history."""
        self._begins, self.confirmed, self.expected, self.found = None, "", "", ""

    def forget(self) -> None:
        """Forget everything: the history is another one."""
        self.forget_confirmed()
        self.audited, self.first = None, ("", 0)

    def came(self, received: Received) -> None:
        """Note the first message."""
        if not self.first[0]:
            mids = [mid for mid in received.mids if mid and is_counted(mid)]
            self.first = min(mids, default=""), received.at_us

    def note(self, audit: Audit, answer: Received | None, began: str | None) -> None:
        """Note an audit that is done; one without an answer confirms nothing."""
        self.forget_confirmed()
        self.audited = audit.newest
        if answer is None or answer.old:  # older messages are not known one by one
            return
        self.confirmed, newest = audit.settled, audit.newest or began or ""
        self.expect([mid for mid in answer.mids if mid and is_counted(mid) and mid <= newest])

    def expect(self, mids: Sequence[str]) -> list[str]:
        """Ask for the newest of these stored messages again, and return their mids."""
        newest = sorted(mids)[-_ASKED_AGAIN:]
        if newest:
            self._begins, self.expected = just_before(newest[0]), newest[-1]
            self.found = newest[-1]
        return newest
