"""How often a panel paints everything, and not its new rows alone."""

__all__ = ["PaintPace"]

_EVERY = 5  # repaints


class PaintPace:
    """Decides which repaints show everything: every fifth one, and each that must not wait.

    A change of state is shown at once. So are events after a pause; while more come, the counters
    and the chart follow at every fifth repaint.
    """

    def __init__(self) -> None:
        self._repaints = 0
        self._painted_at = self._new_at = -_EVERY
        self._state: object = None
        self._rows = 0

    def is_due(self, state: object, rows: int) -> bool:
        """Count a repaint, and return whether it shows everything."""
        self._repaints += 1
        since = self._new_at if rows != self._rows else self._painted_at
        return state != self._state or self._repaints - since >= _EVERY

    def painted(self, state: object, rows: int) -> None:
        """Note that everything is shown: this state, and so many rows."""
        self._painted_at = self._repaints
        if rows != self._rows:
            self._new_at = self._repaints
        self._state, self._rows = state, rows
