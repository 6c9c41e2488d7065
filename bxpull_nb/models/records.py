"""Records in columns, so that a frame of many events costs little."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby, islice, pairwise, repeat
from typing import Any, overload

from bxpull_nb.models.event import UNKNOWN_ARRIVAL, Arrival, BadFrame, Event, Record, lag_us

__all__ = ["RecordBatch"]


class RecordBatch(Sequence[Record]):
    """Records in order, often those of one frame: an immutable sequence stored in columns.

    It reads as a list of `Event` and `BadFrame`, and equals one; an `Event` is made when it is
    accessed. For one value of all records, read the column.
    """

    def __init__(
        self,
        mids: Sequence[str | None],
        module_ids: Sequence[str | None],
        commands: Sequence[str | None],
        params: Sequence[Any],
        times: Sequence[float | None],
        senders: Sequence[str | None],
        arrival: Arrival = UNKNOWN_ARRIVAL,
    ) -> None:
        """Hold the events of these values; `params` are bytes or other buffers."""
        self.mids = mids
        self.module_ids = module_ids
        self.commands = commands
        self.params = b"".join(params)
        """The params of all, joined: JSON texts in UTF-8."""
        self.sizes = list(map(len, params))
        """The bytes of `params` that belong to each."""
        self.times = times
        """The `server_time_unix` of each."""
        self.senders = senders
        self.arrivals: Sequence[tuple[Arrival, int]] = [(arrival, len(mids))]
        """Runs of one arrival: the arrival, and its number of records."""
        self.errors: Sequence[str | None] | None = None
        """Why each could not be read; None when all could."""
        self._records: Sequence[Record] | None = None
        self._mid_range: tuple[str, str] | None = None
        self._bounds: list[int] | None = None

    @classmethod
    def of(cls, records: Iterable[Record]) -> "RecordBatch":
        """Return the records as a batch; a batch comes back as it is."""
        if isinstance(records, cls):
            return records
        kept = list(records)
        batch = cls(
            [record.mid for record in kept],
            [record.module_id for record in kept],
            [record.command for record in kept],
            [record.params_json for record in kept],
            [record.server_time_unix for record in kept],
            [record.sender for record in kept],
        )
        runs = groupby(record.arrival for record in kept)
        batch.arrivals = [(arrival, len(list(run))) for arrival, run in runs]
        if not set(map(type, kept)) <= {Event}:
            batch.errors = [record.error for record in kept]
        batch._records = kept
        return batch

    @classmethod
    def joined(cls, batches: Sequence["RecordBatch"]) -> "RecordBatch":
        """Return all records of the batches, in order."""
        if len(batches) == 1:
            return batches[0]
        if any(batch.errors is not None for batch in batches):
            return cls.of(chain.from_iterable(batches))
        whole = cls(
            [mid for batch in batches for mid in batch.mids],
            [name for batch in batches for name in batch.module_ids],
            [name for batch in batches for name in batch.commands],
            [batch.params for batch in batches],
            [time for batch in batches for time in batch.times],
            [name for batch in batches for name in batch.senders],
        )
        whole.sizes = [size for batch in batches for size in batch.sizes]
        whole.arrivals = [run for batch in batches for run in batch.arrivals]
        return whole

    def without(self, places: Iterable[int]) -> "RecordBatch":
        """Return the batch without the records at these places, counted from 0."""
        dropped = frozenset(places)
        if not dropped:
            return self
        if dropped.issuperset(range(len(self))):  # often so in the answer to an audit
            return RecordBatch.of(())
        return RecordBatch.of(record for at, record in enumerate(self) if at not in dropped)

    @property
    def mid_range(self) -> tuple[str, str]:
        """The least and the greatest mid; two empty texts without mids."""
        if self._mid_range is None:
            mids = list(filter(None, self.mids))
            self._mid_range = (min(mids), max(mids)) if mids else ("", "")
        return self._mid_range

    @property
    def newest_lag_us(self) -> int | None:
        """The `lag_us` of the newest record; None for an empty batch too."""
        return lag_us(self.arrivals[-1][0], self.times[-1]) if self.mids else None

    @property
    def bad_frames(self) -> list[BadFrame]:
        """The records that could not be read."""
        if self.errors is None:
            return []
        return [record for record in self if isinstance(record, BadFrame)]

    def __len__(self) -> int:
        return len(self.mids)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        if self._records is not None:
            return self._records[place]
        wanted = range(len(self))[place]
        if isinstance(wanted, int):
            return self._made(wanted, wanted + 1)[0]
        if wanted.step == 1:
            return self._made(wanted.start, wanted.stop)
        return list(self)[place]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._made(0, len(self)) if self._records is None else self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordBatch | list | tuple) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        more = f", … {len(self) - 3:,} more" if len(self) > 3 else ""
        return f"RecordBatch([{shown}{more}])"

    def _made(self, start: int, stop: int) -> list[Record]:
        """Return the events from `start` to `stop`."""
        part = slice(start, stop)
        if self._bounds is None:  # kept, or a loop over places would be quadratic
            self._bounds = list(accumulate(self.sizes, initial=0))
        arrivals: Iterator[Arrival]
        if len(self.arrivals) == 1:  # nearly always
            arrivals = repeat(self.arrivals[0][0], stop - start)
        else:
            every = chain.from_iterable(repeat(arrival, count) for arrival, count in self.arrivals)
            arrivals = islice(every, start, stop)
        return [
            Event(mid, module_id, command, self.params[begin:end], time, sender, arrival)
            for mid, module_id, command, (begin, end), time, sender, arrival in zip(
                self.mids[part],
                self.module_ids[part],
                self.commands[part],
                pairwise(self._bounds[start : stop + 1]),
                self.times[part],
                self.senders[part],
                arrivals,
                strict=True,
            )
        ]
