"""When audits are due by volume."""

from bxpull_nb.listener.audit_pace import LARGEST_AUDIT, AuditPace
from tests.support.clock import Clock

MB = 1024 * 1024


def audited(pace: AuditPace, clock: Clock, seconds: float) -> None:
    """Run an audit that takes so long."""
    pace.begin()
    clock.now += seconds
    pace.end()


def test_an_audit_is_due_long_before_its_answer_is_too_large() -> None:
    """A sixteenth of the limit: an answer takes six times its size while it is read."""
    pace = AuditPace(Clock(100.0))
    assert [pace.add(1 * MB) for _ in range(4)] == [False, False, False, True]
    assert not pace.is_too_much


def test_what_comes_during_an_audit_counts_for_the_next() -> None:
    """The count begins with the question, not with its answer."""
    clock = Clock(100.0)
    pace = AuditPace(clock)
    pace.add(4 * MB)
    clock.now += 60
    pace.begin()
    assert not pace.add(3 * MB)
    clock.now += 0.1
    pace.end()
    assert pace.add(1 * MB)


def test_a_fast_lane_spends_a_twentieth_of_its_time_on_audits() -> None:
    """An audit of 0.1 s at 12 MB/s leaves 2 seconds, that is 24 MB, until the next."""
    clock = Clock(100.0)
    pace = AuditPace(clock)
    clock.now += 2
    pace.add(24 * MB)
    audited(pace, clock, 0.1)
    assert not pace.add(23 * MB)
    assert pace.add(1 * MB + 1)


def test_a_lane_too_fast_for_audits_is_audited_by_time_only() -> None:
    """Its history is too large by then: that is known without asking for it."""
    clock = Clock(100.0)
    pace = AuditPace(clock)
    clock.now += 1
    pace.add(60 * MB)
    audited(pace, clock, 1.0)
    assert not pace.add(LARGEST_AUDIT)
    states = [pace.is_too_much, pace.add(1), pace.is_too_much]
    assert states == [False, False, True]
    audited(pace, clock, 0.0)
    assert pace.add(4 * MB)  # it may be slower by now: the next one is due by volume again


def test_an_audit_that_is_slow_by_chance_changes_nothing() -> None:
    """Else the next would be larger, and slower, and so on up to the limit."""
    clock = Clock()
    pace = AuditPace(clock)
    for seconds in (0.1, 1.5, 0.1, 3.0, 1.0, 0.1, 2.0):
        clock.now += 4
        assert not pace.add(4 * MB - 1)
        assert pace.add(1)
        audited(pace, clock, seconds)


def test_audits_that_stay_slow_come_less_often() -> None:
    """The quickest of the last four decides."""
    clock = Clock()
    pace = AuditPace(clock)
    for seconds in (0.1, 1.0, 1.0, 1.0, 1.0):
        clock.now += 4
        pace.add(4 * MB)
        audited(pace, clock, seconds)
    assert not pace.add(15 * MB)
    assert pace.add(6 * MB)
