"""The commands that run a sandbox of their own: for a terminal, or for the tutorials."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bxpull_nb.cli.output import Output
from bxpull_nb.cli.signals import until_ctrl_c

if TYPE_CHECKING:
    from bxpull_nb.sandbox import Sandbox

__all__ = ["PORT", "RATE", "lab", "sandbox"]

RATE = click.FloatRange(0, 10_000, min_open=True)
"""Events a second."""
PORT = click.IntRange(1, 65535)
"""A port of this machine."""


@click.command()
@click.argument(
    "folder",
    metavar="[DIR]",
    default="bxpull-notebooks",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--port", type=PORT, help="JupyterLab's port.  [default: any free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--rate", type=RATE, default=25, show_default=True, help="Demo events a second.")
@click.pass_obj
def lab(output: Output, /, folder: Path, port: int | None, no_browser: bool, rate: float) -> None:
    """Open JupyterLab with the tutorials, and a sandbox for them.

    The tutorials are copied to DIR (default: bxpull-notebooks); existing files stay as they are.
    With BXPULL_URL and BXPULL_TOKEN, or BXPULL_WEBHOOK, the notebooks use that portal, and no
    sandbox is started. Ctrl-C ends everything.
    """
    from bxpull_nb.cli.lab import copy_tutorials, has_browser, running_lab, start_text

    folder = folder.expanduser().resolve()
    opens = not no_browser and has_browser()
    with ExitStack() as stack, until_ctrl_c(output, "Ending JupyterLab and its kernels ..."):
        environment, portal = _portal_for_kernels(stack, rate)
        copied = copy_tutorials(folder)
        output.note("Starting JupyterLab ...")
        running = running_lab(folder, port=port, browser=opens, environment=environment)
        server = stack.enter_context(running)
        output.result(start_text(server, folder, copied, portal, opens=opens))
        server.wait()


@click.command()
@click.option("--port", type=PORT, help="The sandbox's port.  [default: any free one]")
@click.option("--rate", type=RATE, default=25, show_default=True, help="Demo events a second.")
@click.option("--no-demo", is_flag=True, help="No demo traffic; events come only from send_event.")
@click.pass_obj
def sandbox(output: Output, /, port: int | None, rate: float, no_demo: bool) -> None:
    """Run a sandbox portal until Ctrl-C, and print how to connect to it."""
    from bxpull_nb.sandbox import Sandbox

    wanted = Sandbox(demo=not no_demo, rate=rate, port=port or 0)
    with wanted as box, until_ctrl_c(output, "Ended."):
        traffic = "no demo traffic" if no_demo else f"demo traffic, {rate:g} events/s"
        output.result(_sandbox_text(box, traffic))
        while True:
            time.sleep(3600)


def _portal_for_kernels(stack: ExitStack, rate: float) -> tuple[dict[str, str], str]:
    """Return the environment that leads the notebooks to a portal, and words about the portal."""
    from bxpull_nb.api import PortalSettings, connect, from_environment

    known = from_environment()
    if known.url or known.webhook:
        return {}, f"{connect().url}, from your environment; no sandbox was started"
    from bxpull_nb.sandbox import Sandbox

    box = stack.enter_context(Sandbox(demo=True, rate=rate))
    environment = PortalSettings(url=box.url, token=box.token).to_environment()
    return environment, f"a sandbox at {box.url} with demo traffic, {rate:g} events/s"


def _sandbox_text(box: "Sandbox", traffic: str) -> str:
    return f"""
A sandbox portal with {traffic}. Ctrl-C ends it.

url        {box.url}
token      {box.token}
webhook    {box.webhook}
notebook   bx.connect("{box.url}", token="{box.token}")
terminal   BXPULL_URL={box.url} BXPULL_TOKEN={box.token} bxpull listen
"""
