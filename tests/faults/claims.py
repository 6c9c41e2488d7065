"""The claim of a gap report, compared with the truth."""

from bxpull_nb.capture.gap_report import Report
from tests.faults.truth import Truth

__all__ = ["ClaimCheck"]

_CLAIM = "No stored event "
_UNCHECKED = ("The server's history was not checked yet.", "The last check of")


class ClaimCheck:
    """Reads reports of one capture, and keeps every claim that was false.

    A clock that is set makes a time ambiguous. So a claim speaks only of events that were
    published before it was first read.
    """

    def __init__(self, truth: Truth) -> None:
        self.lies: list[str] = []
        self._truth = truth
        self._checked_us: int | None = None
        self._published = 0

    def read(self, report: Report, published: int) -> None:
        """Check the report; `published` is how many events there were before it was made."""
        if report.checked_us != self._checked_us:
            self._checked_us, self._published = report.checked_us, published
        missing = self._missing_of_checked(report.covered_us or 0)
        if _CLAIM in report.risk and missing:
            self._note(f"{len(missing)} stored events are missing (n={missing[:3]})", report)
        owed = [number for number in missing if self._truth.events[number].is_owed]
        if owed and not report.resets:
            self._note(f"{len(owed)} were not found by a check (n={owed[:3]})", report)

    def read_last(self, report: Report) -> None:
        """Check the report at the end of a run: whatever is missing, it names a risk."""
        self.read(report, len(self._truth.events))
        begun, events = report.covered_us or 0, self._truth.events
        missing = [
            n
            for n in self._truth.missing()
            if not events[n].is_stored or events[n].at_us >= begun  # it claims no earlier ones
        ]
        if missing and not names_risk(report):
            self._note(f"{len(missing)} events are missing (n={missing[:3]})", report)

    def _missing_of_checked(self, since: int) -> list[int]:
        """Return the stored events that are missing from the time that was checked."""
        until, events = self._checked_us, self._truth.events
        if until is None:
            return []
        missing = (n for n in self._truth.missing() if n < self._published)
        return [n for n in missing if events[n].is_stored and since <= events[n].at_us <= until]

    def _note(self, what: str, report: Report) -> None:
        self.lies.append(f"{what}, and the report: {report.risk}")


def names_risk(report: Report) -> bool:
    """Whether the report names a risk, besides what it claims or does not know."""
    return not report.risk.startswith((_CLAIM, *_UNCHECKED))


def is_alarming(report: Report) -> bool:
    """Whether the report does not claim that the stored history is complete."""
    return names_risk(report) or _CLAIM not in report.risk
