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


def a_channel_that_ended_before_the_capture_knew_its_beginning(model: CaptureModel) -> None:
    """What it stored before the capture is old."""
    model.begin(version=4, stored=3, transport="polling")
    model.renew_while_stopped(transport="websocket", channels=SHARED, stored=2)
    model.client.step(2.5 * AUDIT_EVERY)


def an_end_that_the_first_poll_announces(model: CaptureModel) -> None:
    """The config was fetched just before."""
    model.begin(version=3, stored=0, transport="polling")
    model.renew(channels=SHARED, action="reconnect", fate="sent", lifetime=None)
    model.settle("websocket")
    model.wipe_at_once(0, SHARED)


def an_end_that_the_beginning_announces(model: CaptureModel) -> None:
    """The WebSocket was not there yet, and asks for nothing that is older."""
    model.begin(version=3, stored=0, transport="websocket")
    model.renew(channels=SHARED, action="reconnect", fate="sent", lifetime=None)
    model.client.step(25.0)
    model.renew(channels=SHARED, action="reconnect", fate="sent", lifetime=None)


def a_successor_that_only_the_config_of_a_sibling_names(model: CaptureModel) -> None:
    """The shared lane's announcement was dropped, in a channel just taken over."""
    model.begin(version=3, stored=0, transport="websocket")
    model.settle("websocket")
    model.renew(channels=SHARED, action="reconnect", fate="sent", lifetime=None)
    for _ in range(10):
        model.audit()
    model.renew(channels=BOTH, action="get_config", fate="dropped", lifetime=None)


def a_wipe_that_only_the_ended_channel_could_show(model: CaptureModel) -> None:
    """Its new message has a mid below those that are known."""
    model.begin(version=3, stored=0, transport="websocket")
    model.publish(SHARED, count=1, stored=False, fate="sent", skew=0.0)
    model.settle("websocket")
    model.wipe(prefix=0, breaks=False)
    model.renew_while_stopped(transport="websocket", channels=SHARED, stored=1)


def two_renewals_after_a_wipe(model: CaptureModel) -> None:
    """The second channel has known messages, but nothing shows what came before them."""
    model.begin(version=5, stored=0, transport="websocket")
    model.settle("websocket")
    model.wipe(prefix=1, breaks=True)
    model.renew_while_stopped(transport="polling", channels=("private",), stored=2)
    model.wipe(prefix=0, breaks=True)
    model.settle("polling")
    model.renew_while_stopped(transport="websocket", channels=("private",), stored=1)
    model.settle("websocket")
    model.settle("polling")


def a_sibling_noticed_the_reset_before_a_restart(model: CaptureModel) -> None:
    """The private lane's ended channels are asked again, too."""
    model.begin(version=4, stored=0, transport="websocket")
    model.settle("polling")
    model.settle("websocket")
    model.wipe(prefix=0, breaks=False)
    model.renew_while_stopped(transport="polling", channels=("private",), stored=1)
    model.renew_while_stopped(transport="polling", channels=BOTH, stored=2)
    model.sleep_machine(7200.0)
    model.renew_while_stopped(transport="polling", channels=SHARED, stored=2)


def a_reset_during_the_question_to_an_ended_channel(model: CaptureModel) -> None:
    """The question was asked from a position of before the reset."""
    model.begin(version=3, stored=3, transport="polling")
    model.renew(channels=("private",), action="reconnect", fate="twice", lifetime=30.0)
    model.wipe(prefix=0, breaks=False)
    model.settle("polling")
    model.wipe(prefix=0, breaks=False)
    model.publish(("private",), count=3, stored=True, fate="dropped", skew=None)
    model.renew_while_stopped(transport="polling", channels=BOTH, stored=2)


@pytest.mark.parametrize(
    "steps",
    [
        a_reset_during_the_question_to_an_ended_channel,
        a_sibling_noticed_the_reset_before_a_restart,
        a_channel_that_ended_before_the_capture_knew_its_beginning,
        an_end_that_the_first_poll_announces,
        an_end_that_the_beginning_announces,
        a_successor_that_only_the_config_of_a_sibling_names,
        a_wipe_that_only_the_ended_channel_could_show,
        two_renewals_after_a_wipe,
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
