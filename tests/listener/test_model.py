"""A short run of the model: the long one is a command, `python -m tests.model`."""

import pytest

from tests.model.client import AUDIT_EVERY
from tests.model.machine import CaptureModel
from tests.model.run import run

SEED = 20261127
"""The same faults each time; the command draws others, and prints their seed."""


@pytest.mark.slow
def test_a_capture_holds_against_the_model() -> None:
    """Nothing is lost, doubled or passed by a position; the seed of a failure is shown."""
    outcome = run(600, SEED)
    assert outcome.failures == [], f"{outcome}\n" + "\n".join(outcome.failures)
    assert outcome.steps >= 600


def test_a_seed_draws_the_same_steps() -> None:
    """A printed seed is enough to repeat a run."""
    assert run(1, 7) == run(1, 7)


def test_a_message_that_is_late_by_a_sleep_of_the_machine_is_no_reset() -> None:
    """A later one had come before the machine slept."""
    model = CaptureModel()
    model.begin(version=4, stored=0, transport="websocket")
    model.settle("websocket")
    for fate in ("late", "sent"):
        model.publish(channels=("shared",), count=1, stored=True, fate=fate, skew=0.0)
    model.sleep_machine(7200.0)
    assert model.client.resets == {"shared": 0, "private": 0}
    model.teardown()


@pytest.mark.parametrize("beyond", [-1, 0, 1, 30])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_wipe_that_no_connection_shows_costs_no_stored_message(
    version: int, transport: str, beyond: int
) -> None:
    """The count passes the position before the lanes ask again: an audit notices."""
    model = CaptureModel()
    model.begin(version=version, stored=0, transport=transport)
    model.settle(transport)
    model.wipe_at_once(beyond, ("shared", "private"))
    model.client.step(2.5 * AUDIT_EVERY)
    assert sorted(model.client.handed_over) == list(range(len(model.server.published)))
    assert model.client.resets == {"shared": 1, "private": 1}
    model.teardown()


@pytest.mark.parametrize("beyond", [-1, 0, 1, 30])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_wipe_before_the_first_message_costs_no_stored_message(
    version: int, transport: str, beyond: int
) -> None:
    """What was stored before the capture comes again with each audit, or was wiped."""
    model = CaptureModel()
    model.begin(version=version, stored=3, transport=transport)
    model.client.step(2.5 * AUDIT_EVERY)
    assert model.client.handed_over == []
    model.wipe_at_once(beyond, ("shared", "private"))
    model.client.step(2.5 * AUDIT_EVERY)
    assert sorted(model.client.handed_over) == list(range(3, len(model.server.published)))
    assert model.client.listener is not None
    assert model.client.listener.stats.resets == 1
    model.teardown()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_process_that_was_killed_before_its_first_message_decides_by_position(
    transport: str,
) -> None:
    """The clock of the sender is an hour behind."""
    model = CaptureModel()
    model.begin(version=4, stored=2, transport=transport)
    model.client.step(3.0)
    model.kill()
    model._publish(("shared",), count=2, fate="dropped", skew=-3600.0)
    model.start(transport)
    model.client.step(3.0)
    assert model.client.handed_over == [2, 3]
    model.teardown()
