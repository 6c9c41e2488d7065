"""A channel that is renewed, at a modelled server: what is lost, and what is claimed."""

from collections.abc import Callable

import pytest

from bxpull_nb.capture.gap_report import report_of
from bxpull_nb.listener import ListenerStats
from tests.model.client import AUDIT_EVERY
from tests.model.machine import CaptureModel
from tests.support.listening import BOTH

SHARED, PRIVATE = ("shared",), ("private",)


def announced(model: CaptureModel, transport: str) -> None:
    """A message names the successor."""
    model.renew(channels=BOTH, action="reconnect", fate="sent", lifetime=None)


def announced_without_a_name(model: CaptureModel, transport: str) -> None:
    """The config is fetched, once for both lanes."""
    model.renew(channels=BOTH, action="get_config", fate="sent", lifetime=None)


def announced_to_an_audit(model: CaptureModel, transport: str) -> None:
    """The connection does not bring the message."""
    model.renew(channels=BOTH, action="reconnect", fate="dropped", lifetime=None)


def at_its_end(model: CaptureModel, transport: str) -> None:
    """Two renewals: the second channel ends without a word."""
    model.renew(channels=BOTH, action="reconnect", fate="sent", lifetime=30.0)


def one_after_the_other(model: CaptureModel, transport: str) -> None:
    """One lane stays where it is, and is settled all the same."""
    model.renew(channels=SHARED, action="get_config", fate="sent", lifetime=None)


def at_a_start(model: CaptureModel, transport: str) -> None:
    """The next config is another; what the old channel had at last is asked."""
    model.renew_while_stopped(transport=transport, channels=BOTH, stored=2)


WAYS = [
    announced,
    announced_without_a_name,
    announced_to_an_audit,
    at_its_end,
    one_after_the_other,
    at_a_start,
]


@pytest.mark.parametrize("renew", WAYS)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_renewal_without_faults_leaves_the_claim_as_it_is(
    version: int, transport: str, renew: Callable[[CaptureModel, str], None]
) -> None:
    """Messages of the channel before are still stored: nothing was wiped in between."""
    model = captured(version, transport)
    begun = {lane: since for lane, (since, _) in model.client.checked.items()}
    renew(model, transport)
    model.settle(transport)
    assert {lane: since for lane, (since, _) in model.client.checked.items()} == begun
    assert all(until > model._now() - 2 * AUDIT_EVERY for until in untils(model))
    assert stats_of(model).unproven_us == []
    assert sorted(model.client.handed_over) == list(range(3, len(model.server.published)))
    model.teardown()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_wipe_at_a_renewal_is_a_time_of_which_messages_may_be_missing(
    version: int, transport: str
) -> None:
    """It lasts from the last check of the channel before to a message that is stored since.

    For the lane that was not renewed it lasts until the next check. That the channel before has
    nothing more takes ten questions to believe.
    """
    model = captured(version, transport)
    claimed = model.client.checked["private"][1]
    model.publish(channels=PRIVATE, count=1, stored=True, fate="dropped", skew=0.0)
    model.renew(channels=PRIVATE, action="reconnect", fate="sent", lifetime=None)
    model.publish(channels=PRIVATE, count=2, stored=True, fate="dropped", skew=0.0)
    model.wipe(prefix=1, breaks=False)
    published = model._now()
    model.settle(transport)
    model.client.step(12 * AUDIT_EVERY)
    since, until = model.client.checked["private"]
    assert claimed < since < until
    assert since < published + AUDIT_EVERY
    lost = [one for one in model.server.published[3:] if one.number not in kept(model)]
    assert lost
    assert [one.at for one in lost if not claimed < one.at < since] == []
    shared, private = sorted(stats_of(model).unproven_us, key=lambda one: one[0] - one[1])
    assert private[1] - private[0] == pytest.approx((since - claimed) * 1e6, abs=2)
    report = report_of((), stats_of(model), 0)
    assert report.unproven_seconds == pytest.approx((shared[1] - shared[0]) / 1e6)
    assert f"may be missing from {report.unproven_seconds:,.1f} s: after it" in report.risk
    model.teardown()


def test_a_process_claims_no_time_of_the_one_before() -> None:
    """That one knew whether the time was covered; its position does not."""
    model = captured(4, "websocket")
    model.settle("websocket")
    model.kill()
    ended = model._now()
    model.client.step(5.0)
    model.start("websocket")
    model.settle("websocket")
    since, until = model.client.checked["shared"]
    assert 0.0 < since < ended < until
    model.teardown()


def captured(version: int, transport: str) -> CaptureModel:
    """Return a capture of some messages, all of it checked."""
    model = CaptureModel()
    model.begin(version=version, stored=3, transport=transport)
    model.settle(transport)
    return model


def kept(model: CaptureModel) -> set[int]:
    """Return the numbers of the messages that were handed over."""
    return set(model.client.handed_over)


def untils(model: CaptureModel) -> list[float]:
    """Return up to when each lane was checked, by the portal's clock."""
    return [until for _, until in model.client.checked.values()]


def stats_of(model: CaptureModel) -> ListenerStats:
    """Return the counters of the process that runs."""
    assert model.client.listener is not None
    return model.client.listener.stats
