"""Questions about what is inside the events of a feed: thin methods, answered by `query`."""

from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.analysis.intervals import Span
    from bxpull_nb.query.model import Code
    from bxpull_nb.query.schema_table import SchemaTable
    from bxpull_nb.query.sql import Plan

__all__ = ["FeedQuestions"]


class FeedQuestions:
    """The questions that a feed answers about its events so far."""

    @overload
    def sql(self, query: str, *, explain: Literal[False] = ...) -> "pd.DataFrame": ...
    @overload
    def sql(self, query: str, *, explain: Literal[True]) -> "Plan": ...
    def sql(self, query: str, *, explain: bool = False) -> "pd.DataFrame | Plan":
        """Return the answer to one SELECT on the events so far, the table `events`; see `bx.sql`.

        Raises QueryFailed for a query with an error, or for one that reads anything else.
        """
        from bxpull_nb.query import sql

        return sql(self, query, explain=explain)

    def search(self, text: str) -> "pd.DataFrame":
        """Return the events so far that meet a search, with their row numbers; see `bx.search`.

        Raises QueryFailed for a text that is no search.

        >>> feed.search("command:deal* params.stage:WON -test")
        """
        from bxpull_nb.query import search

        return search(self, text)

    def schema(self) -> "SchemaTable":
        """Return the paths in `params` of each command so far, with types and values.

        See `bx.schema` for the columns.
        """
        from bxpull_nb.query import schema

        return schema(self)

    def model(self, command: str, as_: str = "typeddict") -> "Code":
        """Return the code of a class for the params of a command; see `bx.model`.

        Raises SettingsError for a command that no event so far has.
        """
        from bxpull_nb.query import model

        return model(self, command, as_)

    def entities(self, entity: str | None = None) -> "pd.DataFrame":
        """Return the entities that events belong to, how many each has, first and last.

        See `bx.entities`; raises SettingsError for an entity without a rule.
        """
        from bxpull_nb.query import entities

        return entities(self, entity)

    def trace(self, entity: str, id: int | str) -> "pd.DataFrame":  # noqa: A002 - its name
        """Return the events of one entity in time, with the values that each changed.

        See `bx.trace` for the columns; raises SettingsError for an entity without a rule, and for
        an id that no event has.

        >>> feed.trace("deal", 15)
        """
        from bxpull_nb.query import trace

        return trace(self, entity, id)

    def stages(self, entity: str) -> "pd.DataFrame":
        """Return how long each entity of a kind was in which stage; see `bx.stages`.

        Raises SettingsError for an entity without a rule that names its stage.
        """
        from bxpull_nb.query import stages

        return stages(self, entity)

    def unusual(
        self, last: "Span" = "5min", before: "Span" = "1h", *, chance: float = 0.01
    ) -> "pd.DataFrame":
        """Return what is different in the `last` minutes from the time `before` them.

        See `bx.compare` for the columns, and `bx.unusual`.
        """
        from bxpull_nb.query import unusual

        return unusual(self, last, before, chance=chance)

    def pairs(
        self, within: "Span" = "500ms", key: str | None = None, *, chance: float = 0.01
    ) -> "pd.DataFrame":
        """Return which command follows which more often than chance; see `bx.pairs`."""
        from bxpull_nb.query import pairs

        return pairs(self, within, key, chance=chance)
