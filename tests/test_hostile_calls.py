"""Every public function with hostile values: a right answer, or one error of ours."""

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
VALUES = HOSTILE | {
    "no columns": DF[[]],
    "no rows": DF.iloc[:0],
    "column twice": DF[["mid", "mid"]],
    "series": DF["command"],
}
FRAME: dict[str, Any] = {"frame": DF, "path": "out"}
KEY = {"key": "a key of sixteen characters or more"}

CALLS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    **{name: (getattr(bx, name), {"df": DF}) for name in ("gaps", "lag", "rates", "sessions")},
    **{name: (getattr(bx, name), {"df": DF}) for name in ("summary", "who")},
    **{f"plots.{name}": (getattr(bx.plots, name), {"df": DF}) for name in ("gaps", "hours", "lag")},
    "plots.rate": (bx.plots.rate, {"df": DF}),
    "since": (bx.since, {"df": DF, "moment": "2026-09-21T14:13:21Z"}),
    "search": (bx.search, {"source": DF, "text": "c0"}),
    "read_events": (bx.read_events, {"path": "e.csv"}),
    "compact": (bx.compact, {"url": "dataset"}),
    **{name: (getattr(bx, name), FRAME) for name in ("to_csv", "to_jsonl", "to_parquet")},
    "to_excel": (bx.to_excel, {"source": DF, "path": "out"}),
    "pseudonymised": (bx.pseudonymised, {"events": DF, **KEY}),
    "Pseudonyms": (bx.Pseudonyms, KEY),
    "Journal": (bx.Journal, {"folder": "journal"}),
    "EventLog": (bx.EventLog, {}),
    "Sandbox": (bx.Sandbox, {}),
    "connect": (bx.connect, {"url": "http://127.0.0.1:9", "token": "t"}),
    "explore": (bx.explore, {"source": DF}),
    "fetch_config": (bx.fetch_config, {}),
    "listen": (bx.listen, {}),
    "doctor": (bx.doctor, {}),
}
ELSEWHERE = {
    *("compare", "diff", "entities", "entity", "expand_params", "explain", "model", "pairs"),
    *("schema", "sql", "stages", "trace", "unusual"),  # tests/query/test_hostile_arguments.py
    "replay",  # tests/capture/test_hostile_values.py
    *("Explorer", "Feed", "LiveTable", "Portal", "RateChart"),  # made by functions above
    *("BadFrame", "Channel", "Diagnosis", "Event", "FeedStats", "PullConfig", "PullServer"),
    *("BxPullError", "Report"),  # filled by the package, with values that it has checked
    "allow_nested_run",  # takes nothing, and changes asyncio for the whole process
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
    bx.to_csv(DF, "e.csv")
    function, given = CALLS[name]
    base = {"portal": portal} if "portal" in words(name)[:1] else given
    foreign: dict[str, str] = {}
    for kind, value in VALUES.items():
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


def test_every_public_function_is_called() -> None:
    """A function that is added needs its row above, or in the test of its wing."""
    public = {name for name in bx.__all__ if callable(getattr(bx, name))}
    figures = {f"plots.{name}" for name in bx.plots.__all__} - {"plots.Figure"}
    assert public | figures == CALLS.keys() | ELSEWHERE


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
