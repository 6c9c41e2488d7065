"""The event that was chosen in the table, with the event before of the same entity."""

from bxpull_nb.capture.anatomy import Anatomy
from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.event_detail import Earlier
from bxpull_nb.jupyter.widgets.found_rows import records_at
from bxpull_nb.query.entity_events import entities_of, row_before

__all__ = ["take_apart"]


def take_apart(feed: Feed, row: int) -> tuple[Anatomy, list[tuple[str, str]], Earlier | None]:
    """Return the event, its entities, and the event before of one of these; it may block."""
    import numpy as np

    anatomy = feed.anatomy(row)
    df, kept_from = feed.df, feed.log.forgotten
    place = row - kept_from
    entities = entities_of(df.iloc[place : place + 1])
    for kind, name in entities:
        before = row_before(df, place, kind, name)
        if before is not None:
            _, records = records_at(feed.log, np.array([before + kept_from]))
            for record in records:  # none, if it was forgotten meanwhile
                return anatomy, entities, Earlier(before + kept_from, record, f"{kind} {name}")
    return anatomy, entities, None
