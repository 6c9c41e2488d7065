"""Fixtures of all tests: a sandbox and a portal on it."""

import gc
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from hypothesis import settings

from bxpull_nb.listener import beginning
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.pace import quicken

pytest_plugins = ["tests.support.answering", "tests.support.lab"]

LONG = ("slow", "foreign")

# The same examples each time: a red test is the fault of the change. `nox -s explore` tries others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, a browser's next to one that mostly waits; the order of others stays.

    A worker takes the next file when it has done one, so that neither is left alone at the end.
    """
    browser = files_marked(items, "browser")
    waiting = [path for path in files_marked(items, *LONG) if path not in browser]
    long = filter(None, chain.from_iterable(zip_longest(browser, waiting)))
    ranks = {path: rank for rank, path in enumerate(long)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def files_marked(items: list[pytest.Item], *marks: str) -> list[Path]:
    """Return the files of the tests that have one of the marks, in their order."""
    found = (item.path for item in items if any(map(item.get_closest_marker, marks)))
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> None:
    """Leave modules and tests out of the collections to come, which would take half a second each.

    Garbage is collected before, so that nothing is left that a finalizer should end.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _near_servers() -> Iterator[None]:
    """Wait less for servers that hold a first poll: those of the tests are on this machine.

    By the pauses for servers on the internet each feed took 0.1 s to start, and 0.75 s by polling.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beginning, "_LEAST_PATIENCE", 0.03)
        quicken(patch, baseline=0.25)
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox without demo traffic."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Portal]:
    """Connect to the sandbox as a portal."""
    with Portal(AccessToken(sandbox.url, sandbox.token)) as connected:
        yield connected
