"""Runs the model for a number of steps, from a seed that draws the same steps again."""

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import CaptureModel

__all__ = ["Outcome", "run"]

_EXAMPLE = 50  # steps of one example: a server and its captures
_EXAMPLES = 8  # examples between two looks at the count of steps
_MOST = 20  # failures
_SEEDS = 1_000_003  # each part has a seed of its own, made of the given one and its place


class Outcome(msgspec.Struct):
    """The figures of a run; each failure is a text: the error, and the steps that lead to it."""

    seed: int
    steps: int = 0
    messages: int = 0
    """Messages that reached a target."""
    failures: list[str] = []

    def __str__(self) -> str:
        failed = f"{len(self.failures)} failures"
        return f"{self.steps} steps, {self.messages} messages (seed {self.seed}): {failed}"


def run(steps: int, seed: int, *, shrink: bool = False) -> Outcome:
    """Run at least so many steps; `shrink` looks for the fewest steps of each failure.

    After twenty failures it ends.
    """
    outcome, part = Outcome(seed), 0
    while outcome.steps < steps and len(outcome.failures) < _MOST:
        _run_part(outcome, seed * _SEEDS + part, shrink=shrink)
        part += 1
    return outcome


def _run_part(outcome: Outcome, seed: int, *, shrink: bool) -> None:
    """Run some examples, and add their figures to the outcome."""

    class Part(CaptureModel):
        """A machine with counts and a seed of its own."""

        steps = messages = 0

    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        stateful_step_count=_EXAMPLE,
        phases=[Phase.generate, *[Phase.shrink] * shrink],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Part), settings=settings)
    except Exception as exc:  # noqa: BLE001 - the error of a step is a result
        notes = getattr(exc, "__notes__", [])
        outcome.failures.append("\n".join([f"{type(exc).__name__}: {exc}", *notes]))
    outcome.steps += Part.steps
    outcome.messages += Part.messages
