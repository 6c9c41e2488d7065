"""One event taken apart in the page: parameters as a tree, frame, id, times, and changes.

Event text may be hostile and frames large, so the page gets both as messages and shows them as
text; nothing is saved with the notebook.

```
kernel -> page     event {row, facts, frame, entities, before, changes, …}   show this event
kernel -> page     handles {row, place, handles}     the uses of a value, or null
page   -> kernel   handles {row, place}              a value was clicked: its path, or its field
page   -> kernel   use {action, text}                only, without, column or facet
page   -> kernel   trace {entity, id} · go {row} · close {}
```
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from ipywidgets import CallbackDispatcher

from bxpull_nb.capture.anatomy import Anatomy
from bxpull_nb.jupyter.widgets.handles import HANDLED, Handles, field_handles, value_handles
from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.models import Record
from bxpull_nb.params.path import Index, Key, Path
from bxpull_nb.query import diff

__all__ = ["Earlier", "EventDetail"]

_ACTIONS = ("only", "without", "column", "facet")
_MOST_PARAMS = 2**20  # bytes of JSON sent to a page


class Earlier(msgspec.Struct, frozen=True):
    """An event to compare with."""

    row: int
    record: Record
    entity: str | None = None
    """Kind and id, such as `deal 15`, of the entity that both belong to."""


class EventDetail(PageWidget):
    """A view of one `Anatomy`, and what differs from an earlier one; a hint until `show`.

    `address` is the portal's, for the command lines to copy.
    """

    _scripts = ("event_handles.js", "event_detail.js")
    _styles = ("event_detail.css",)

    def __init__(self, address: str = "https://PORTAL") -> None:
        self.address = address
        self.anatomy: Anatomy | None = None
        self.before: Anatomy | None = None
        self._entities: Sequence[tuple[str, str]] = ()
        self._earlier: Earlier | None = None
        self._on_close, self._on_go = CallbackDispatcher(), CallbackDispatcher()
        self._on_use, self._on_trace = CallbackDispatcher(), CallbackDispatcher()
        super().__init__()

    def show(
        self,
        anatomy: Anatomy,
        entities: Sequence[tuple[str, str]] = (),
        earlier: Earlier | None = None,
    ) -> None:
        """Show the event, compared with `earlier`, or with the one that was shown before.

        `entities` are the kind and the id of each that it belongs to.
        """
        if self.anatomy is None or self.anatomy.row != anatomy.row:
            self.before, self.anatomy = self.anatomy, anatomy
        if earlier is None and self.before is not None:
            earlier = Earlier(self.before.row, self.before.record)
        self._entities, self._earlier = entities, earlier
        self._send_event()

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback()` when the user closes the view."""
        self._on_close.register_callback(callback)

    def on_use(self, callback: Callable[[str, str], None]) -> None:
        """Call `callback(action, text)` when a value is to be used.

        Actions are `only` and `without`, with a term of a search; `column` and `facet`, with a
        path or the name of a field.
        """
        self._on_use.register_callback(callback)

    def on_trace(self, callback: Callable[[str, str], None]) -> None:
        """Call `callback(entity, id)` when the trace of an entity is asked for."""
        self._on_trace.register_callback(callback)

    def on_go(self, callback: Callable[[int], None]) -> None:
        """Call `callback(row)` when the user goes to the event that this one is compared with."""
        self._on_go.register_callback(callback)

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self._send_event()
            case {"kind": "close"}:
                self._on_close()
            case {"kind": "handles", "row": int(row), "place": place}:
                self._send_handles(row, place)
            case {"kind": "use", "action": str(action), "text": str(text)} if action in _ACTIONS:
                self._on_use(action, text)
            case {"kind": "trace", "entity": str(entity), "id": str(name)}:
                self._on_trace(entity, name)
            case {"kind": "go", "row": int(row)}:
                self._on_go(row)

    def _send_handles(self, row: int, place: Any) -> None:
        """Send the uses of a value: at a path of keys and indices, or of a field."""
        anatomy = self.anatomy
        if anatomy is None or anatomy.row != row:
            return
        found: Handles | None = None
        if isinstance(place, str) and place in HANDLED and place in (facts := anatomy.facts()):
            found = field_handles(place, facts[place])
        elif isinstance(place, list):
            path = Path(Index(step) if isinstance(step, int) else Key(str(step)) for step in place)
            found = value_handles(anatomy.record, anatomy.params, path, self.address)
        handles = None if found is None else msgspec.to_builtins(found)
        self.send({"kind": "handles", "row": row, "place": place, "handles": handles})

    def _send_event(self) -> None:
        anatomy, earlier = self.anatomy, self._earlier
        if anatomy is None or self.comm is None:
            return
        params = anatomy.params_json
        message = {
            "kind": "event",
            "row": anatomy.row,
            "facts": list(anatomy.facts().items()),
            "frame": anatomy.frame,
            "frame_size": anatomy.frame_size,
            "cut": len(params) > _MOST_PARAMS,
            "entities": list(self._entities),
            "before": None if earlier is None else earlier.row,
            "before_of": None if earlier is None else earlier.entity,
            "changes": [] if earlier is None else _changes(earlier.record, anatomy.record),
        }
        self.send(message, buffers=[params if len(params) <= _MOST_PARAMS else b"null"])


def _changes(before: Record, after: Record) -> list[tuple[str, str, str | None, str | None]]:
    """Return a sign, a path and two texts for each difference between two events."""
    from bxpull_nb.query.diff_table import shown_lines

    return list(shown_lines(diff(before, after)))
