"""The options for the journal and the dataset of `bxpull listen`, and `bxpull compact`."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from bxpull_nb.cli.output import Output

__all__ = ["StorageOptions", "compact", "storage_options"]

_FOLDER = "bxpull-journal"


class StorageOptions(NamedTuple):
    """The values of the options; `check` finds those that do not go together."""

    dataset: str | None
    journal: Path | None
    no_journal: bool
    every: float | None
    log_json: bool
    metrics_port: int | None

    def check(self, csv: Path | None) -> None:
        """Raise UsageError for options that do not go together."""
        if self.no_journal and (self.journal or self.dataset):
            raise click.UsageError(
                "--no-journal: a dataset is written from a journal. Leave one of them out."
            )
        if self.dataset is None:
            alone = {
                "--every": self.every is not None,
                "--log-json": self.log_json,
                "--metrics-port": self.metrics_port is not None,
            }
            for name, given in alone.items():
                if given:
                    raise click.UsageError(f"{name} is the collector's: give it with --dataset.")
        elif csv is not None:
            raise click.UsageError("give --csv or --dataset, not both.")

    def folder(self, portal: str, *, sandbox: bool) -> Path | None:
        """Return the journal's folder; None for no journal, as for a sandbox without --journal.

        Raises UsageError for one within the dataset, which could not be read then.
        """
        if self.no_journal or (sandbox and self.dataset is None and self.journal is None):
            return None
        chosen = self.journal or Path(_FOLDER) / re.sub(r"[^\w.-]", "-", portal)
        dataset = self.dataset or "://"
        if "://" not in dataset and _is_within(chosen, Path(dataset).expanduser()):
            raise click.UsageError(
                f"the journal ({chosen}) would be within the dataset ({dataset}), which holds "
                f"nothing else. Give one of them another folder."
            )
        return chosen


def _is_within(inner: Path, outer: Path) -> bool:
    return inner.resolve().is_relative_to(outer.resolve())


def storage_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options, which the command gets as one `storage`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        storage = StorageOptions(**{name: given.pop(name) for name in StorageOptions._fields})
        command(storage=storage, **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_OPTIONS = (
    click.option(
        "--journal",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Write every event here before it counts, and go on from here the next time.  "
        f"[default: {_FOLDER}/PORTAL; with --sandbox none, unless given]",
    ),
    click.option("--no-journal", is_flag=True, help="Keep no journal."),
    click.option(
        "--dataset",
        metavar="URL",
        help="Collect into this dataset for weeks: a folder, s3://BUCKET/PATH, any address of "
        "fsspec. Files of the journal that are in the dataset are removed, except the newest.",
    ),
    click.option(
        "--every",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Write to the dataset at least this often.  [default: 300]",
    ),
    click.option("--log-json", is_flag=True, help="Log to stdout as JSON lines."),
    click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Serve counters for Prometheus on this port of 127.0.0.1; 0 takes any free one. Needs "
        "pip install 'bxpull-nb[metrics]'.",
    ),
)


@click.command()
@click.argument("url", metavar="URL")
@click.pass_obj
def compact(output: Output, /, url: str) -> None:
    """Merge the small files of a dataset, while it is written and read.

    URL is that of `bxpull listen --dataset`. Duplicates from several collectors are dropped.
    Once a day is enough; it may be interrupted at any time.
    """
    from bxpull_nb.storage.dataset import compact as merge

    output.result(str(merge(url, tell=output.note)))
