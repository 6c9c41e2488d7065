"""Seventeen questions of those who build on Bitrix24, each with its answer in three lines or less.

A `feed` is a feed, a DataFrame, a file, a journal or a dataset; a `df` is a DataFrame.
"""

from pathlib import Path
from typing import Any

import bxpull_nb as bx


def fields_of_each_command(feed: Any) -> Any:
    """Return the fields that each command carries."""
    return bx.schema(feed).groupby(["module_id", "command"])["path"].agg(set)


def type_of_params(feed: Any, command: str) -> Any:
    """Return the type to write in code for the params of a command."""
    return bx.model(feed, command, as_="typeddict")


def totals_by_region(feed: Any) -> Any:
    """Return the sum of the orders of each region."""
    values = "params->>'$.region' as region, sum((params->>'$.total')::double) as total"
    return bx.sql(feed, f"select {values} from events where command = 'orderAdd' group by all")


def busiest_user(feed: Any) -> Any:
    """Return the user that most events are about."""
    return bx.entities(feed, "user").iloc[0]


def life_of_deal(feed: Any, deal: int) -> Any:
    """Return what happened to a deal, and what each event changed."""
    return bx.trace(feed, "deal", deal)[["mid", "command", "path", "from", "to"]]


def time_in_stages(feed: Any) -> Any:
    """Return how long deals are in each stage."""
    return bx.stages(feed, "deal").groupby("stage")["duration"].median()


def difference(one: Any, other: Any) -> Any:
    """Return what differs between two events."""
    return bx.diff(one, other)


def what_follows_what(feed: Any) -> Any:
    """Return which command follows which."""
    return bx.pairs(feed, within="1min", key="orderId")[["first", "then"]]


def orders_never_paid(feed: Any) -> Any:
    """Return the orders that were never paid."""
    pairs = bx.pairs(feed, within="1min", key="orderId").set_index("then")
    return pairs["unpaired_keys"]["application.paymentAdd"]


def cause_of_unpaid(df: Any, unpaid: Any) -> Any:
    """Return what sets the orders that fail apart from the others."""
    orders = df[df["command"] == "orderAdd"]
    lost = bx.expand_params(orders)["params.orderId"].astype(str).isin(unpaid).to_numpy()
    return bx.explain(orders[lost], orders[~lost]).iloc[0]


def different_since(df: Any, deployed: Any) -> Any:
    """Return what is different since my deployment."""
    is_after = df["received_at"] >= deployed
    return bx.compare(df[~is_after], df[is_after])


def newest_field(feed: Any, command: str) -> Any:
    """Return when a field of a command got its new name."""
    paths = bx.schema(feed).sort_values("first")
    return paths[paths["command"] == command][["path", "first"]].iloc[-1]


def gone_silent(feed: Any) -> Any:
    """Return the commands that no longer come."""
    changes = bx.unusual(feed, last="2min", before="4min")
    return changes.query("what == 'command' and change == 'went'")["command"]


def rate_a_minute(df: Any) -> Any:
    """Return how many events of each command come in a minute."""
    return bx.rates(df, "1min", by="command")


def lag_by_channel(feed: Any) -> Any:
    """Return how late events are, on each channel."""
    return bx.sql(feed, "select channel, median(lag) as lag from events group by all")


def times_without_events(df: Any) -> Any:
    """Return the times without any event."""
    return bx.gaps(df, longer_than="3s")


def won_deals_for_excel(capture: Path, workbook: Path) -> Any:
    """Write the events of deals that were won, for a colleague with Excel."""
    won = bx.read_events(capture, where=[("params.stage", "==", "WON")])
    return bx.to_excel(won, workbook)
