"""Fixtures of all tests: a sandbox and a portal on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox

pytest_plugins = ["tests.support.answering", "tests.support.lab"]

TESTS = Path(__file__).parent

FIRST = (
    # a minute of ended channels, then a storm; beside them what keeps to one processor
    "listener/test_faults.py",
    "test_benchmarks.py",
    "storage/test_export_formats.py",
    "analysis/test_plots.py",
    "cli/test_cli.py",
    "analysis/test_analysis.py",
    "analysis/test_dask.py",
    "storage/test_eventlog.py",
    "test_storm.py",
    # a browser, its server and its kernel want two; beside them what waits a good deal
    "jupyter/test_lab_live_table.py",
    "test_week.py",
    "jupyter/test_lab_explorer.py",
    "test_notebooks.py",
    "jupyter/test_lab_tutorials.py",
    "collector/test_collector.py",
    "test_foreign_js.py",
    "jupyter/test_lab_rate_chart.py",
    "jupyter/test_lab_elsewhere.py",
)
"""The files that take long, in the order in which the workers take them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that no worker is left alone with one at the end."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(str(item.path.relative_to(TESTS)), len(FIRST)))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox without demo traffic."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Portal]:
    """The sandbox as a portal."""
    with Portal(AccessToken(sandbox.url, sandbox.token)) as connected:
        yield connected
