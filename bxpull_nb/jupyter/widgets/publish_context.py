"""The context in which the panel publishes: its controls answer while a cell is busy.

A kernel with subshells answers the page's messages while a cell runs. But ipykernel 7.4 sends a
comm's messages to the shell whose request was the last to publish to that comm: a button made in
a cell waits for the main shell. Published outside any request, it has no such preference, and the
page's own choice holds.
"""

from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

__all__ = ["outside_requests", "within"]

T = TypeVar("T")


def outside_requests() -> Context:
    """Return a copy of this context, in which messages of widgets answer no request."""
    context = copy_context()
    parent = getattr(_kernel(), "_shell_parent", None)  # there since ipykernel 7.0
    if isinstance(parent, ContextVar):
        context.run(parent.set, {})
    return context


async def within(context: Context, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the result of the work, done in that context."""
    import asyncio

    return await asyncio.create_task(work(), context=context)


def _kernel() -> Any:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None)
