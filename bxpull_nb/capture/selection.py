"""Select events: the words that `on`, `wait`, `expect` and `stream` have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any

from bxpull_nb.capture.checks import checked_function, shown
from bxpull_nb.errors import ConditionFailed, SettingsError
from bxpull_nb.masking import mask_text
from bxpull_nb.models import Record
from bxpull_nb.params.checked_conditions import MEMBERSHIP
from bxpull_nb.params.checked_conditions import Condition as Comparison
from bxpull_nb.params.conditions import Conditions

__all__ = [
    "Condition",
    "Selection",
    "Where",
    "error_text",
    "folded",
    "holds",
    "is_same_name",
    "selected",
]

Condition = Callable[[Record], object]
"""A caller's function that says True or False for a record."""
Where = Condition | Sequence[Comparison]
"""A function, or a list of conditions such as `("params.stage", "==", "WON")`."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Conditions for events, all of which must be met; None means any value.

    `command` and `module_id` are compared without case. `where` is a function, called last, and
    only with records that meet the other conditions; or a list of conditions on columns and on
    paths in params (see `params.conditions`), which do not fail where a key is missing. Raises
    SettingsError for values of a wrong kind.

    >>> str(Selection(command="dealUpdate", module_id="crm"))
    "command='dealUpdate', module_id='crm'"
    """

    command: str | None = None
    module_id: str | None = None
    where: Where | None = None
    _holds: Condition | None = field(default=None, init=False, repr=False, compare=False)
    """`where` as one function."""

    def __post_init__(self) -> None:
        self._check_texts("command", "module_id")
        if isinstance(self.where, Sequence):
            compared = Conditions(self.where)
            object.__setattr__(self, "where", tuple(map(_hashable, self.where)))
            object.__setattr__(self, "_holds", compared.hold)
        elif self.where is not None:
            object.__setattr__(self, "_holds", checked_function("where", self.where))

    def names(self) -> tuple[str | None, str | None]:
        """Return command and module in the form in which they are compared."""
        return folded(self.command), folded(self.module_id)

    def by_name(self) -> Callable[[Record], bool] | None:
        """Return a quick test of command and module alone; None when both may be any."""
        command, module = self.names()
        if command is None and module is None:
            return None
        return lambda record: (
            (command is None or folded(record.command) == command)
            and (module is None or folded(record.module_id) == module)
        )

    def is_met_by(self, record: Record) -> bool:
        """Whether the record meets every condition; raises ConditionFailed when `where` raises."""
        return self.is_named(record) and self.is_where(record)

    def is_named(self, record: Record) -> bool:
        """Whether the record meets every condition apart from `where`."""
        return is_same_name(self.command, record.command) and is_same_name(
            self.module_id, record.module_id
        )

    def is_where(self, record: Record) -> bool:
        """Whether `where` is True for the record; True without a `where`."""
        return self._holds is None or holds("where", self._holds, record)

    def __str__(self) -> str:
        given = (f"{name}={shown(value)}" for name, value in self._given().items())
        return ", ".join(given) or "any event"

    def _given(self) -> dict[str, Any]:
        names = ("command", "module_id", "where")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def _check_texts(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise SettingsError(f"{name}={shown(value)}: give it as text, or None for any.")


def selected(
    command: str | None,
    module_id: str | None,
    where: Where | None,
    module: str | None,
) -> Selection:
    """Return the selection; `module` is an older name of `module_id`.

    Raises SettingsError when both are given and differ.
    """
    if module is not None and module_id is not None and module != module_id:
        raise SettingsError("module and module_id are two names for one condition: give one.")
    return Selection(
        command=command, module_id=module if module_id is None else module_id, where=where
    )


def _hashable(condition: Comparison) -> Comparison:
    """Return the condition without a list, so that a cell that runs again is recognised."""
    name, operator, value = condition
    return (name, operator, tuple(value) if operator in MEMBERSHIP else value)


def folded(name: str | None) -> str | None:
    """Return the name in the form in which names are compared."""
    return None if name is None else name.casefold()


def is_same_name(wanted: str | None, name: str | None) -> bool:
    """Whether the name is the wanted one, in any case; None wants any."""
    return wanted is None or wanted == name or folded(wanted) == folded(name)


def holds(name: str, condition: Condition, record: Record) -> bool:
    """Whether the caller's function says True for the record.

    Raises ConditionFailed when the function raises, or returns a coroutine.
    """
    try:
        result = condition(record)
        if isinstance(result, CoroutineType):
            result.close()
            raise TypeError("it returned a coroutine; give a plain function")
        return bool(result)
    except Exception as exc:
        raise ConditionFailed(
            f"the function given as {name} failed for {mask_text(repr(record))}: "
            f"{error_text(exc)}. It is called with every event that meets the other conditions, "
            f"with unreadable messages too: give command=… as well, or let it return False."
        ) from exc


def error_text(exc: BaseException) -> str:
    """Return type and text of an error, with secrets masked; its own text may fail."""
    try:
        return mask_text(f"{type(exc).__name__}: {exc}")
    except BaseException:  # noqa: BLE001 - any `__str__`, which may raise SystemExit too
        return type(exc).__name__
