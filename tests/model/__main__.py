"""The long run: `python -m tests.model --steps 100000 --seed S`."""

import secrets
import sys

import click

from tests.model.run import run


@click.command()
@click.option("--steps", default=100_000, show_default=True)
@click.option("--seed", type=int, help="A printed one, to draw the same steps again.")
@click.option("--shrink", is_flag=True, help="Look for the fewest steps of each failure.")
def main(steps: int, seed: int | None, shrink: bool) -> None:
    """Run the model of a server and a client; print one line of figures."""
    outcome = run(steps, secrets.randbelow(2**31) if seed is None else seed, shrink=shrink)
    for failure in outcome.failures:
        click.echo(failure, err=True)
    click.echo(outcome)
    sys.exit(1 if outcome.failures else 0)


if __name__ == "__main__":
    main()
