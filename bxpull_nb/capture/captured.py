"""The events that a capture holds: as a table, as files, and one by one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bxpull_nb.capture.anatomy import Anatomy, inspect
from bxpull_nb.capture.checks import checked_label, checked_row
from bxpull_nb.capture.gap_report import Report, report_of
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.lookup import all_from
from bxpull_nb.capture.questions import FeedQuestions
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Record
from bxpull_nb.models.counted import counted
from bxpull_nb.storage.export import to_csv, to_excel, to_jsonl, to_parquet

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.query.diff_table import DiffTable

__all__ = ["CapturedEvents"]


class CapturedEvents(FeedQuestions):
    """The events of a capture so far, with its activity log; any thread may read them."""

    def __init__(self, hub: EventHub, run: CaptureRun) -> None:
        self.log = hub.log
        self.logbook = hub.logbook
        self._hub = hub
        self._run = run

    @property
    def df(self) -> "pd.DataFrame":
        """Every event so far, with the columns of `EVENT_COLUMNS`; ask again for newer ones.

        With `max_rows` or `max_bytes` only the newest, and `df.attrs["forgotten"]` says how many
        are missing before them. What you hold never changes under you, and may be written to.
        """
        return self.log.df

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """Return the newest `n` events, oldest first."""
        return self.log.tail(n)

    def mark(self, label: str) -> None:
        """Note this moment under a name, for `since`: "what did my click cause?"."""
        self.note("marked", checked_label("label", label), count=len(self.log))

    def since(self, label: str, before: str = "10min") -> "pd.DataFrame":
        """Return the events after the mark by module and command, against the rate `before` it.

        The newest mark of that name counts; see `analysis.since` for the columns. Raises
        SettingsError for a name without a mark.
        """
        from bxpull_nb.analysis import since

        return since(self.df, self.logbook.mark(label), before=before)

    def diff(self, a: int = -2, b: int = -1) -> "DiffTable":
        """Return what differs between the params of two rows, by default the newest two.

        See `bx.diff`; raises SettingsError for a row that does not exist.
        """
        from bxpull_nb.query import diff

        one, other = (self._record(self._number_of(row, "diff")) for row in (a, b))
        return diff(one, other)

    def note(self, kind: str, text: str = "", *, count: int | None = None) -> None:
        """Write an entry into the activity log."""
        self._run.note(kind, text, count=count)

    def report(self) -> Report:
        """Return how whole the capture is: gaps, their causes, and events that came back."""
        return report_of(self.logbook.recent(), self._run.counters, self._run.now_us())

    def anatomy(self, row: int = -1) -> Anatomy:
        """Return one event taken apart: parameters, raw frame, message id, times; -1 is the newest.

        Raises SettingsError for a row that does not exist. The raw frame is kept for the newest
        32 MiB of frames.
        """
        number = self._number_of(row, "anatomy")
        record = self._record(number)
        frame = self._hub.frame_of(number)
        return inspect(number, record, frame, self._hub.duplicates_of(record.mid))

    def to_csv(self, path: str | Path, **options: Any) -> Path:
        """Write all events to a CSV file and return its path; see `export.to_csv` for options.

        >>> feed.to_csv("events.csv")
        """
        return to_csv(self.df, path, **options)

    def to_excel(self, path: str | Path, **options: Any) -> Path:
        """Write all events to a workbook and return its path; see `export.to_excel` for options."""
        return to_excel(self.df, path, **options)

    def to_parquet(self, path: str | Path, *, reveal: bool = False) -> Path:
        """Write all events to a Parquet file and return its path; see `export.to_parquet`."""
        return to_parquet(self.df, path, reveal=reveal)

    def to_jsonl(self, path: str | Path, *, reveal: bool = False) -> Path:
        """Write all events as JSON lines and return the path; see `export.to_jsonl`."""
        return to_jsonl(self.df, path, reveal=reveal)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.log.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self.log)

    def _number_of(self, row: int, method: str) -> int:
        """Return the number of a row, also of one counted from the end."""
        row = checked_row("row", row)
        number = row + len(self.log) if row < 0 else row
        if not self.log.forgotten <= number < len(self.log):
            kept = f", from {self.log.forgotten:,} on are kept" if self.log.forgotten else ""
            held = counted(len(self.log), "event")
            raise SettingsError(f"{method}({row}): the feed has {held}{kept}.")
        return number

    def _record(self, row: int) -> Record:
        first, records = self.log.recent(row)
        return records[0] if first == row else all_from(self.log, row, row)[1][0]
