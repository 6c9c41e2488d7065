"""Differences of two events: any way to give them, and how they are shown."""

from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from tests.support.rows import frame, sent

ONE, TWO = '{"id":1,"stage":"NEW","old":[1]}', '{"id":1,"stage":"WON","new":null}'
EVENTS = [sent("crm", "dealMove", text, n) for n, text in enumerate((ONE, TWO))]
DF = frame(*EVENTS)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        tuple(EVENTS),
        (DF.iloc[0], DF.iloc[1]),
        (DF.head(1), DF.tail(1)),
        tuple(DF.itertuples()),
        (ONE, TWO),
        ({"id": 1, "stage": "NEW", "old": [1]}, {"id": 1, "stage": "WON", "new": None}),
    ],
)
def test_events_rows_texts_and_values_are_taken(one: Any, two: Any) -> None:
    """All have the same differences."""
    found = bx.diff(one, two)
    assert list(found) == ["path", "from", "to"]
    rows = list(found.itertuples(index=False, name=None))
    expected = [("stage", "NEW", "WON"), ("old", [1], pd.NA), ("new", pd.NA, None)]
    assert repr(rows) == repr(expected)


@pytest.mark.parametrize("value", [None, 7, DF, pd.Series({"a": 1}), object()])
def test_other_values_are_no_events(value: Any) -> None:
    """On either side."""
    for pair in ((value, ONE), (ONE, value)):
        with pytest.raises(SettingsError, match="is no event: give an event, a row of a DataFrame"):
            bx.diff(*pair)


def test_the_text_has_a_line_for_each_path() -> None:
    """Old values red, new ones green, where colours are asked for."""
    found = bx.diff(ONE, TWO)
    assert found.to_text() == '~ stage: "NEW" → "WON"\n- old: [1]\n+ new: null'
    assert found.to_text(color=True).splitlines()[0] == (
        '~ stage: \x1b[31m"NEW"\x1b[0m → \x1b[32m"WON"\x1b[0m'
    )
    assert bx.diff(ONE, ONE).to_text() == "no difference"


def test_a_notebook_shows_it_in_colours_and_escaped() -> None:
    """A part of the columns shows itself as any DataFrame does."""
    hostile = '{"<b>":"<img src=x>"}'
    html = bx.diff("{}", hostile)._repr_html_()
    assert "&lt;img src=x&gt;" in html
    assert "<img" not in html
    assert "color:#2e7d32" in html
    assert "dataframe" in bx.diff("{}", hostile)[["path"]]._repr_html_()
    assert bx.diff("{}", "{}")._repr_html_() == "<p>no difference</p>"


def test_hostile_texts_steer_no_terminal() -> None:
    """Control characters are replaced, long values cut, many paths counted."""
    found = bx.diff("{}", '{"a\\u001b[2J":"\\u001b[31m\\u202e"}').to_text()
    assert found.isprintable()
    assert len(bx.diff("{}", f'{{"a":"{"x" * 10_000}"}}').to_text()) < 300
    many = bx.diff("{}", dict.fromkeys(map(str, range(8000)), 1))
    assert len(many) == 8000
    assert many.to_text().splitlines()[-1] == "… 7,500 more: "


def test_numbers_keep_their_digits() -> None:
    """2^53 and beyond, an infinite one, one of 70 bits."""
    found = bx.diff('{"a":9007199254740993,"b":1}', '{"a":9007199254740992,"b":1e400}')
    assert found["from"].tolist() == [9007199254740993, 1]
    assert found["to"].tolist() == [9007199254740992, float("inf")]
