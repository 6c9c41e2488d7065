"""A short run of the model: the long one is a command, `python -m tests.model`."""

from random import SystemRandom

import pytest

from tests.model.run import run

SEED = SystemRandom().randrange(2**31)


@pytest.mark.slow
def test_a_capture_holds_against_the_model() -> None:
    """Nothing is lost, doubled or passed by a position; the seed of a failure is shown."""
    outcome = run(600, SEED)
    assert outcome.failures == [], f"{outcome}\n" + "\n".join(outcome.failures)
    assert outcome.steps >= 600


def test_a_seed_draws_the_same_steps() -> None:
    """A printed seed is enough to repeat a run."""
    assert run(1, 7) == run(1, 7)
