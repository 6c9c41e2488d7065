"""Sequences of the model that once failed, as few steps as still showed the fault."""

from collections.abc import Callable

import pytest

from tests.model.client import AUDIT_EVERY
from tests.model.machine import CaptureModel
from tests.support.listening import BOTH

SHARED = ("shared",)


def two_resets_of_which_a_lane_wrote_one(model: CaptureModel) -> None:
    """The journal has a lane's first reset, and only its sibling's second one."""
    model.begin(version=4, stored=0, transport="websocket")
    model.settle("websocket")
    model.kill_writing(1.0)
    model.settle("websocket")
    model.trouble(refused=1, broken_early=0)
    model.wipe_at_once(2, BOTH)
    model.settle("websocket")
    model.settle("websocket")
    model.wipe_at_once(0, BOTH)
    model.kill_writing(1.0)
    model.settle("websocket")


def a_sibling_noticed_the_reset(model: CaptureModel) -> None:
    """Nothing is stored for the private lane that could show the second wipe."""
    model.begin(version=4, stored=3, transport="websocket")
    model.settle("websocket")
    model.trouble(refused=0, broken_early=2)
    model.wipe(prefix=0, breaks=False)
    model.wipe_at_once(0, SHARED)
    model.sleep_machine(1.2)
    model.publish(BOTH, count=1, stored=False, fate="sent", skew=0.0)


def a_sibling_noticed_the_reset_while_connected(model: CaptureModel) -> None:
    """The private lane asked with a mid of before the wipe, and is connected since."""
    model.begin(version=4, stored=0, transport="polling")
    model.settle("websocket")
    model.wipe_at_once(-1, BOTH)
    model.stop_and_continue("websocket")
    model.sleep_machine(5.0)


def a_wipe_that_fell_together_with_another(model: CaptureModel) -> None:
    """The first wipe leaves no trace: a later count has passed the mid of the beginning."""
    model.begin(version=4, stored=2, transport="websocket")
    model.client.step(1.2)
    model.kill_writing(0.0)
    model.wipe(prefix=0, breaks=True)
    model.settle("websocket")
    model.publish(SHARED, count=1, stored=True, fate="sent", skew=0.0)
    model.prune(0)
    model.kill_writing(0.0)
    model.settle("polling")
    model.wipe_at_once(0, SHARED)


def a_restart_that_took_what_was_dropped(model: CaptureModel) -> None:
    """Its mids are later ones: nothing but the known messages shows that the storage is new."""
    model.begin(version=4, stored=0, transport="websocket")
    model.settle("websocket")
    model.publish(("private",), count=1, stored=True, fate="dropped", skew=0.0)
    model.wipe(prefix=1, breaks=False)
    model.settle("websocket")


def a_wipe_before_anything_was_known(model: CaptureModel) -> None:
    """Nothing was stored at the beginning, and the first message was dropped."""
    model.begin(version=4, stored=0, transport="websocket")
    model.client.step(1.2)
    model.publish(SHARED, count=1, stored=True, fate="dropped", skew=0.0)
    model.wipe(prefix=1, breaks=True)
    model.settle("websocket")


def a_wipe_between_two_processes(model: CaptureModel) -> None:
    """The first process knew the beginning alone."""
    model.begin(version=4, stored=2, transport="websocket")
    model.client.step(1.2)
    model.kill()
    model.publish(SHARED, count=3, stored=True, fate="sent", skew=0.0)
    model.start("websocket")
    model.wipe_at_once(0, BOTH)


def a_wipe_after_a_stop(model: CaptureModel) -> None:
    """No audit of the capture that continues was answered yet."""
    model.begin(version=4, stored=2, transport="websocket")
    model.client.step(1.2)
    model.stop_and_continue("websocket")
    model.wipe_at_once(2, BOTH)


def a_sibling_noticed_the_reset_during_an_audit(model: CaptureModel) -> None:
    """The private lane asked twice, and its sibling had received everything in between."""
    model.begin(version=4, stored=0, transport="websocket")
    model.settle("websocket")
    model.wipe_at_once(0, ("private",))
    model.publish(BOTH, count=1, stored=True, fate="late", skew=0.0)
    model.wipe_at_once(0, BOTH)


@pytest.mark.parametrize(
    "steps",
    [
        a_sibling_noticed_the_reset_during_an_audit,
        a_restart_that_took_what_was_dropped,
        a_wipe_before_anything_was_known,
        a_wipe_between_two_processes,
        a_wipe_after_a_stop,
        two_resets_of_which_a_lane_wrote_one,
        a_sibling_noticed_the_reset,
        a_sibling_noticed_the_reset_while_connected,
        a_wipe_that_fell_together_with_another,
    ],
)
def test_a_sequence_that_failed_once_holds(steps: Callable[[CaptureModel], None]) -> None:
    """Nothing is lost or doubled, no reset too many is counted, and no claim is false."""
    model = CaptureModel()
    steps(model)
    model.holds()
    model.teardown()


def test_a_reset_that_only_a_sibling_noticed_counts_for_both_lanes() -> None:
    """Else two resets, each noticed by another lane, would be reported as one."""
    model = CaptureModel()
    model.begin(version=4, stored=3, transport="websocket")
    model.settle("websocket")
    for times, channels in enumerate((SHARED, ("private",)), 1):
        model.wipe_at_once(0, channels)
        model.client.step(2.5 * AUDIT_EVERY)
        assert model.client.resets == {"shared": times, "private": times}
        assert model.client.listener is not None
        assert model.client.listener.stats.resets == times
    model.teardown()
