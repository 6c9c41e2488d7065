"""Names of the portal's events: their modules, and the name that was meant."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from bxpull_nb.masking import listed

__all__ = ["is_scope", "module_of", "not_known"]

_MODULES = {
    "ONCRM": "crm",
    "ONTASK": "tasks",
    "ONSONET": "socialnetwork",
    "ONIM": "im",
    "ONUSER": "main",
    "ONCALENDAR": "calendar",
    "ONSALE": "sale",
    "ONVOXIMPLANT": "voximplant",
    "ONEXTERNALCALL": "telephony",
    "ONOPENLINE": "imopenlines",
}
"""The start of a name -> the module that channels name for such events."""
_SCOPE = re.compile(r"(?!on[a-z]*(add|update|delete|install|register|finish)$)[a-z_]+")


def is_scope(name: str) -> bool:
    """Whether a name is a scope's, such as `crm`, and not an event's.

    >>> is_scope("crm"), is_scope("ONCRMDEALADD"), is_scope("oncrmdealadd")
    (True, False, False)
    """
    return _SCOPE.fullmatch(name) is not None


def module_of(event: str) -> str:
    """Return the module of an event by its name; `rest` for an unknown one.

    >>> module_of("ONCRMDEALUPDATE"), module_of("CATALOG.PRODUCT.ON.ADD"), module_of("ONAPPTEST")
    ('crm', 'catalog', 'rest')
    """
    prefix, dot, _ = event.partition(".")
    if dot:
        return prefix.lower()
    found = (module for start, module in _MODULES.items() if event.startswith(start))
    return next(found, "rest")


def not_known(name: str, known: Sequence[str]) -> str:
    """Return a sentence about an unknown name, with the nearest that the portal knows."""
    near = get_close_matches(name.upper(), known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}?" if near else "portal.call('events') lists those it knows."
    return f"{listed([name])} is no event that the portal gives to this application: {meant}"
