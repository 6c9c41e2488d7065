"""Kill captures, many times: `python -m tests.faults.kill --times 200 [--seed S]`."""

import secrets
import sys

import click

from tests.faults.killed import kill_and_resume


@click.command()
@click.option("--times", default=200, show_default=True)
@click.option("--seed", type=int, help="A printed one, to draw the same moments again.")
def main(times: int, seed: int | None) -> None:
    """Kill a capture of each version and transport; print a line of figures for each."""
    drawn = secrets.randbelow(2**31) if seed is None else seed
    clean = True
    for version in (3, 4, 5):
        for transport in ("websocket", "polling"):
            killed = kill_and_resume(version, transport, times, drawn)
            clean &= killed.is_clean
            click.echo(f"version {version} {transport}: {killed}")
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
