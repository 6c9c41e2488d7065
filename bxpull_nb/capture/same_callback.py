"""Decide whether two callbacks are one function, defined again by a cell that runs again.

They are if `__module__` and `__qualname__` are equal, file and first line too (for lambdas the
whole code), and the values they captured in closure and defaults are equal constants or the same
objects: callbacks made in a loop differ in such a value. A named function of a module's top level
is the same in another file as well, which is an edited cell; the name `_` is no name. The same
method of the same object is the same callback; a `partial` is compared by its parts.
"""

from functools import partial
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

__all__ = ["is_identical", "is_same"]

_CONSTANTS = (str, bytes, int, float, complex, frozenset)


def is_identical(one: Any, other: Any) -> bool:
    """Whether they are one object, or the same method of one object."""
    bound = (MethodType, BuiltinMethodType)
    if isinstance(one, bound) and isinstance(other, bound):
        return one.__self__ is other.__self__ and one == other
    return one is other


def is_same(one: Any, other: Any, depth: int = 3) -> bool:
    """Whether it is the same callback, perhaps defined again."""
    if is_identical(one, other):
        return True
    if depth == 0 or type(one) is not type(other):
        return False
    if isinstance(one, FunctionType):
        return _is_same_code(one, other) and _are_same(_captured(one), _captured(other), depth)
    if isinstance(one, partial):
        return _are_same(_parts(one), _parts(other), depth)
    if isinstance(one, tuple):
        return _are_same(one, other, depth)
    return isinstance(one, _CONSTANTS) and bool(one == other)


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...], depth: int) -> bool:
    return len(some) == len(others) and all(
        is_same(one, other, depth - 1) for one, other in zip(some, others, strict=True)
    )


def _is_same_code(one: FunctionType, other: FunctionType) -> bool:
    if (one.__module__, one.__qualname__) != (other.__module__, other.__qualname__):
        return False
    code, later = one.__code__, other.__code__
    if code.co_filename != later.co_filename:
        return "<" not in one.__qualname__ and one.__qualname__.strip("_") != ""
    return code == later if "<lambda>" in one.__qualname__ else _line(one) == _line(other)


def _line(function: FunctionType) -> int:
    return function.__code__.co_firstlineno


def _captured(function: FunctionType) -> tuple[Any, ...]:
    """Return the values of the closure and the defaults; an empty cell is one of its own."""
    cells = tuple(_content(cell) for cell in function.__closure__ or ())
    keywords = tuple((function.__kwdefaults__ or {}).items())
    return *cells, *(function.__defaults__ or ()), *keywords


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return cell


def _parts(call: "partial[Any]") -> tuple[Any, ...]:
    return call.func, *call.args, *call.keywords.items()
