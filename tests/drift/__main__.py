"""The long run: `python -m tests.drift --events 1000000 --seed S`."""

import secrets
import sys

import click

from tests.drift.run import run


@click.command()
@click.option("--events", default=1_000_000, show_default=True)
@click.option("--seed", type=int, help="A printed one, to draw the same events again.")
def main(events: int, seed: int | None) -> None:
    """Watch demo traffic without any drift; print how much was found, which should be nothing."""
    outcome = run(events, secrets.randbelow(2**31) if seed is None else seed)
    for text in outcome.found:
        click.echo(text, err=True)
    click.echo(outcome)
    sys.exit(1 if outcome.found else 0)


if __name__ == "__main__":
    main()
