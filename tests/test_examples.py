"""The examples in docstrings run, with a portal, a feed and its views at hand."""

import ast
import asyncio
import doctest
import importlib
import inspect
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import ipywidgets
import pandas as pd
import pytest

import bxpull_nb as bx
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.rate_chart import RateChart
from bxpull_nb.models import Arrival, Event
from bxpull_nb.query import entity_rules
from tests.support.demo import START_US, demo_records
from tests.support.paths import PROJECT
from tests.support.rows import frame
from tests.support.waiting import eventually

OF_IPYTHON = {"bxpull_nb.jupyter.magics"}
"""Their examples begin with `%`; `test_magics` runs them."""
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> Iterator[Any]:
    """Yield the module and the docstring of each example, without an import."""
    for path in sorted((PROJECT / "bxpull_nb").rglob("*.py")):
        module = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        if module in OF_IPYTHON:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>> " in text or _BLOCK.search(text):
                    name = getattr(node, "name", "")
                    yield pytest.param(module, text, id=f"{module.partition('.')[2]}.{name}")


def run_block(code: str, names: dict[str, Any]) -> None:
    """Run an example without answers, which may await."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    found = eval(compile(code, "<example>", "exec", flags), names)
    if inspect.iscoroutine(found):
        with suppress(TimeoutError):  # a live feed has events without end
            asyncio.run(asyncio.wait_for(found, 1))


class Checker(doctest.OutputChecker):
    """Compares only what an example shows: many show no answer."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether the output is the one shown."""
        return not want or super().check_output(want, got, optionflags)


def event(module: str, command: str, params: bytes) -> Event:
    """Return an event that took ten seconds to arrive."""
    arrival = Arrival(START_US, "shared", "websocket")
    return Event("1" * 26, module, command, params, START_US / 1e6 - 10, None, arrival)


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bx.Feed]:
    """Replay what the examples ask for, in an empty folder with a file of the day before."""
    monkeypatch.chdir(tmp_path)
    deal, invoice = b'{"id":15,"stage":"WON"}', b'{"invoice":{"id":7,"status":"PAID"}}'
    events = frame(
        event("crm", "dealAdd", deal),
        event("crm", "dealUpdate", deal),
        event("application", "invoiceUpdate", invoice),
        *islice(demo_records(), 400),
    )
    for name in ("yesterday.parquet", "events.parquet"):
        bx.to_parquet(events, name)
    feed = bx.replay(events, speed=math.inf)
    eventually(lambda: not feed.running)
    yield feed
    feed.stop()
    feed.handlers.close()
    feed.bridge.stop()


@pytest.mark.parametrize(("module", "text"), list(examples()))
def test_an_example_runs(
    module: str,
    text: str,
    feed: bx.Feed,
    portal: bx.Portal,
    sandbox: bx.Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without an error, and with the answer that it shows."""
    monkeypatch.setattr(entity_rules, "_added", {})
    table, chart = LiveTable(feed), RateChart(feed)
    names = {"bx": bx, "pd": pd, "feed": feed, "portal": portal, "sandbox": sandbox}
    names |= {"table": table, "chart": chart}
    test = doctest.DocTestParser().get_doctest(
        text, {**vars(importlib.import_module(module)), **names}, module, None, None
    )
    problems: list[str] = []
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=problems.append, clear_globs=False)
    for code in _BLOCK.findall(text):
        run_block(code, test.globs)
    for opened in test.globs.values():
        if isinstance(opened, bx.Portal):
            opened.close()
        elif isinstance(opened, bx.Feed) and opened.recording:
            opened.stop()
            opened.bridge.stop()
    ipywidgets.Widget.close_all()
    assert problems == []


@pytest.mark.parametrize("kind", [bx, bx.plots])
def test_every_public_function_shows_an_example(kind: ModuleType) -> None:
    """Except one that changes the whole process, and one that needs a dataset."""
    functions = {name: getattr(kind, name) for name in kind.__all__}
    without = [
        name
        for name, one in functions.items()
        if inspect.isfunction(one) and not re.search(">>> |```python", one.__doc__ or "")
    ]
    assert set(without) <= {"allow_nested_run", "compact"}
