"""Seventeen questions of a working day, each answered in at most three lines.

The events are six minutes of demo traffic, into whose last two minutes changes were planted. The
answers are compared with the truth about them, or with plain loops.
"""

import json
from collections import Counter
from collections.abc import Iterator
from inspect import getsource
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import FunctionType
from typing import Any, NamedTuple

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.sandbox.demo_truth import Truth
from tests.query import questions
from tests.support.demo import demo_day
from tests.support.walking import walked

COUNT, DEPLOYED, PER_SECOND = 9000, 6000, 25


class Day(NamedTuple):
    """The events of the day, with the truth about them."""

    log: bx.EventLog
    df: pd.DataFrame
    truth: Truth

    def events(self, *commands: str) -> Iterator[tuple[Any, Any]]:
        """Yield each row with its decoded params, of these commands or of all."""
        for row in self.df.itertuples():
            if not commands or row.command in commands:
                yield row, json.loads(str(row.params))


@pytest.fixture(scope="module")
def day() -> Day:
    """Return six minutes of demo traffic."""
    log, truth = demo_day(COUNT, seed=3, drift_after=DEPLOYED)
    return Day(log, log.df, truth)


def test_there_are_seventeen_of_at_most_three_lines() -> None:
    """Without the line of the name and the docstring."""
    names = [name for name in dir(questions) if isinstance(getattr(questions, name), FunctionType)]
    lengths = {name: len(getsource(getattr(questions, name)).splitlines()) - 2 for name in names}
    assert len(lengths) == 17
    assert {name: length for name, length in lengths.items() if length > 3} == {}


def test_fields_of_each_command(day: Day) -> None:
    """All paths that plain recursion finds, of all commands, and no other."""
    expected: dict[tuple[str, str], set[str]] = {}
    for row, params in day.events():
        paths = {str(path) for path, _ in walked(params) if path}
        expected.setdefault((row.module_id, row.command), set()).update(paths)
    assert questions.fields_of_each_command(day.log).to_dict() == expected


def test_type_of_params(day: Day) -> None:
    """The class has the keys, and requires those that all events have."""
    code = questions.type_of_params(day.log, "crm.dealMove")
    names: dict[str, Any] = {}
    exec(code, names)
    keys = [set(params) for _, params in day.events("dealMove")]
    assert names["DealMove"].__required_keys__ == set.intersection(*keys)
    assert names["DealMove"].__optional_keys__ == {"responsible_id", "assigned_by_id"}


def test_totals_by_region(day: Day) -> None:
    """As a loop adds them."""
    expected: Counter[str] = Counter()
    for _, params in day.events("orderAdd"):
        expected[params["region"]] += params["total"]
    found = questions.totals_by_region(day.log).set_index("region")["total"]
    assert found.to_dict() == pytest.approx(dict(expected))
    assert "восток" in expected


def test_busiest_user(day: Day) -> None:
    """The user of most events."""
    users = day.truth.events.query("entity == 'user'")["id"].value_counts()
    found = questions.busiest_user(day.log)
    assert (found["id"], found["events"]) == (users.index[0], users.iloc[0])


def test_life_of_deal(day: Day) -> None:
    """Each event of the deal, in order, with the values that it changed."""
    mine = day.truth.events.query("entity == 'deal' and id == '1005'")["mid"]
    found = questions.life_of_deal(day.log, 1005)
    assert list(dict.fromkeys(found["mid"])) == mine.tolist()
    stages = day.truth.stages.query("entity == 'deal' and id == '1005'")["stage"]
    moves = found[found["path"] == "stage"]
    assert list(zip(moves["from"], moves["to"], strict=True)) == list(pairwise(stages))
    assert len(moves) > 2


def test_time_in_stages(day: Day) -> None:
    """To the microsecond."""
    deals = day.truth.stages.query("entity == 'deal'")
    expected = deals.groupby("stage")["duration"].median()
    pd.testing.assert_series_equal(questions.time_in_stages(day.log), expected, check_names=False)
    assert expected["NEW"] > pd.Timedelta("1s")


def test_difference(day: Day) -> None:
    """The keys whose values differ."""
    [(one, a), (other, b), *_] = day.events("orderAdd")
    found = questions.difference(one.params, other.params)
    tops = {path.partition(".")[0].partition("[")[0] for path in found["path"]}
    assert tops == {key for key in a if a[key] != b[key]}


def test_what_follows_what(day: Day) -> None:
    """An order is paid or cancelled, and nothing else belongs together."""
    found = questions.what_follows_what(day.log)
    assert set(zip(found["first"], found["then"], strict=True)) == {
        ("application.orderAdd", "application.paymentAdd"),
        ("application.orderAdd", "application.orderCancel"),
    }


def unpaid(day: Day) -> set[str]:
    """Return the orders that were never paid, of those made a minute before the end or earlier."""
    states = day.truth.stages.query("entity == 'order'")
    last = day.truth.events["server_time"].max() - pd.Timedelta("1min")
    made = states[(states["stage"] == "new") & (states["start"] <= last)]["id"]
    return set(made) - set(states[states["stage"] == "paid"]["id"])


def test_orders_never_paid(day: Day) -> None:
    """All of them, and no other."""
    found = questions.orders_never_paid(day.log)
    assert set(found) == unpaid(day)
    assert len(found) > 20


def test_cause_of_unpaid(day: Day) -> None:
    """The planted cause comes first."""
    found = questions.cause_of_unpaid(day.df, unpaid(day))
    path, value = day.truth.unpaid_cause
    assert (found["name"], found["operator"], found["value"]) == (f"params.{path}", "==", value)


def test_different_since(day: Day) -> None:
    """All planted changes, but for a value that three events have; and nothing else."""
    deployed = day.df["received_at"].iloc[DEPLOYED]
    found = questions.different_since(day.df, deployed)
    came = found[found["change"] == "came"]
    seen = {(row.command, row.path if row.path == row.path else None) for row in came.itertuples()}
    planted = day.truth.drift
    renamed = planted[planted["kind"] == "renamed path"]
    assert {(row.command, row.after) for row in renamed.itertuples()} < seen
    assert {("comment_add", "messageId"), ("dealMove", "currency")} < seen
    assert "documentReplaced" in set(came["command"])
    assert set(found[found["what"] == "command"]["command"]) == {
        *("documentReplaced", "documentUploaded", "messageLike"),
    }
    assert set(found["command"]) <= {*planted["command"], "documentUploaded"}


def test_newest_field(day: Day) -> None:
    """The newest path of the command, and the event that had it first."""
    renamed = day.truth.drift.query("kind == 'renamed path' and command == 'dealMove'").iloc[0]
    found = questions.newest_field(day.log, "dealMove")
    assert found["path"] == renamed["after"]
    assert found["first"] == day.df["received_at"].iloc[renamed["number"]]


def test_gone_silent(day: Day) -> None:
    """The commands of the first four minutes that the last two lack, the vanished one with them."""
    names = [row.command for row, _ in day.events()]
    gone = set(names[: 240 * PER_SECOND]) - set(names[240 * PER_SECOND :])
    assert set(questions.gone_silent(day.log)) == gone
    assert "messageLike" in gone


def test_rate_a_minute(day: Day) -> None:
    """As a loop counts them, zeros included."""
    counts: Counter[tuple[Any, str]] = Counter()
    for row, _ in day.events():
        counts[row.received_at.floor("1min"), row.command] += 1
    found = questions.rate_a_minute(day.df)
    cells = {(at, name): n for name, column in found.items() for at, n in column.items() if n}
    assert cells == dict(counts)


def test_lag_by_channel(day: Day) -> None:
    """The median of each channel; the private one is later here."""
    lags: dict[str, list[Any]] = {"shared": [], "private": []}
    for row, _ in day.events():
        lags[row.channel].append(row.received_at - row.server_time)
    found = questions.lag_by_channel(day.log).set_index("channel")["lag"]
    assert found.to_dict() == {name: median(some) for name, some in lags.items()}
    assert found["private"] > found["shared"]


def test_times_without_events(day: Day) -> None:
    """The four seconds that were cut out."""
    whole = day.df
    cut = pd.concat([whole[:2000], whole[2000 + 4 * PER_SECOND :]])
    [gap] = questions.times_without_events(cut).to_dict("records")
    assert gap["start"] == whole["received_at"].iloc[1999]
    assert gap["end"] == whole["received_at"].iloc[2000 + 4 * PER_SECOND]


def test_won_deals_for_excel(day: Day, tmp_path: Path) -> None:
    """A row for each event that shows the stage, and a heading."""
    capture = bx.to_parquet(day.df, tmp_path / "day.parquet")
    written = questions.won_deals_for_excel(capture, tmp_path / "won.xlsx")
    expected = [row.mid for row, params in day.events() if params.get("stage") == "WON"]
    assert pd.read_excel(written, dtype=str)["mid"].tolist() == expected
    assert len(expected) > 20
