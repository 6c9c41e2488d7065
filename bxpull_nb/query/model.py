"""Classes for the params of one command, written from the events."""

import keyword
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import listed, quoted
from bxpull_nb.query.path_stats import TYPES
from bxpull_nb.query.schema import schema_of
from bxpull_nb.query.shape import Shape, shape_of
from bxpull_nb.query.source import Conditions, Source, resolved

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Code", "model"]

_PLAIN = {"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"}
_IMPORTED = {
    "typing": ("Any", "NotRequired", "TypedDict"),
    "msgspec": ("UNSET", "Struct", "UnsetType", "field"),
    "pydantic": ("BaseModel", "Field"),
}
_USED = {"bool", "dict", "float", "int", "list", "str", *chain.from_iterable(_IMPORTED.values())}
_TAKEN = {  # what a class of pydantic has already, and what the code itself needs
    *("construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw"),
    *("schema", "schema_json", "update_forward_refs", "validate", *_USED),
}
_UNNAMED = re.compile(r'["\\\x00-\x1f]')  # in keys that a field of msgspec cannot have


class Code(str):
    """Python code, which shows itself over several lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def model(source: Any, command: str, as_: str = "typeddict", *, where: Conditions = None) -> Code:
    """Return the code of a class for the params that a command's events have.

    `source` and `where` are those of `bx.schema`; `command` is such as `crm.dealUpdate`, or
    `dealUpdate` where one module has it. `as_` is `typeddict`, `msgspec` or `pydantic`. Nested
    objects become classes of their own, maps `dict[str, …]`; a key that some events lack is
    optional. Raises SettingsError for a command that is not there, with those that are.

    >>> print(bx.model(feed, "crm.dealUpdate", as_="msgspec"))
    """
    if not isinstance(as_, str) or as_ not in _WRITERS:
        raise SettingsError(f"as_={quoted(as_)}: choose from {', '.join(map(repr, _WRITERS))}.")
    rows, name = _of_command(resolved(source, where), command)
    shape = shape_of(rows)
    classes = _Classes()
    type_of_all = classes.type_of(shape, _class_name(name.rpartition(".")[2]))
    known, write = sorted(classes.found), _WRITERS[as_]
    lines = [f'"""Params of {name}: {shape.types.total():,} events looked at."""', ""]
    code = [line for one in classes.found.values() for line in ["", "", *write(one)]]
    lines += _imports(as_, "\n".join(code), type_of_all) + code
    if type_of_all not in known:
        lines += ["", "", f"{_class_name(name.rpartition('.')[2])}Params = {type_of_all}"]
    return Code("\n".join(lines) + "\n")


def _of_command(events: Source, command: str) -> "tuple[pd.DataFrame, str]":
    """Return the rows of a command in the catalogue, and its full name."""
    if not isinstance(command, str):
        raise SettingsError(f"{quoted(command)} is no command: give a name such as crm.dealUpdate.")
    parts = command.split(".")
    ends = [".".join(parts[n:]) for n in range(len(parts))]
    for some in (events.only([("command", "in", ends)]), events):  # others only for an error
        table = schema_of(some)
        modules, commands = (table[name].fillna("?") for name in ("module_id", "command"))
        names = modules + "." + commands
        found = sorted(set(names[(names == command) | (commands == command)]))
        if len(found) == 1:
            return table[names == found[0]], found[0]
        if found:
            raise SettingsError(
                f"{quoted(command)} is a command of several modules: {listed(found)}."
            )
    raise SettingsError(
        f"no event with params has the command {quoted(command)}. Commands that have: "
        f"{listed(sorted(set(names)))}."
    )


@dataclass
class _Field:
    key: str
    type: str
    required: bool


@dataclass
class _Class:
    name: str
    fields: list[_Field] = field(default_factory=list)


class _Classes:
    """Classes by name, those that others need first."""

    def __init__(self) -> None:
        self.found: dict[str, _Class] = {}
        self._names = set(_USED)

    def type_of(self, shape: Shape, name: str) -> str:
        """Return the type of a shape as Python writes it; its classes begin with `name`."""
        types = [self._one(kind, shape, name) for kind in TYPES if shape.types[kind]]
        types.sort(key="None".__eq__)
        return " | ".join(types) or "Any"

    def _one(self, kind: str, shape: Shape, name: str) -> str:
        if kind == "array":
            return f"list[{self.type_of(shape.items, name + 'Item') if shape.items else 'Any'}]"
        if kind == "object":
            return self._object(shape, name)
        return _PLAIN[kind]

    def _object(self, shape: Shape, name: str) -> str:
        if shape.keys and shape.values is None:
            return self._class(shape, name)
        if shape.values is not None and not shape.keys:
            return f"dict[str, {self.type_of(shape.values, name + 'Value')}]"
        return "dict[str, Any]"

    def _class(self, shape: Shape, name: str) -> str:
        name = _free(name, self._names)
        made = _Class(name)
        for key, inner in shape.keys.items():
            kind = self.type_of(inner, name + _class_name(key))
            made.fields.append(_Field(key, kind, shape.required(key)))
        made.fields.sort(key=lambda one: not one.required)
        self.found[name] = made
        return name


def _class_name(text: str) -> str:
    words = re.findall(r"[^\W_]+", normalize("NFKC", text))
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name.isidentifier() else f"Key{name}"


def _free(name: str, taken: set[str]) -> str:
    free, count = name, 2
    while free in taken or keyword.iskeyword(free):
        free, count = f"{name}{count}", count + 1
    taken.add(free)
    return free


def _fields(made: _Class) -> Iterator[tuple[str, _Field]]:
    """Yield the fields with names that an attribute can have."""
    taken = set(_TAKEN)
    for one in made.fields:
        name = re.sub(r"\W", "_", normalize("NFKC", one.key)).lstrip("_") or "key"
        if name[0].isdigit() or name.startswith("model_"):
            name = f"key_{name}"
        yield _free(name, taken), one


def _typed_dict(made: _Class) -> Iterator[str]:
    kinds = {
        one.key: one.type if one.required else f"NotRequired[{one.type}]" for one in made.fields
    }
    if all(map(_is_name, kinds)):
        yield f"class {made.name}(TypedDict):"
        yield from (f"    {key}: {kind}" for key, kind in kinds.items())
    else:
        yield f'{made.name} = TypedDict("{made.name}", {{'
        yield from (f"    {key!r}: {kind}," for key, kind in kinds.items())
        yield "})"


def _is_name(key: str) -> bool:
    """Whether Python reads the key as it is, as a name within a class."""
    is_plain = key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("__")
    return is_plain and normalize("NFKC", key) == key


def _struct(made: _Class) -> Iterator[str]:
    yield f"class {made.name}(Struct, kw_only=True):"
    if all(_UNNAMED.search(one.key) for one in made.fields):
        yield "    pass"
    for name, one in _fields(made):
        if _UNNAMED.search(one.key):
            yield f"    # {one.key!r}: msgspec has no field with such a key"
            continue
        kind = one.type if one.required else f"{one.type} | UnsetType"
        options = [] if name == one.key else [f"name={one.key!r}"]
        if options and not one.required:
            options.append("default=UNSET")
        default = f"field({', '.join(options)})" if options else "" if one.required else "UNSET"
        yield f"    {name}: {kind}{default and f' = {default}'}"


def _pydantic(made: _Class) -> Iterator[str]:
    yield f"class {made.name}(BaseModel):"
    for name, one in _fields(made):
        is_none = one.required or one.type.endswith("None") or one.type == "Any"
        kind = one.type if is_none else f"{one.type} | None"
        options = [] if name == one.key else [f"alias={one.key!r}"]
        if options and not one.required:
            options.insert(0, "default=None")
        default = f"Field({', '.join(options)})" if options else "" if one.required else "None"
        yield f"    {name}: {kind}{default and f' = {default}'}"


_WRITERS: dict[str, Callable[[_Class], Iterator[str]]] = {
    "typeddict": _typed_dict,
    "msgspec": _struct,
    "pydantic": _pydantic,
}
_MODULES = {"typeddict": "typing", "msgspec": "msgspec", "pydantic": "pydantic"}


def _imports(as_: str, *texts: str) -> list[str]:
    """Return the imports that the code needs."""
    code, lines = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", " ".join(texts)), []
    for module in dict.fromkeys(["typing", _MODULES[as_]]):
        names = [name for name in _IMPORTED[module] if re.search(rf"\b{name}\b", code)]
        lines += [f"from {module} import {', '.join(names)}"] if names else []
    return lines
