"""What opens something, with hostile values: a right answer, or one error of ours.

Functions that open nothing are in `test_every_entry.py`.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import BxPullError
from bxpull_nb.portal import Portal
from tests.support.hostile_values import HOSTILE, SECRET
from tests.support.rows import played

DF = played(6)
KEY = {"key": "a key of sixteen characters or more"}

CALLS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "Pseudonyms": (bx.Pseudonyms, KEY),
    "Journal": (bx.Journal, {"folder": "journal"}),
    "EventLog": (bx.EventLog, {}),
    "Sandbox": (bx.Sandbox, {}),
    "explore": (bx.explore, {"source": DF}),
    "fetch_config": (bx.fetch_config, {}),
    "listen": (bx.listen, {}),
    "doctor": (bx.doctor, {}),
}
INJECTED = {
    *("clock", "happenings", "monotonic", "nonce", "now", "on_refresh", "store", "tell"),
    *("echoes", "seconds"),  # of the doctor, who takes seconds
}
PATHS = {"path", "url", "folder", "journal", "source"}


def words(name: str) -> list[str]:
    """Return the names of a function's arguments, without flags, of which only the truth counts."""
    parameters = inspect.signature(CALLS[name][0]).parameters
    flags = {word for word, one in parameters.items() if isinstance(one.default, bool)}
    return [word for word in parameters if word not in INJECTED | flags]


def closed(answer: object) -> None:
    """End what a call has opened."""
    for method in ("stop", "close"):
        if hasattr(type(answer), method):
            getattr(answer, method)()
            return


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """Connect to a sandbox once."""
    with bx.Sandbox() as sandbox, bx.connect(sandbox.url, token=sandbox.token) as connected:
        yield connected


@pytest.mark.parametrize(("name", "word"), [(name, word) for name in CALLS for word in words(name)])
def test_a_hostile_argument_is_an_error_of_ours(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    """Or it has a right answer, as an empty table has; and no error holds a secret."""
    monkeypatch.chdir(tmp_path)
    function, given = CALLS[name]
    base = {"portal": portal} if "portal" in words(name)[:1] else given
    foreign: dict[str, str] = {}
    for kind, value in HOSTILE.items():
        if kind == "secret" and word in PATHS:
            continue  # a file's name is shown as it is
        try:
            closed(function(**{**base, word: value}))
        except BxPullError as exc:
            if SECRET in str(exc):
                foreign[kind] = ascii(exc)[:200]
        except Exception as exc:  # noqa: BLE001 - the point of the test
            foreign[kind] = ascii(exc)[:200]
    assert foreign == {}


@pytest.mark.parametrize("name", ["schema", "search", "unusual", "compare"])
def test_decoded_params_are_an_error_of_ours(name: str) -> None:
    """With the remedy: the column holds JSON texts."""
    decoded = DF.assign(params=pd.Series([{"a": 1}] * len(DF), dtype=object))
    others: dict[str, list[Any]] = {"search": ["c0"], "compare": [DF]}
    with pytest.raises(BxPullError, match=r"params holds decoded values: .* json\.dumps"):
        getattr(bx, name)(decoded, *others.get(name, []))


def test_pseudonyms_need_one_column_of_each_name() -> None:
    """Whichever column is there twice."""
    twice = pd.concat([DF, DF[["command"]]], axis=1)
    with pytest.raises(BxPullError, match="two columns of one name"):
        bx.pseudonymised(twice, KEY["key"])
