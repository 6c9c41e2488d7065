"""Values of parameters, those of numpy and pandas too, as JSON has them."""

import array
import subprocess
import sys
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.portal import Portal
from bxpull_nb.rest.plain_values import plain_params
from bxpull_nb.sandbox import Sandbox


class Stage(StrEnum):
    """Texts by name."""

    WON = "WON"


class Level(IntEnum):
    """Numbers by name."""

    HIGH = 3


class Day(Enum):
    """Values that need a change themselves."""

    FIRST = date(2026, 1, 2)


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


@dataclass
class Deal:
    """An object with fields."""

    title: str
    at: datetime


NOON = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=3)))
PLAIN: list[tuple[Any, Any]] = [
    (np.int64(2**62), 2**62),
    (np.uint8(7), 7),
    (np.bool_(True), True),
    (np.float64(1.5), 1.5),
    (np.float32(0.5), 0.5),
    (np.longdouble(2.5), 2.5),
    (np.str_("Сделка"), "Сделка"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (np.datetime64("2026-01-02T12:00:00.5"), "2026-01-02T12:00:00.500000"),
    (np.datetime64("2026-01-02T12:00:00", "ns"), "2026-01-02T12:00:00"),
    (np.datetime64("NaT", "us"), None),
    (np.array([1, 2]), [1, 2]),
    (np.array([[True], [False]]), [[True], [False]]),
    (np.array(5), 5),
    (np.array(["2026-01-02"], "datetime64[ns]"), ["2026-01-02T00:00:00"]),
    (pd.NA, None),
    (pd.NaT, None),
    (pd.Timestamp("2026-01-02 12:00", tz="Europe/Moscow"), "2026-01-02T12:00:00+03:00"),
    (pd.Timestamp("2026-01-02 12:00:00.123456789"), "2026-01-02T12:00:00.123456"),
    (pd.Series([1, None], dtype="Int64"), [1, None]),
    (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
    (pd.Index([3, 4]), [3, 4]),
    (pd.to_datetime(pd.Series(["2026-01-02"])), ["2026-01-02T00:00:00"]),
    (Decimal("12.50"), "12.50"),
    (Decimal("1E+3"), "1000"),
    (NOON, "2026-01-02T12:00:00+03:00"),
    (NOON.astimezone(UTC), "2026-01-02T09:00:00+00:00"),
    (date(2026, 1, 2), "2026-01-02"),
    (time(12, 30), "12:30:00"),
    (Stage.WON, "WON"),
    (Level.HIGH, 3),
    (Day.FIRST, "2026-01-02"),
    ({7}, [7]),
    (frozenset({np.int64(7)}), [7]),
    (range(3), [0, 1, 2]),
    (deque([1]), [1]),
    ({"a": 1}.keys(), ["a"]),
    (array.array("i", [1, 2]), [1, 2]),
    (Point(1, 2), [1, 2]),
    (OrderedDict(a=np.int64(1)), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    ({1: "a", np.int64(2): "b", Stage.WON: "c"}, {"1": "a", "2": "b", "WON": "c"}),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (b"ab", "YWI="),
    (Deal("x", NOON), {"title": "x", "at": "2026-01-02T12:00:00+03:00"}),
    (2**70, 2**70),
    (None, None),
]


@pytest.mark.parametrize(("value", "plain"), PLAIN)
def test_a_value_becomes_plain(value: Any, plain: Any) -> None:
    """Of the very types of JSON, at any depth."""
    made = plain_params("profile", {"x": value, "y": [{"z": value}]})
    assert made == {"x": plain, "y": [{"z": plain}]}
    assert type(made["x"]) is type(plain)


HOSTILE: list[tuple[Any, str]] = [
    (np.float64("nan"), "is nan"),
    (np.float32("inf"), "is inf"),
    (np.array([1.0, np.nan]), r"\[1\] is nan"),
    (pd.Series([1.0, None]), r"\[1\] is nan"),
    (np.complex128(1j), "is a complex"),
    (np.timedelta64(1, "s"), "is a duration: give seconds"),
    (np.timedelta64("NaT", "us"), "is a duration: give seconds"),
    (pd.Timedelta("1s"), "is a duration: give seconds"),
    (timedelta(seconds=1), "is a duration: give seconds"),
    (np.datetime64(2**62, "us"), "is a time outside the years 1 to 9999"),
    (pd.Period("2026-01"), "is a Period"),
    (pd.Interval(1, 2), "is a Interval"),
    (pd.DataFrame({"a": [1]}), "is a DataFrame"),
    (Decimal("NaN"), "is NaN"),
    (Decimal("-Infinity"), "is -Infinity"),
    (Fraction(1, 3), "is a Fraction"),
    (object(), "is a object"),
    (len, "is a builtin_function_or_method"),
    ((n for n in "a"), "is a generator"),
    ({None: 1}, "has a NoneType as a name"),
    ({(1, 2): 1}, "has a tuple as a name"),
    ({True: 1}, "has a bool as a name"),
    ({1: "a", "1": "b"}, "has the name '1' twice"),
    (np.str_("\ud800"), "holds half of a character"),
]


@pytest.mark.parametrize(("value", "problem"), HOSTILE)
def test_a_value_beyond_json_is_named_with_its_place(value: Any, problem: str) -> None:
    """By one error of ours."""
    place = r"profile: the parameters cannot be sent as JSON: params\['y'\]\[0\]\['z'\]"
    with pytest.raises(SettingsError, match=f"{place}.*({problem})"):
        plain_params("profile", {"y": [{"z": value}]})


def test_calls_batches_and_events_take_them(portal: Portal, sandbox: Sandbox) -> None:
    """All by the one function."""
    wanted = {"<=ID": np.int64(3), ">ID": Decimal(1)}
    names = np.array(["ID"])
    rows = [{"ID": "2"}, {"ID": "3"}]
    assert portal.call("crm.deal.list", filter=wanted, select=names) == rows
    calls = {"deals": ("crm.deal.list", {"filter": wanted, "select": {"ID"}})}
    assert portal.batch(calls)["deals"] == rows
    feed = portal.feed(transport="websocket").start()
    params = {"at": pd.Timestamp("2026-01-02", tz="UTC"), "ok": np.bool_(True), "none": pd.NA}
    portal.send_event("note", params, user_id=1)
    [event] = feed.wait(1, timeout=5)["params"]
    assert event == '{"at":"2026-01-02T00:00:00+00:00","ok":true,"none":null}'


def test_a_batch_names_the_parameter(portal: Portal) -> None:
    """With the call's own name first."""
    with pytest.raises(SettingsError, match=r"params\['me'\]\['x'\] is a object"):
        portal.batch({"me": ("profile", {"x": object()})})


def test_neither_library_is_loaded_for_it() -> None:
    """A value of theirs cannot exist without them."""
    script = (
        "import sys; from bxpull_nb.rest.plain_values import plain_params; "
        "plain_params('m', {'a': {1}, 'b': 'c'}); "
        "assert not {'numpy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_row_of_a_table_keeps_its_names() -> None:
    """As a list it would lose them without a word."""
    table = pd.DataFrame({"TITLE": ["Deal"], "STAGE_ID": ["NEW"], "PRICE": [np.int64(5)]})
    plain = plain_params("crm.deal.add", {"fields": table.iloc[0], "ids": table["PRICE"]})
    assert plain == {"fields": {"TITLE": "Deal", "STAGE_ID": "NEW", "PRICE": 5}, "ids": [5]}


@pytest.mark.parametrize("number", [10**1500, -(10**5000)], ids=["long", "longer"])
def test_a_number_too_long_to_write_is_named(number: int) -> None:
    """Python itself refuses to write it."""
    with pytest.raises(SettingsError, match=r"params\['a'\] is a number of more than 1,000 digits"):
        plain_params("x", {"a": number})
