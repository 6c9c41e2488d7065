"""The form that writes events to a file and offers it for download."""

import asyncio
import os
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.controls import Status, button, choice, row
from bxpull_nb.jupyter.widgets.download import Download
from bxpull_nb.jupyter.widgets.figures import counted
from bxpull_nb.jupyter.widgets.live_table import Filters, LiveTable
from bxpull_nb.query import search
from bxpull_nb.storage.export import to_csv, to_excel, to_jsonl, to_parquet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExportForm", "matching", "named", "unused"]

_WRITERS: dict[str, Callable[["pd.DataFrame", str], Path]] = {
    ".csv": to_csv,
    ".xlsx": to_excel,
    ".parquet": to_parquet,
    ".jsonl": to_jsonl,
}

_FORMATS = [
    ("CSV", ".csv"),
    ("Excel", ".xlsx"),
    ("Parquet", ".parquet"),
    ("JSON lines", ".jsonl"),
]


class ExportForm(ipw.VBox):
    """File name, format, and the choice of all events or those the table's filters leave."""

    def __init__(self, feed: Feed, table: LiveTable) -> None:
        self._feed = feed
        self._table = table
        self._one_at_a_time = asyncio.Lock()
        self.file_name = ipw.Text(
            value="events",
            description="to",
            style={"description_width": "initial"},
            layout={"width": "240px"},
        )
        self.format = choice("as", _FORMATS, width="150px")
        self.which = choice(
            "events",
            ["all", "filtered"],
            width="160px",
            tooltip="filtered: those the table's filters leave",
        )
        self.export_button = button("Export", "save")
        self.status = Status()
        self.download = Download()
        super().__init__(
            [
                row(self.file_name, self.format, self.which, self.export_button),
                row(self.status, self.download),
            ]
        )

    async def export(self) -> None:
        """Write the file and show its path; raises OSError.

        An existing file stays as it is: the new one gets a number, as `events-2.csv`.
        """
        suffix = str(self.format.value)
        path = named(self.file_name.value.strip() or "events", suffix)
        filters = self._table.filters if self.which.value == "filtered" else None
        self.status.show("Writing …")
        # On another thread: a million rows take a second, and the listener shares this loop.
        async with self._one_at_a_time:  # else two clicks would take the same name
            free = str(unused(Path(path)))
            number, written = await asyncio.to_thread(_write, self._feed, filters, suffix, free)
        kept = "" if free == str(Path(path)) else f" {path} was there and stays as it is."
        self.status.show(f"Wrote {counted(number)} to {written}.{kept}")
        self.download.offer(written)


def named(name: str, suffix: str) -> str:
    """Return the file name with the suffix of its format, in place of another format's."""
    known = Path(name).suffix if Path(name).suffix in _WRITERS else ""
    return name.removesuffix(known) + suffix


def unused(path: Path) -> Path:
    """Return the path, or the first of `name-2`, `name-3` … that is not taken."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(free for free in chain([path], numbered) if not os.path.lexists(free))


def _write(feed: Feed, filters: Filters | None, suffix: str, path: str) -> tuple[int, Path]:
    events = feed.df
    chosen = events if filters is None else events[matching(events, filters)]
    return len(chosen), _WRITERS[suffix](chosen, path)


def matching(events: "pd.DataFrame", filters: Filters) -> "pd.Series[bool]":
    """Return a mask of the rows that the table's filters leave, as in the page."""
    import pandas as pd

    mask = pd.Series(True, index=events.index)
    for column in ("module_id", "command"):
        wanted = filters["module"] if column == "module_id" else filters["command"]
        if wanted is not None:
            mask &= events[column].astype("str") == wanted
    for limit, is_from in ((filters["since_us"], True), (filters["until_us"], False)):
        if limit is not None:
            moment = pd.Timestamp(limit, unit="us", tz="UTC")
            at = events["received_at"]
            mask &= (at >= moment) if is_from else (at < moment)
    if filters["text"]:
        mask &= events.index.isin(search(events, filters["text"]).index)
    return mask
