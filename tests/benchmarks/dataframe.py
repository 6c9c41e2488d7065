"""The live DataFrame: refreshing it while it grows, its memory, and working with it."""

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd

from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks.byhand import Row, rows_of, text_rows
from tests.benchmarks.material import ARRIVAL, PER_FRAME, cyrillic, events, frames, messages
from tests.benchmarks.measure import (
    Benchmark,
    Line,
    Sample,
    Size,
    at_most,
    faster,
    in_a_process,
    in_turn,
    resident,
    smaller,
    within,
)

__all__ = ["BENCHMARKS", "filled_log", "plain_frame"]

_MILLION = 1_000_000
_REFRESH = 1000  # events between two looks at the DataFrame
_CONCAT_EVENTS = 4000
_DECODED = 50_000
_LOOKS = (1_000, 10_000, 100_000, _MILLION, 3 * _MILLION)


def filled_log(rows: int) -> EventLog:
    """A log of so many rows."""
    log = EventLog()
    for first in range(0, rows, 10_000):
        log.extend(events(first, min(10_000, rows - first)))
    return log


def plain_frame(log: EventLog) -> pd.DataFrame:
    """The log's frame as pandas itself would have made it: each column one array of its own."""
    frame = log.df
    columns = {name: pd.Series(frame[name].tolist(), dtype=frame[name].dtype) for name in frame}
    return pd.DataFrame(columns)


def live_loop(size: Size) -> Sequence[Line]:
    """100 000 events one frame after another, and the DataFrame asked for every 1000.

    By hand once with a list of dicts, which becomes a DataFrame at every look; and once with
    pd.concat for every event, as it is often seen. That one is run over the first 4000 events
    only: what it costs per event grows with the rows, so the figure flatters it.
    """
    count, short = size.of(100_000), size.of(_CONCAT_EVENTS)
    step = min(_REFRESH, count // 2)
    made = events(0, count)
    rows = rows_of(made, as_text=True)

    def ours() -> None:
        log = EventLog()
        for first in range(0, count, PER_FRAME):
            log.extend(made[first : first + PER_FRAME])
            if first % step == 0:
                assert len(log.df) == len(log)

    def dicts() -> None:
        held: list[Row] = []
        for first in range(0, count, PER_FRAME):
            held.extend(rows[first : first + PER_FRAME])
            if first % step == 0:
                assert len(pd.DataFrame(held)) == len(held)

    def concat() -> None:
        frame = pd.DataFrame(rows[:1])
        for row in rows[1:short]:
            frame = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)

    mine, other = in_turn(size.long_rounds, ours, dicts, per=count)
    [worst] = in_turn(1, concat, per=short)
    worst = Sample((worst.median,) * len(mine.values))
    what = "live loop of 100 000 events, df every 1000"
    return [
        Line(what, "µs/event", mine, faster(30), "list of dicts, pd.DataFrame", other),
        Line(what, "µs/event", mine, faster(300), "pd.concat per event", worst),
    ]


def decoded_loop(size: Size) -> Sequence[Line]:
    """50 000 events from their text frames with Cyrillic, and the DataFrame every 1000."""
    count = size.of(_DECODED)
    step = min(_REFRESH, count // 2)
    sent = [cyrillic(frame) for frame in frames(TextCodec(), count)]

    def ours() -> None:
        log = EventLog()
        for number, frame in enumerate(sent):
            log.extend(TextCodec().decode(frame, ARRIVAL))
            if number * PER_FRAME % step == 0:
                assert len(log.df) == len(log)

    def dicts() -> None:
        held: list[Row] = []
        for number, frame in enumerate(sent):
            held.extend(text_rows(frame))
            if number * PER_FRAME % step == 0:
                assert len(pd.DataFrame(held)) == len(held)

    mine, other = in_turn(size.long_rounds, ours, dicts, per=count)
    what = "live loop of 50 000 events from frames with Cyrillic, df every 1000"
    return [Line(what, "µs/event", mine, faster(18), "regex, json.loads, list of dicts", other)]


def refresh(size: Size) -> Sequence[Line]:
    """`df` after 50 further events: at a million rows, at ten thousand, and by hand."""
    small, big = filled_log(size.of(10_000)), filled_log(size.of(_MILLION))
    rows = rows_of(events(0, size.of(_MILLION)), as_text=True)
    few = events(0, PER_FRAME)
    at_big, at_small = in_turn(
        5 * size.rounds, partial(_look, big, few), partial(_look, small, few), unit=1e3
    )
    once = _together(at_big, size.long_rounds)
    [by_hand] = in_turn(size.long_rounds, lambda: pd.DataFrame(rows), unit=1e3)
    what = "df after 50 new events, at 1 000 000 rows"
    return [
        Line(what, "ms", at_big, within(1.5), "the same at 10 000", at_small),
        Line(what, "ms", once, faster(1000), "pd.DataFrame(list of dicts)", by_hand),
    ]


def _look(log: EventLog, new: Sequence[Any]) -> None:
    log.extend(new)
    log.df  # noqa: B018 - the look is the work


def looks(size: Size) -> Sequence[Line]:
    """`df` after 50 further events, against a shallow copy of the one before, as the log grows."""
    log, few, lines = EventLog(), events(0, PER_FRAME), []
    for rows in dict.fromkeys(map(size.of, _LOOKS)):
        while len(log) < rows:
            log.extend(events(len(log), min(10_000, rows - len(log))))
        old = log.df
        mine, other = in_turn(
            5 * size.rounds, partial(_look, log, few), partial(old.copy, deep=False), unit=1e3
        )
        what = f"df after 50 new events, at {rows:,} rows".replace(",", " ")
        lines.append(
            Line(what, "ms", mine, at_most(0.5, "ms"), "the old one's shallow copy", other)
        )
    return lines


def _together(sample: Sample, rounds: int) -> Sample:
    """Its median, as often as the other side has rounds."""
    return Sample((sample.median,) * rounds)


def appends(size: Size) -> Sequence[Line]:
    """Every single append of 50 events on the way to a million rows, without a look at them."""
    made = events(0, 10_000)
    taken: list[list[float]] = []
    for _ in range(size.long_rounds):
        log, times = EventLog(), []
        gc.collect()
        for number in range(size.of(_MILLION) // PER_FRAME):
            first = number * PER_FRAME % len(made)
            batch = made[first : first + PER_FRAME]
            begun = time.perf_counter()
            log.extend(batch)
            times.append((time.perf_counter() - begun) * 1e3)
        taken.append(sorted(times))
    what = "append of 50 events, up to 1 000 000 rows"
    return [
        Line(f"{what}: median", "ms", _quantile(taken, 0.5), at_most(0.1, "ms")),
        Line(f"{what}: 99.9 %", "ms", _quantile(taken, 0.999), at_most(20, "ms")),
        Line(f"{what}: worst", "ms", _quantile(taken, 1.0), at_most(40, "ms")),
    ]


def _quantile(rounds: Sequence[Sequence[float]], part: float) -> Sample:
    return Sample(tuple(times[min(int(part * len(times)), len(times) - 1)] for times in rounds))


def memory(size: Size) -> Sequence[Line]:
    """What a million events take, each side in a process of its own: resident memory, all in.

    Both come from frames, as in life: strings out of a frame are new ones for every event. The
    dicts are counted twice, with `params` as text like the log's, and as the dict that JSON gave.
    """
    rows, rounds = size.of(_MILLION), 1 if size.quick else 3
    mine, texts, dicts = (
        Sample(tuple(in_a_process(measure, rows) for _ in range(rounds)))
        for measure in (_log_bytes, _text_dict_bytes, _dict_bytes)
    )
    what, unit = "memory at 1 000 000 events", "bytes/event"
    return [
        Line(what, unit, mine, at_most(320, unit)),
        Line(what, unit, mine, smaller(3), "list of dicts", dicts),
        Line(what, unit, mine, smaller(3), "list of dicts, params as text", texts),
    ]


def _log_bytes(rows: int) -> float:
    filled_log(10_000).df  # noqa: B018 - what is loaded once is not the log's
    before, log = resident(), EventLog()
    for frame in _frames(rows):
        log.extend(TextCodec().decode(frame, ARRIVAL))
    log.df  # noqa: B018
    return max(resident() - before, 1) / rows


def _text_dict_bytes(rows: int) -> float:
    before, held = resident(), list[Row]()
    for frame in _frames(rows):
        held.extend(text_rows(frame))
    return max(resident() - before, 1) / rows


def _dict_bytes(rows: int) -> float:
    before, held = resident(), list[Row]()
    for frame in _frames(rows):
        held.extend(row | {"params": json.loads(row["params"])} for row in text_rows(frame))
    return max(resident() - before, 1) / rows


def _frames(rows: int) -> Iterator[str]:
    for first in range(0, rows, PER_FRAME):
        yield TextCodec().encode(messages(first, min(PER_FRAME, rows - first)))


def operations(size: Size) -> Sequence[Line]:
    """What people do with a DataFrame, on the log's and on a plain one of the same dtypes."""
    log = filled_log(size.of(_MILLION))
    frames = log.df, plain_frame(log)
    assert frames[1].dtypes.astype(str).to_dict() == EVENT_COLUMNS
    lines = []
    for what, work in _OPERATIONS.items():
        mine, other = in_turn(size.rounds, *(partial(work, frame) for frame in frames), unit=1e3)
        lines.append(Line(what, "ms", mine, within(1.5), "a plain DataFrame", other))
    return lines


_OPERATIONS: dict[str, Callable[[pd.DataFrame], object]] = {
    'df[df.command == "dealMove"]': lambda df: df[df.command == "dealMove"],
    "df.command.value_counts()": lambda df: df.command.value_counts(),
    "df.groupby(module_id).lag.mean()": lambda df: df.groupby(
        "module_id", observed=True
    ).lag.mean(),
    "df.sort_values(server_time)": lambda df: df.sort_values("server_time"),
    'df.params.str.contains("pumps")': lambda df: df.params.str.contains("pumps", regex=False),
    "df.resample(1min).size()": lambda df: df.resample("1min", on="server_time").size(),
    "df.mid.nunique()": lambda df: df.mid.nunique(),
}

BENCHMARKS = (
    Benchmark("live-loop", live_loop),
    Benchmark("decoded-loop", decoded_loop),
    Benchmark("refresh", refresh),
    Benchmark("looks", looks),
    Benchmark("append", appends),
    Benchmark("memory", memory),
    Benchmark("operations", operations),
)
