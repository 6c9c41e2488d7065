"""The long storm: `python -m tests.faults --events 100000 --faults 1000 --seed S`."""

import logging
import secrets
import sys

import click

from tests.faults.kinds import FAULTS
from tests.faults.storm import storm

VERSIONS, TRANSPORTS = ("3", "4", "5"), ("websocket", "polling")


@click.command()
@click.option("--events", default=100_000, show_default=True)
@click.option("--faults", default=1000, show_default=True)
@click.option("--seed", type=int, help="A printed one, to draw the same faults again.")
@click.option("--rate", default=1500.0, show_default=True, help="Events a second.")
@click.option("--version", "versions", multiple=True, type=click.Choice(VERSIONS), default=VERSIONS)
@click.option(
    "--transport", "transports", multiple=True, type=click.Choice(TRANSPORTS), default=TRANSPORTS
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(FAULTS)),
    default=list(FAULTS),
    help="Only these faults.",
    show_default=False,
)
@click.option(
    "--without", multiple=True, type=click.Choice(list(FAULTS)), help="All but these faults."
)
@click.option("--verbose", is_flag=True, help="Say each fault, and what the listener makes of it.")
def main(
    events: int,
    faults: int,
    seed: int | None,
    rate: float,
    versions: tuple[str, ...],
    transports: tuple[str, ...],
    kinds: tuple[str, ...],
    without: tuple[str, ...],
    verbose: bool,
) -> None:
    """Run a storm for each version and transport; print a line of figures for each."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(message)s")
        logging.getLogger("httpx").disabled = True
    drawn = secrets.randbelow(2**31) if seed is None else seed
    outcomes = []
    for version in map(int, versions):
        for transport in transports:
            outcome = storm(
                version, transport, events=events, faults=faults, seed=drawn, rate=rate,
                kinds=[kind for kind in kinds if kind not in without],
            )  # fmt: skip
            click.echo(outcome)
            if not outcome.is_clean:
                click.echo(f"  lost {outcome.lost[:5]}, doubled {outcome.doubled[:5]}")
                click.echo(f"  {dict(outcome.faults)}")
                click.echo("".join(f"  {wrong}\n" for wrong in outcome.wrong))
            outcomes.append(outcome)
    lost = sum(len(outcome.lost) for outcome in outcomes)
    doubled = sum(len(outcome.doubled) for outcome in outcomes)
    count = sum(outcome.published for outcome in outcomes)
    suffered = sum(outcome.faults.total() for outcome in outcomes)
    click.echo(f"{count} events, {suffered} faults: {lost} lost, {doubled} doubled (seed {drawn})")
    sys.exit(0 if all(outcome.is_clean for outcome in outcomes) else 1)


if __name__ == "__main__":
    main()
