"""Twenty million events in a dataset: what Dask takes for their summary, and what pandas takes.

`python -m tests.benchmarks.big_dataset` writes days of a million events each, a twentieth of
them twice, and prints for each size and engine the seconds and the peak of the memory, each in a
process of its own. Dask runs in the threads of one process whose memory the system caps at 2 GB.
Needs 2 GB of disk; the dataset is removed at the end unless `--keep` names a folder for it.
"""

import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.schema import SCHEMA, part_bytes
from bxpull_nb.storage.dataset.storage import Storage
from tests.support.peak_memory import peak_bytes

__all__ = ["day_of_events"]

DAY = 1_000_000
"""Events of one day."""
_PART = 250_000
_FIRST = np.datetime64("2026-01-01", "us")
_CAP = 2 * 1024**3
_NAMES = ["crm.deal", "crm.lead", "crm.contact", "im.message", "im.read", "tasks.task", "app.echo"]
_SHARES = [0.3, 0.15, 0.1, 0.25, 0.12, 0.07, 0.01]


def day_of_events(day: int) -> pa.Table:
    """A day's events as a collector got them: at random moments, with lags of a few hundred ms."""
    random, count = np.random.default_rng(day), DAY
    start = _FIRST + np.timedelta64(day, "D")
    sent = np.sort(random.integers(0, 86_399_000_000, count)).astype("timedelta64[us]") + start
    lag = random.lognormal(12, 0.6, count).astype("timedelta64[us]")
    names = np.array(_NAMES)[random.choice(len(_NAMES), count, p=_SHARES)]
    split = pc.split_pattern(pa.array(names.astype(object), pa.string()), ".")
    numbers = pa.array(np.arange(day * count, (day + 1) * count))
    texts = pc.cast(numbers, pa.string())
    digest = pc.cast(pa.array(random.integers(1 << 60, 1 << 62, count)), pa.string())
    pieces = ['{"id":', texts, ',"fields":{"TITLE":"Deal ', texts, '","STAGE_ID":"C2:WON","hash":"']
    columns = {
        "received_at": pa.array(sent + lag).cast(pa.timestamp("us", "UTC")),
        "server_time": pa.array(sent).cast(pa.timestamp("us", "UTC")),
        "lag": pa.array(lag),
        "mid": pc.binary_join_element_wise("1795447844", pc.utf8_lpad(texts, 16, "0"), ""),
        "channel": pa.repeat("shared", count),
        "module_id": pc.list_element(split, 0),
        "command": pc.list_element(split, 1),
        "params": pc.binary_join_element_wise(*pieces, digest, '"}}', ""),
        "sender": pa.repeat("backend", count),
        "transport": pa.repeat("websocket", count),
        "error": pa.nulls(count, pa.large_string()),
        "source": pa.repeat("channel", count),
    }
    return pa.table(columns).cast(SCHEMA)


def write(url: Path, days: int) -> None:
    """The dataset: by one collector, and a twentieth of it by another one too."""
    storage = Storage(url)
    for day in range(days):
        table = day_of_events(day)
        folder = Folder("acme.example", str((_FIRST + np.timedelta64(day, "D")).astype("M8[D]")))
        for at in range(0, DAY, _PART):
            pieces = {"a1": table.slice(at, _PART), "b2": table.slice(at, _PART // 20)}
            for by, rows in pieces.items():
                content = part_bytes(rows)
                storage.put(part_name(folder, by, day, at, content), content)


@click.group(invoke_without_command=True)
@click.option("--events", default="2,5,10,20", show_default=True, help="Millions, by commas.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the dataset here.")
@click.pass_context
def main(context: click.Context, events: str, keep: Path | None) -> None:
    """Print seconds and peak memory by size and engine."""
    if context.invoked_subcommand is not None:
        return
    sizes = [int(one) for one in events.split(",")]
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (folder / "dataset").exists():
            begun = time.perf_counter()
            write(folder / "dataset", max(sizes))
            click.echo(
                f"written {max(sizes)} million events in {time.perf_counter() - begun:.0f} s"
            )
        size = sum(Storage(folder / "dataset").list().values())
        click.echo(f"on disk {size / 1e6:,.0f} MB")
        for engine in ("dask", "pandas"):
            for millions in sizes:
                command = [sys.executable, "-m", "tests.benchmarks.big_dataset", "measure"]
                args = [engine, str(folder / "dataset"), str(millions)]
                subprocess.run([*command, *args], check=False)


@main.command()
@click.argument("engine")
@click.argument("folder", type=Path)
@click.argument("millions", type=int)
def measure(engine: str, folder: Path, millions: int) -> None:
    """The summary of the first so many days, in this process."""
    import bxpull_nb as bx

    last = str((_FIRST + np.timedelta64(millions - 1, "D")).astype("M8[D]"))
    begun = time.perf_counter()
    if engine == "dask":
        resource.setrlimit(resource.RLIMIT_DATA, (_CAP, _CAP))
        events = bx.read_events(folder, engine="dask", where=[("date", "<=", last)])
        table = bx.summary(events)
    else:
        import pandas as pd

        frame = pd.read_parquet(folder, filters=[("date", "<=", last)])
        table = bx.summary(frame.drop_duplicates(["portal", "mid"]))
    seconds = time.perf_counter() - begun
    peak = peak_bytes()
    assert table["count"].sum() == millions * DAY, table
    click.echo(
        f"{engine:6} {millions:3} million events  {seconds:6.1f} s  {peak / 1e9:5.2f} GB  "
        f"lag p95 of the first {table['lag_p95'][0]:.6f} s, longest gap {table['longest_gap'][0]}"
    )


if __name__ == "__main__":
    main()
