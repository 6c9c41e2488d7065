"""Every public function, each argument in turn hostile or a secret: an answer, or our error.

A new public function without an entry here fails the first test.
"""

import asyncio
import inspect
import logging
import math
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.analysis import plots
from bxpull_nb.errors import BxPullError
from bxpull_nb.rest.auth import AccessToken
from tests.support.hostile_values import HOSTILE
from tests.support.rows import frame, sent

SECRET = "s3cr3tw0rd0fport"
HOST = "127.0.0.1:9"
TOKEN = "0123456789abcdef0123456789abcdef"
SPELLINGS = (
    *(f"http://{HOST}/rest/1/{SECRET}/", f"http://{HOST}/REST/1/{SECRET}/crm.deal.list.json?a=1"),
    *(f'"http://{HOST}/rest/1/{SECRET}/"', f"/rest/1/{SECRET}/", f"rest/1/{SECRET}/", SECRET),
    *(f"https://h.example/x?token={SECRET}", f'{{"auth":{{"access_token":"{SECRET}"}}}}'),
    *(f"Bearer {SECRET}", f"a\nhttp://{HOST}/rest/1/{SECRET}/", f"https://u:{SECRET}@h.example/"),
    *(f"C:\\rest\\1\\{SECRET}\\", f"https://h.example/#access_token={SECRET}"),
    *(f"client_secret={SECRET}", f"{'x' * 70} http://{HOST}/rest/1/{SECRET}/"),
)
NESTED: tuple[Any, ...] = (
    *([SPELLINGS[0]], {"a": {"b": [SPELLINGS[0]]}}, {SPELLINGS[0]: 1}, (SPELLINGS[0],) * 3),
    *(SPELLINGS[0].encode(), Path(SPELLINGS[0]), ValueError(SPELLINGS[0]), [("x", SECRET, 1)]),
    *([(SPELLINGS[0], "==", 1)], [(f"params.{SPELLINGS[0]}", "==", 1)], pd.Series([SECRET])),
    pd.DataFrame({SPELLINGS[0]: [SECRET]}),
)
DF = frame(*(sent("crm", "dealUpdate", '{"id":15}', second) for second in range(3)))
TABLES = (DF[[]], DF.iloc[:0], DF[["mid", "mid"]], DF["command"])
VALUES = (*SPELLINGS, *NESTED, *TABLES, *HOSTILE.values())
WORDS: dict[str, Any] = {"where": None, "chance": 0.01}
SELECTION: dict[str, Any] = {"command": None, "module_id": None, "where": None}
STARTING: dict[str, Any] = {"journal": None, "max_rows": None, "max_bytes": None}
LISTENING: dict[str, Any] = {"channels": "shared", "transport": "auto", "events": None}
LISTENING |= {"auth_connector": None, "privacy": None, **STARTING}

FUNCTIONS: dict[str, dict[str, Any]] = {
    "compact": {"url": "missing", "target_bytes": 1},
    "compare": {"before": DF, "after": DF, **WORDS},
    "connect": {"url": f"http://{HOST}", "token": TOKEN, "token_url": None, "client_id": None},
    "diff": {"a": {"x": 1}, "b": {"x": 2}},
    "entities": {"source": DF, "entity": "deal", "where": None},
    "expand_params": {"frame": DF, "prefix": "params.", "paths": ["id"], "max_level": None},
    "explain": {"selection": DF, "rest": DF, **WORDS},
    "gaps": {"df": DF, "longer_than": "30s"},
    "lag": {"df": DF, "every": "1min"},
    "model": {"source": DF, "command": "dealUpdate", "as_": "typeddict", "where": None},
    "pairs": {"source": DF, "within": "500ms", "key": None, **WORDS},
    "pseudonymised": {"events": DF, "key": "k" * 32},
    "rates": {"df": DF, "every": "1min", "by": "command"},
    "read_events": {"path": "missing.csv", "engine": "pandas", "columns": None, "where": None},
    "replay": {"source": DF, "speed": math.inf},
    "schema": {"source": DF, "where": None},
    "search": {"source": DF, "text": "deal"},
    "sessions": {"df": DF, "idle": "5min"},
    "since": {"df": DF, "moment": "2026-01-01T00:00Z", "before": "10min", "within": None},
    "sql": {"source": DF, "query": "select 1", "explain": False},
    "stages": {"source": DF, "entity": "deal", "where": None},
    "summary": {"df": DF},
    "to_csv": {"frame": DF, "path": "o.csv", "raw": False, "excel": False, "sep": ","},
    "to_excel": {"source": DF, "path": "o.xlsx", "tz": "UTC", "reveal": False},
    "to_jsonl": {"frame": DF, "path": "o.jsonl", "reveal": False},
    "to_parquet": {"frame": DF, "path": "o.parquet", "reveal": False},
    "trace": {"source": DF, "entity": "deal", "id": 15, "where": None},
    "unusual": {"source": DF, "last": "5min", "before": "1h", "now": None, **WORDS},
    "who": {"df": DF},
}
ELSEWHERE = {"allow_nested_run", "doctor", "entity", "explore", "fetch_config", "listen"}
"""Without an argument of a user's, or in `test_secrets_in_errors` and `test_hostile_calls`."""
FEED: dict[str, dict[str, Any]] = {
    "anatomy": {"row": -1},
    "diff": {"a": -2, "b": -1},
    "entities": {"entity": None},
    "expect": {**SELECTION, "channel": None, "params": None, "within": 0.0, "since": None},
    "expect_all": {"wanted": ["dealUpdate"], "within": 0.0, "since": None},
    "mark": {"label": "x"},
    "model": {"command": "dealUpdate", "as_": "typeddict"},
    "never": {"command": "x", "module_id": None, "params": None, "where": None, "within": 0.0},
    "on": {**SELECTION, "module": None},
    "pairs": {"within": "1s", "key": None, "chance": 0.01},
    "search": {"text": "deal"},
    "since": {"label": "x", "before": "10min"},
    "sql": {"query": "select 1", "explain": False},
    "stages": {"entity": "deal"},
    "start": {"channels": None, "transport": None, "timeout": 1, **STARTING},
    "stream": {**SELECTION, "maxsize": 10},
    "tail": {"n": 1},
    "to_csv": {"path": "x.csv"},
    "to_excel": {"path": "x.xlsx"},
    "to_jsonl": {"path": "x.jsonl"},
    "to_parquet": {"path": "x.parquet"},
    "trace": {"entity": "deal", "id": 1},
    "unusual": {"last": "1s", "before": "1h", "chance": 0.01},
    "wait": {"until": 1, **SELECTION, "timeout": 0.0},
    "wait_async": {"until": 1, **SELECTION, "timeout": 0.0},
    "watch": {"on_found": None, "silence": None, "rate_above": None, "chance": 0.01},
}
PORTAL: dict[str, dict[str, Any]] = {
    "batch": {"calls": {"a": ("profile", {})}, "halt": False},
    "call_page": {"params": {}},
    "pages": {"params": {}},
    "feed": {"channels": "shared", "transport": "auto", "sources": None, "privacy": None},
    "fetch_config": {"cache": True, "reopen": True},
    "listen": LISTENING,
    "listen_async": LISTENING,
    "public_channels": {"users": [1]},
    "publish": {"users": [1], "command": "x", "params": {}, "module_id": "application"},
    "send_event": {"command": "x", "params": {}, "module_id": "application", "user_id": None},
}
OF_A_FEED = {"call", "note", "report", "retry_now", "retry_now_async", "schema", "stop"}
OF_A_FEED |= {"start_async", "stop_async", "subscribed", "unbind"}
OF_A_PORTAL = {"call", "close"}


def public(kind: Any) -> set[str]:
    """Return the names of the public functions of a class, or of the package."""
    names = kind.__all__ if inspect.ismodule(kind) else dir(kind)
    found = {
        name: inspect.getattr_static(kind, name, None) or getattr(kind, name) for name in names
    }
    return {name for name, one in found.items() if inspect.isfunction(one) and name[0] != "_"}


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (bx, FUNCTIONS.keys() | ELSEWHERE),
        (bx.Feed, FEED.keys() | OF_A_FEED),
        (bx.Portal, PORTAL.keys() | OF_A_PORTAL),
    ],
)
def test_every_public_function_has_an_entry(kind: Any, known: set[str]) -> None:
    """So that none is forgotten."""
    assert public(kind) == known


@pytest.fixture
def portal() -> Iterator[bx.Portal]:
    """A portal that does not answer."""
    with bx.Portal(AccessToken(f"http://{HOST}", TOKEN), limit=None) as one:
        yield one


@pytest.fixture
def feed() -> Iterator[bx.Feed]:
    """A feed of three events, which has ended."""
    one = bx.replay(DF, speed=math.inf)
    yield one
    one.stop()
    one.handlers.close()
    one.bridge.stop()


def problems(call: Callable[[], object], caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """Yield an exception that is not ours, and texts that show the secret."""
    caplog.clear()
    try:
        found = call()
        if inspect.iscoroutine(found):
            asyncio.run(found)
    except BxPullError as error:
        shown = "".join(traceback.format_exception(error, limit=0))  # code lines hold no value
        if SECRET in shown:
            yield f"secret: {shown[-400:]}"
    except Exception as error:  # noqa: BLE001 - every one that is not ours
        yield f"foreign: {''.join(traceback.format_exception(error))[-400:]}"
    lines = (record.getMessage() for record in caplog.records if record.name.startswith("bxpull"))
    yield from (f"log: {line}" for line in lines if SECRET in line)


def tried(
    function: Callable[..., object], words: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Return the problems of a function, with every value in the place of every argument."""
    caplog.set_level(logging.DEBUG, logger="bxpull_nb")
    return [
        f"{name}={type(value).__name__}: {problem}"
        for name in words
        for value in VALUES
        for problem in problems(partial(function, **{**words, name: value}), caplog)
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_an_answer_or_an_error_of_ours(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the secret, in the error, its causes and the log."""
    monkeypatch.chdir(tmp_path)
    assert tried(getattr(bx, name), FUNCTIONS[name], caplog) == []


@pytest.mark.parametrize("name", FEED)
def test_a_feed_s_function_gives_an_answer_or_an_error_of_ours(
    name: str,
    feed: bx.Feed,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without the secret."""
    monkeypatch.chdir(tmp_path)
    assert tried(getattr(feed, name), FEED[name], caplog) == []


@pytest.mark.parametrize("name", PORTAL)
def test_a_portal_s_function_gives_an_answer_or_an_error_of_ours(
    name: str,
    portal: bx.Portal,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without the secret; a page of a list by its method too."""
    monkeypatch.chdir(tmp_path)
    function = getattr(portal, name)
    if name in ("call_page", "pages"):
        method = function

        def function(params: Any) -> object:
            return list(method("user.get", params))

    assert tried(function, PORTAL[name], caplog) == []


@pytest.mark.parametrize("name", plots.__all__[1:])
def test_a_plot_is_drawn_or_an_error_of_ours(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also with hostile values in the place of its table."""
    assert tried(getattr(plots, name), {"df": DF}, caplog) == []
