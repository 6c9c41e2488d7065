"""Watch a feed from a terminal: its progress, and JSON lines."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.capture.feed import Feed
from bxpull_nb.cli.output import Output
from bxpull_nb.errors import BxPullError
from bxpull_nb.storage.export.exported import exported

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["json_lines", "watch"]

_TICK = 0.1  # seconds
_FIELDS = ["received_at", "channel", "module_id", "command"]  # and params


def watch(
    feed: Feed,
    output: Output,
    *,
    count: int | None = None,
    seconds: float | None = None,
    take: Callable[["pd.DataFrame"], bool] | None = None,
    journal: Path | None = None,
) -> None:
    """Start the feed and return when `count` rows have come, or `seconds` have passed.

    `take` gets every row once, a few times a second, and never more than `count`; the watch ends
    when it returns False. The progress is shown on stderr, once the feed is connected. Raises the
    error that prevented the connection, or that ended the feed.
    """
    feed.start(journal=journal)
    with output.progress(count) as progress:
        progress.show(0, _state(feed))
        begun, rows = time.monotonic(), 0
        while _unfinished(rows, count) and (seconds is None or time.monotonic() - begun < seconds):
            time.sleep(_TICK)
            done, rows = rows, len(feed) if count is None else min(len(feed), count)
            if take is not None and rows > done and not take(feed.df.iloc[done:rows]):
                return
            progress.show(rows, _state(feed))
            if not feed.running and _unfinished(rows, count):
                raise feed.error or BxPullError("the feed was stopped.")


def json_lines(events: "pd.DataFrame", *, with_source: bool = False) -> bytes:
    """Return a line with a JSON object for each row, its params as JSON inside.

    Secrets of service messages and of unreadable ones are masked, as in every file.
    """
    encode = msgspec.json.encode
    texts = exported(events, "json_lines()", reveal=False, typed=True)[0]["params"].to_pylist()
    names = [*(["source"] if with_source else []), *_FIELDS]
    columns = [*(events[name] for name in names), map(_raw, texts)]
    return b"".join(
        encode({**dict(zip(names, map(_plain, row), strict=True)), "params": params}) + b"\n"
        for *row, params in zip(*columns, strict=True)
    )


def _raw(params: str) -> msgspec.Raw:
    """Return JSON text without its line breaks, which can only be white space there."""
    return msgspec.Raw(params.replace("\n", " ").replace("\r", " "))


def _plain(value: Any) -> Any:
    """Return a cell as a JSON value; pandas writes a missing one as NaN."""
    if isinstance(value, str):
        return value
    return None if value != value else f"{value.isoformat(timespec='microseconds')[:-6]}Z"


def _unfinished(rows: int, count: int | None) -> bool:
    return count is None or rows < count


def _state(feed: Feed) -> str:
    stats = feed.stats
    return " · ".join([stats.state, *stats.transports])
