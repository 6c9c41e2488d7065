"""Reading a journal back: frames of which most messages were left out."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bxpull_nb.models import Batch
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.storage.journal import Journal, read_journal
from tests.benchmarks.material import ARRIVAL, frames
from tests.benchmarks.measure import Benchmark, Line, Size, in_turn, within

__all__ = ["BENCHMARKS"]

_LEFT_OUT = 40_000


def write_left_out(folder: Path, count: int) -> None:
    """Write a frame whose messages are all left out but the last, as a resume makes them."""
    frame = "".join(map(str, frames(TextCodec(), count)))
    records = TextCodec().decode(frame, ARRIVAL)
    left_out = tuple(range(len(records) - 1))
    with Journal(folder, "os") as journal:
        journal.write(Batch(records.without(left_out), frame, "text", (), left_out))


def linear(size: Size) -> Sequence[Line]:
    """Read four times as many left-out messages: it takes four times as long, not sixteen."""
    count = size.of(_LEFT_OUT)
    with TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        write_left_out(few, count // 4)
        write_left_out(many, count)
        ours, theirs = in_turn(
            size.rounds, lambda: list(read_journal(many)), lambda: list(read_journal(few)), per=1
        )
    what = f"journal, {count:,} messages left out of a frame"
    return [Line(what, "µs", ours, within(6), "a quarter of them", theirs)]


BENCHMARKS = [Benchmark("journal with left-out messages", linear)]
