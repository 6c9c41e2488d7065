"""`%bxpull` and `%%bxsql` in IPython: a portal, a feed and SQL on it without writing Python.

>>> %load_ext bxpull_nb
>>> %bxpull start
>>> %bxpull tail 5
>>> %%bxsql
... select command, count(*) from events group by all
"""

import shlex
from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import MagicArgumentParser

from bxpull_nb.api import connect, from_environment
from bxpull_nb.capture.feed import Feed
from bxpull_nb.diagnosis import Diagnosis, doctor
from bxpull_nb.errors import BxPullError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.models import CHANNEL_TYPES
from bxpull_nb.models.choices import TRANSPORTS
from bxpull_nb.portal import Portal
from bxpull_nb.query import sql

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from bxpull_nb.query.sql import Plan

__all__ = ["BxPullMagics", "load", "unload"]

_HELP = """\
%bxpull start [--channels shared|private|both] [--transport auto|websocket|polling] [--url URL]
                   connect to the portal (the one of the environment, at --url, or a sandbox)
                   and listen; makes `portal` and `feed` for you
%bxpull tail [N]   the newest N events (10) as a DataFrame
%bxpull status     one line about the feed
%bxpull doctor     try every hop from the portal to here
%bxpull stop       end the connections; the events stay
%%bxsql [SOURCE] [-o NAME] [--explain]
                   answer the SELECT in the cell on the table `events`: of this feed, or of SOURCE,
                   a variable or a path; NAME becomes a variable with the answer

A token belongs into the environment (BXPULL_TOKEN, or BXPULL_WEBHOOK), not into a notebook."""


@magics_class
class BxPullMagics(Magics):
    """The magics `%bxpull` and `%%bxsql`, with the portal and the feed made; `close` ends both."""

    def __init__(self, shell: "InteractiveShell") -> None:
        super().__init__(shell)
        self._names = shell.user_ns
        self._portal: Portal | None = None
        self._feed: Feed | None = None
        self._url: str | None = None
        self._ours: dict[str, object] = {}

    @line_magic
    def bxpull(self, line: str) -> "pd.DataFrame | Diagnosis | None":
        """Listen to a Bitrix24 portal's channels; without a command, print the help."""
        args = _parser().parse_args(line.split())
        try:
            return self._do(args)
        except BxPullError as exc:
            _fail(str(exc))
        except OSError as exc:
            _fail(reason_of(exc))

    @cell_magic
    def bxsql(self, line: str, cell: str) -> "pd.DataFrame | Plan | None":
        """Answer the SELECT in the cell on the table `events`; see `bx.sql`."""
        args = _sql_parser().parse_args(shlex.split(line))
        try:
            answer = sql(self._source(args.source), cell, explain=bool(args.explain))
        except BxPullError as exc:
            _fail(str(exc))
        except OSError as exc:
            _fail(reason_of(exc))
        if args.out is None:
            return answer
        self._names[args.out] = answer
        return None

    def close(self) -> None:
        """End the portal opened here, and its feed; captured events stay."""
        portal, self._portal, self._feed = self._portal, None, None
        if portal is not None:
            portal.close()

    def _do(self, args: Any) -> "pd.DataFrame | Diagnosis | None":
        if args.command == "tail":
            return self._started().tail(args.n)
        if args.command == "doctor":
            return doctor(self._connected(None))
        if args.command == "start":
            _print(self._start(args.url, args.channels, args.transport))
        elif args.command is None:
            _print(_HELP)
        else:
            feed = self._started()
            if args.command == "stop":
                feed.stop()
            _print(_status(feed))
        return None

    def _start(self, url: str | None, channels: str | None, transport: str | None) -> str:
        """Start listening; return the status in one line."""
        portal = self._connected(url)
        if self._feed is None:
            self._feed = portal.feed(channels or CHANNEL_TYPES, transport or "auto")
        taken = [*self._offer("portal", portal), *self._offer("feed", self._feed)]
        self._feed.start(channels, transport)
        kept = f"; {' and '.join(taken)} of your own stayed" if taken else ""
        return f"{_status(self._feed)}{kept}"

    def _connected(self, url: str | None) -> Portal:
        """Return the portal opened here; open another one for another address."""
        if self._portal is None or url not in (None, self._url):
            portal = _connect(url)
            if portal is not self._portal:
                self.close()
            self._portal, self._url = portal, url
        return self._portal

    def _started(self) -> Feed:
        if self._feed is None:
            _fail("nothing was started here. Begin with: %bxpull start")
        return self._feed

    def _source(self, named: str | None) -> object:
        """Return the variable of this name, or a path; without a name the feed."""
        if named is not None:
            return self._names.get(named, named)
        if self._feed is None and "feed" in self._names:
            return self._names["feed"]
        return self._started()

    def _offer(self, name: str, value: object) -> Iterator[str]:
        """Put the value into the user's namespace; yield the name if it is taken."""
        if name in self._names and self._names[name] is not self._ours.get(name):
            yield f"`{name}`"
            return
        self._ours[name] = self._names[name] = value


def load(shell: "InteractiveShell") -> None:
    """Register `%bxpull` and `%%bxsql` in the shell."""
    if BxPullMagics.__name__ not in shell.magics_manager.registry:
        shell.register_magics(BxPullMagics(shell))


def unload(shell: "InteractiveShell") -> None:
    """End the portal and feed of `%bxpull`, and unregister the magics."""
    magics = shell.magics_manager.registry.pop(BxPullMagics.__name__, None)
    if isinstance(magics, BxPullMagics):
        shell.magics_manager.magics["line"].pop("bxpull", None)
        shell.magics_manager.magics["cell"].pop("bxsql", None)
        magics.close()


def _connect(url: str | None) -> Portal:
    """Return the environment's portal, or the one at the address with its credentials."""
    if url is None or "/rest/" in url:
        return connect(url)
    known = from_environment()
    if known.token:
        return connect(url, token=known.token)
    return connect(
        url,
        refresh_token=known.refresh_token,
        client_id=known.client_id,
        client_secret=known.client_secret,
    )


def _parser() -> MagicArgumentParser:
    parser = MagicArgumentParser(prog="%bxpull")  # type: ignore[no-untyped-call]
    commands = parser.add_subparsers(dest="command", parser_class=MagicArgumentParser)
    start = commands.add_parser("start")
    start.add_argument("--url")
    start.add_argument("--channels", choices=[*CHANNEL_TYPES, "both"])
    start.add_argument("--transport", choices=TRANSPORTS)
    commands.add_parser("tail").add_argument("n", nargs="?", type=_count, default=10)
    for name in ("status", "doctor", "stop"):
        commands.add_parser(name)
    return parser


def _sql_parser() -> MagicArgumentParser:
    parser = MagicArgumentParser(prog="%%bxsql")  # type: ignore[no-untyped-call]
    parser.add_argument("source", nargs="?", metavar="SOURCE")
    parser.add_argument("-o", "--out", type=_variable, metavar="NAME")
    parser.add_argument("--explain", action="store_true")
    return parser


def _variable(text: str) -> str:
    if not text.isidentifier():
        raise ArgumentTypeError(f"{quoted(text)} is not a name of a variable, such as answer")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{quoted(text)} is not a number of events, such as 10")
    return int(text)


def _status(feed: Feed) -> str:
    stats = feed.stats
    by = f", {stats.rate:.1f}/s by {' and '.join(stats.transports)}" if stats.transports else ""
    return f"{feed!r}{by}{f': {stats.error}' if stats.error else ''}"


def _print(text: str) -> None:
    print(text)  # noqa: T201 - a magic prints below its cell


def _fail(message: str) -> NoReturn:
    """Raise an error of one line without a traceback; it stops Run All."""
    raise UsageError(" ".join(message.split())) from None
