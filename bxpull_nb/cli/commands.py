"""The command `bxpull`, also `jupyter bxpull`.

Imports at the top are the few that `--help` needs; each command imports its own modules.
"""

from errno import ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bxpull_nb import __version__
from bxpull_nb.cli.exit_codes import DONE, EXIT_CODES, FAILED, INCOMPLETE
from bxpull_nb.cli.failures import OneLineErrors
from bxpull_nb.cli.output import Output
from bxpull_nb.cli.own_sandbox import PORT, RATE, lab, sandbox
from bxpull_nb.cli.portal_options import VISIBLE, open_portal, portal_options
from bxpull_nb.cli.signals import until_ctrl_c
from bxpull_nb.cli.source_options import SourceOptions, failed_sources, source_options
from bxpull_nb.cli.storage_options import StorageOptions, compact, storage_options

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.capture.feed import Feed

__all__ = ["main"]


@click.group(
    cls=OneLineErrors,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="bxpull", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Explore the real-time channels of a Bitrix24 portal, or of a sandbox on this machine."""
    if context.invoked_subcommand is None:
        context.obj.result(context.get_help())


@main.command(epilog=EXIT_CODES)
@portal_options
@click.option(
    "--channels",
    type=click.Choice(["shared", "private", "both"]),
    default="both",
    show_default=True,
    help="The channels to listen to.",
)
@click.option(
    "--transport",
    type=click.Choice(["auto", "websocket", "polling"]),
    default="auto",
    show_default=True,
    help="How to connect.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N events.")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End after SECONDS.",
)
@click.option(
    "--csv",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the events to this file at the end, instead of JSON lines to stdout.",
)
@source_options
@storage_options
@click.option("--rate", type=RATE, help="Demo events a second, with --sandbox.  [default: 100]")
@click.pass_obj
def listen(
    output: Output,
    /,
    channels: str,
    transport: str,
    count: int | None,
    seconds: float | None,
    csv: Path | None,
    sources: SourceOptions,
    storage: StorageOptions,
    rate: float | None,
    **source: Any,
) -> None:
    """Capture events: JSON lines on stdout, a CSV file, or a dataset.

    Ends after --count events, after --for seconds, or at Ctrl-C; the CSV file is written in
    each case. With --dataset it is a collector: nothing goes to stdout, the first SIGINT or
    SIGTERM writes the remaining events and ends it, the second ends it at once.

    Deals and tasks do not come by channels: --events takes the portal's own events, --chat the
    user's messages. A source that cannot run is reported, and the others go on.
    """
    storage.check(csv)
    how: dict[str, Any] = {"channels": channels, "transport": transport}
    how |= {"sources": sources.sources(), "privacy": sources.privacy()}
    if rate is not None and not source["sandbox"]:
        raise click.UsageError("--rate is the sandbox's: give it together with --sandbox.")
    if csv is not None and not csv.parent.is_dir():
        raise FileNotFoundError(ENOENT, "there is no such folder", str(csv.parent))
    with open_portal(**source, rate=rate or 100.0) as portal:
        journal = storage.folder(portal.name, sandbox=source["sandbox"])
        if storage.dataset is None or journal is None:
            feed = portal.feed(**how)
            _capture(output, feed, count, seconds, csv, journal)
            code = INCOMPLETE if _lacks_events(feed) else DONE
        else:
            from bxpull_nb.cli.collect import collect

            code = collect(output, portal, storage, journal, how, count, seconds)
    click.get_current_context().exit(code)


@main.command()
@portal_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--reveal", is_flag=True, help="Show the channel ids in full: they are secrets.")
@click.option("--no-cache", is_flag=True, help="Send CACHE=N.")
@click.option("--no-reopen", is_flag=True, help="Send REOPEN=N.")
@click.pass_obj
def config(
    output: Output, /, as_json: bool, reveal: bool, no_cache: bool, no_reopen: bool, **source: Any
) -> None:
    """Show the connection config: the push server and the channels."""
    with open_portal(**source) as portal:
        found = portal.fetch_config(cache=not no_cache, reopen=not no_reopen)
    from bxpull_nb.cli import report

    write = report.config_json if as_json else report.config_text
    output.result(write(found, reveal=reveal))


@main.command()
@portal_options
@click.pass_obj
def doctor(output: Output, /, **source: Any) -> None:
    """Check every hop from the portal to here, and print next steps for failures.

    Five test events (bxpull_echo) go to the application's channel for each transport, WebSocket
    and polling, where every listener sees them. The last lines name the sources of events that
    this portal allows, which are no failures. Ends with 0 if all is well, with 1 if something
    fails.
    """
    with open_portal(**source) as portal:
        from bxpull_nb.cli import report
        from bxpull_nb.diagnosis import doctor as examine

        colour = report.wanted_colour()
        found = examine(
            portal,
            tell=lambda finding: output.result(report.finding_text(finding), colour=colour),
        )
        for finding in found.sources:
            output.result(report.finding_text(finding), colour=colour)
        output.result(f"\n{found.summary}", colour=colour)
    if not found.ok:
        click.get_current_context().exit(FAILED)


@main.command()
@click.option("--url", metavar="URL", required=True, help="The portal's address.")
@click.option("--client-id", metavar="TEXT", required=True, help="The application's client_id.")
@click.option(
    "--client-secret",
    metavar="TEXT",
    envvar="BXPULL_CLIENT_SECRET",
    help=f"The application's client_secret. {VISIBLE} BXPULL_CLIENT_SECRET.",
)
@click.option(
    "--port", type=PORT, help="The port the browser comes back to.  [default: any free one]"
)
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.pass_obj
def login(
    output: Output,
    /,
    url: str,
    client_id: str,
    client_secret: str | None,
    port: int | None,
    no_browser: bool,
) -> None:
    """Sign an application in through the browser, and store its tokens.

    The tokens go to the system's keyring, or to a file only you can read; bx.connect(URL,
    client_id=..., client_secret=...) finds and renews them. Ctrl-C gives up.
    """
    import webbrowser

    from bxpull_nb.protocol.portal_address import portal_url
    from bxpull_nb.rest.login import login as sign_in

    sign_in(
        url,
        client_id,
        client_secret or click.prompt("client_secret", hide_input=True, err=True),
        port=port or 0,
        open_browser=None if no_browser else webbrowser.open,
        tell=lambda address: output.result(f"Open in a browser:\n\n    {address}\n"),
    )
    output.result(f"signed in to {portal_url(url)}; the tokens are kept")


main.add_command(compact)
main.add_command(lab)
main.add_command(sandbox)


def _capture(
    output: Output,
    feed: "Feed",
    count: int | None,
    seconds: float | None,
    csv: Path | None,
    journal: Path | None,
) -> None:
    from bxpull_nb.cli import tail

    def write(events: "pd.DataFrame") -> bool:
        """Write the events; return whether the capture still serves a purpose."""
        taken = output.result(tail.json_lines(events, with_source=bool(feed.report().sources)))
        return taken or (journal is not None and not output.reader_left)

    try:
        with until_ctrl_c(output):
            tail.watch(
                feed,
                output,
                count=count,
                seconds=seconds,
                take=None if csv else write,
                journal=journal,
            )
    finally:  # also when the portal ended it: the captured events are worth keeping
        if csv is not None and (feed.running or len(feed)):
            _save(output, feed, count, csv)


def _lacks_events(feed: "Feed") -> bool:
    """Whether the journal lacks events, or a source could not run; stops the feed."""
    feed.stop()
    is_whole = feed.journal is None or not feed.journal.lost
    return not is_whole or bool(failed_sources(feed))


def _save(output: Output, feed: "Feed", count: int | None, csv: Path) -> None:
    from bxpull_nb.models.counted import counted
    from bxpull_nb.storage.export import to_csv

    events = feed.df.iloc[:count]
    to_csv(events, csv)
    output.note(f"wrote {counted(len(events), 'event')} to {csv}")
