"""The rules by which an event belongs to an entity: module, commands, and the path of its id.

A shape that no rule knows belongs to no entity. Each built-in rule is a shape that portals or the
sandbox were seen to send; `entity` adds shapes of your own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.params.path import Path

__all__ = ["EntityRule", "entity", "known_rules", "rules_of"]


@dataclass(frozen=True, kw_only=True)
class EntityRule:
    """A rule: events of a module's commands are about the entity with the id at `path`."""

    entity: str
    """The kind, such as `deal`."""
    module: str
    commands: tuple[str, ...] = ()
    """Those that it is about; without any, all of the module. Compared without case."""
    path: Path
    """The place of the id: an integer above zero, or a text that is neither empty nor `0`."""
    prefix: str = ""
    """A text that precedes the digits of the id, as in `chat15`; without it there is no id."""
    digits: bool = False
    """Whether only digits are an id, as a number or as a text."""
    stage: Path | None = None
    """The place of the stage, for `bx.stages`."""


def _rule(
    kind: str, module: str, commands: str, path: str, stage: str | None = None, prefix: str = ""
) -> EntityRule:
    return EntityRule(
        entity=kind,
        module=module,
        commands=tuple(commands.split()),
        path=Path.of(path),
        prefix=prefix,
        digits=kind != "workflow",
        stage=None if stage is None else Path.of(stage),
    )


_MESSAGE = "message messageChat messageUpdate messageDelete messageDeleteComplete messageLike"
_WRITING = "startWriting startRecordVoice"
_CHAT = f"{_MESSAGE} {_WRITING} messageParamsUpdate readMessageChat unreadMessageChat"
_CHAT_EVENTS = (
    "ONIMV2MESSAGEADD ONIMV2MESSAGEUPDATE ONIMV2MESSAGEDELETE ONIMV2REACTIONCHANGE ONIMV2JOINCHAT"
)
_TASK = "task_add task_update task_remove task_view comment_add"


def _offline(kind: str, stage: str | None = None) -> EntityRule:
    """Return the rule for offline events of a CRM object."""
    name = f"ONCRM{kind.upper()}"
    commands = f"{name}ADD {name}UPDATE {name}DELETE"
    return _rule(kind, "crm", commands, "FIELDS.ID", stage)


_BUILT_IN = (
    _rule("deal", "crm", "dealAdd dealUpdate dealMove dealDelete", "id", stage="stage"),
    _rule("lead", "crm", "leadAdd leadUpdate leadMove leadDelete", "id", stage="status"),
    _rule("contact", "crm", "contactAdd contactUpdate contactDelete", "id"),
    _rule("company", "crm", "companyAdd companyUpdate companyDelete", "id"),
    _rule("task", "tasks", _TASK, "TASK_ID", stage="AFTER.STAGE"),
    _offline("deal", stage="object.STAGE_ID"),
    _offline("lead", stage="object.STATUS_ID"),
    _offline("contact"),
    _offline("company"),
    _rule("task", "tasks", "ONTASKADD ONTASKUPDATE", "FIELDS_AFTER.ID", stage="object.stageId"),
    _rule("task", "tasks", "ONTASKDELETE", "FIELDS_BEFORE.ID"),
    _rule("message", "im", "ONIMV2MESSAGEADD ONIMV2MESSAGEUPDATE", "message.id"),
    _rule("message", "im", "ONIMV2MESSAGEDELETE", "messageId"),
    _rule("chat", "im", _CHAT_EVENTS, "chat.id"),
    _rule("message", "im", _MESSAGE, "id"),
    _rule("message", "im", "message messageChat", "message.id"),
    _rule("chat", "im", _CHAT, "dialogId", prefix="chat"),
    _rule("chat", "im", f"{_CHAT} chatRename chatAvatar chatUserAdd chatUserLeave", "chatId"),
    _rule("user", "im", _WRITING, "userId"),
    _rule("user", "im", _WRITING, "authorId"),
    _rule("user", "main", "user_counter", "userId"),
    _rule("calendar entry", "calendar", "invite set_meeting_status", "entryId"),
    _rule("file", "disk", "documentUploaded documentReplaced", "id"),
    _rule("workflow", "bizproc", "workflowStarted taskAssigned workflowCompleted", "id", "state"),
)
_added: dict[EntityRule, None] = {}


def entity(
    name: str,
    *,
    module: str,
    path: str | Path,
    command: str | Sequence[str] | None = None,
    stage: str | Path | None = None,
) -> EntityRule:
    """Add a rule for the events of an entity, and return it.

    Events of the module belong to the entity whose id is at the path. `command` is one or a list,
    None is all of the module; `stage` is the path of the stage, for `bx.stages`. The rule holds
    for all questions of this process, along with those that are there: several rules of one name
    are alternatives. Names are compared without case. An id is a whole number above zero or a
    text; `15` and `"15"` are one. Raises SettingsError for a name that is no text, and for a path
    that is none or leads to many values.

    >>> bx.entity("invoice", module="application", path="invoice.id", stage="invoice.status")
    >>> bx.trace(feed, "invoice", 7)
    """
    given: Any = () if command is None else command
    commands = list(given) if isinstance(given, list | tuple) else [given]
    for text in (name, module, *commands):
        if not isinstance(text, str) or not text.strip():
            raise SettingsError(f"{quoted(text)} is no name of an entity, a module or a command.")
    rule = EntityRule(
        entity=next((rule.entity for rule in known_rules() if _same(rule.entity, name)), name),
        module=module,
        commands=tuple(commands),
        path=_single(path),
        stage=None if stage is None else _single(stage),
    )
    _added[rule] = None
    return rule


def known_rules() -> tuple[EntityRule, ...]:
    """Return all rules, the built-in ones first."""
    return (*_BUILT_IN, *_added)


def rules_of(kind: str) -> list[EntityRule]:
    """Return the rules of an entity; SettingsError for one without a rule, with those that are."""
    rules = known_rules()
    found = [rule for rule in rules if isinstance(kind, str) and _same(rule.entity, kind)]
    if found:
        return found
    names = ", ".join(dict.fromkeys(rule.entity for rule in rules))
    raise SettingsError(
        f"no rule knows the entity {quoted(kind)}. There are rules for {names}; add one with "
        f'bx.entity("invoice", module="application", path="invoice.id").'
    )


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _single(path: str | Path) -> Path:
    found = Path.of(path)
    if found.is_many:
        raise SettingsError(f"{quoted(str(found))} leads to many values: an event has one id.")
    return found
