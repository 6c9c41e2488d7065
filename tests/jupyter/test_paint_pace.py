"""Which repaints of a panel show everything."""

import pytest

from bxpull_nb.jupyter.widgets.paint_pace import PaintPace


def shown(rows: list[int], states: str | None = None) -> str:
    """Return a letter for each repaint: A for one that shows everything, `.` for the others."""
    pace, letters = PaintPace(), ""
    for count, state in zip(rows, states or "s" * len(rows), strict=True):
        is_due = pace.is_due(state, count)
        letters += "A" if is_due else "."
        if is_due:
            pace.painted(state, count)
    return letters


@pytest.mark.parametrize(
    ("rows", "letters"),
    [
        ([0] * 12, "A....A....A."),
        ([*range(1, 13)], "A....A....A."),
        ([0] * 8 + [1, 2, 3, 4, 5, 6, 7], "A....A..A....A."),
        ([5, 5, 5, 6, 6, 6], "A....A"),
    ],
    ids=["a quiet feed", "a busy feed", "events after a pause", "soon after the last events"],
)
def test_everything_is_shown_at_every_fifth_repaint(rows: list[int], letters: str) -> None:
    """Events after a pause do not wait."""
    assert shown(rows) == letters


def test_a_change_of_state_is_shown_at_once() -> None:
    """Each of them, and the fifth repaint after it."""
    assert shown([0] * 9, "abbbcccca") == "AA..A...A"
