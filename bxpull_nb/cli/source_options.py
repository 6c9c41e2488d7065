"""The options for other sources than channels, and for privacy, of `bxpull listen`."""

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from bxpull_nb.capture.feed import Feed
    from bxpull_nb.privacy import Pseudonyms
    from bxpull_nb.sources import Sources

__all__ = ["SourceOptions", "failed_sources", "source_options"]


class SourceOptions(NamedTuple):
    """The values of the options."""

    events: tuple[str, ...]
    chat: bool
    enrich: bool
    auth_connector: str | None
    unbind: bool
    privacy_key_env: str | None

    def sources(self) -> "Sources":
        """Return the sources besides the channels; raises SettingsError as `bx.listen` does."""
        from bxpull_nb.sources import Sources

        return Sources.of(
            [name for given in self.events for name in given.split(",")] or None,
            chat=self.chat,
            enrich=self.enrich,
            auth_connector=self.auth_connector,
            unbind=self.unbind,
        )

    def privacy(self) -> "Pseudonyms | None":
        """Return the pseudonyms by the key in the environment; None where none was asked for."""
        if self.privacy_key_env is None:
            return None
        from bxpull_nb.privacy import Pseudonyms

        key = os.environ.get(self.privacy_key_env)
        if not key:
            raise click.UsageError(
                "--privacy-key-env takes the name of a variable that holds the key, and this one "
                "is not set. Never give the key itself: the process list shows it."
            )  # without the name: it may be the key
        return Pseudonyms(key)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options, which the command gets as one `sources`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        sources = SourceOptions(**{name: given.pop(name) for name in SourceOptions._fields})
        command(sources=sources, **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def failed_sources(feed: "Feed") -> list[str]:
    """Return a sentence for each source that was asked for and cannot run."""
    sources = feed.report().sources.items()
    return [f"{name}: {stats.text}" for name, stats in sources if stats.state == "failed"]


_OPTIONS = (
    click.option(
        "--events",
        multiple=True,
        metavar="NAME",
        help="Offline events of the portal: a scope, such as crm, or names, such as "
        "ONCRMDEALUPDATE; may be repeated. Needs an application and an administrator's token.",
    ),
    click.option(
        "--chat",
        is_flag=True,
        help="The user's chat events. Only one program may read them: it takes them from others.",
    ),
    click.option("--enrich", is_flag=True, help="Read the object of each offline event."),
    click.option("--auth-connector", metavar="NAME", help="Read a queue of your own."),
    click.option("--unbind", is_flag=True, help="End the bindings when it ends."),
    click.option(
        "--privacy-key-env",
        metavar="VARIABLE",
        help="Replace names, e-mails, phones and birthdays before anything is stored, by the key "
        "in this environment variable.",
    ),
)
