"""The public face: names, laziness, speed of the import."""

import importlib
import inspect
import subprocess
import sys

import pytest

import bxpull_nb as bx

FACE = [
    "BadFrame",
    "BxPullError",
    "Channel",
    "Diagnosis",
    "Event",
    "EventLog",
    "Explorer",
    "Feed",
    "FeedStats",
    "Journal",
    "LiveTable",
    "Portal",
    "Pseudonyms",
    "PullConfig",
    "PullServer",
    "RateChart",
    "Report",
    "Sandbox",
    "allow_nested_run",
    "codec",
    "compact",
    "compare",
    "connect",
    "diff",
    "doctor",
    "entities",
    "entity",
    "errors",
    "expand_params",
    "explain",
    "explore",
    "fetch_config",
    "gaps",
    "lag",
    "listen",
    "model",
    "pairs",
    "plots",
    "pseudonymised",
    "rates",
    "read_events",
    "replay",
    "schema",
    "search",
    "sessions",
    "since",
    "sql",
    "stages",
    "summary",
    "to_csv",
    "to_excel",
    "to_jsonl",
    "to_parquet",
    "trace",
    "unusual",
    "who",
]


def test_the_face_is_what_was_agreed() -> None:
    """A name more or less is a decision, and this is where it is written down."""
    assert list(bx.__all__) == FACE


@pytest.mark.parametrize("name", FACE)
def test_every_name_is_there_and_explained(name: str) -> None:
    """With a docstring whose first line is a sentence."""
    public = getattr(bx, name)
    first = (inspect.getdoc(public) or "").splitlines()[0]
    assert len(first) > 10
    assert name in dir(bx)


@pytest.mark.parametrize("name", FACE)
def test_public_methods_are_explained(name: str) -> None:
    """Each member a user can see says what it gives."""
    public = getattr(bx, name)
    if not inspect.isclass(public) or not public.__module__.startswith("bxpull_nb"):
        return
    for member, value in vars(public).items():
        if member.startswith("_") or not (inspect.isfunction(value) or isinstance(value, property)):
            continue
        assert inspect.getdoc(value), f"{name}.{member}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = bx.unknown


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Rooms open when a name of theirs is used."""
    heavy = "pandas numpy pyarrow ipywidgets anywidget httpx websockets starlette uvicorn asyncio"
    loaded = run(f"import sys, bxpull_nb; print([m for m in {heavy.split()} if m in sys.modules])")
    assert loaded == "[]"


def test_helpers_load_neither_widgets_nor_tables() -> None:
    """A script on a server has no use for the ones, and a call by REST none for the others."""
    loaded = run(
        "import sys, bxpull_nb as bx; bx.connect, bx.listen, bx.Feed, bx.EventLog, bx.sql;"
        "heavy = ('ipywidgets', 'anywidget', 'starlette', 'pandas', 'duckdb');"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert loaded == "[]"


def test_importing_is_quick_beside_pandas() -> None:
    """Less than a third of `import pandas`, measured in turn in fresh interpreters."""
    clock = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    took: dict[str, list[float]] = {"bxpull_nb": [], "pandas": []}
    for name in list(took) * 3:
        took[name].append(float(run(clock.format(name))))
    assert min(took["bxpull_nb"]) < 0.3 * min(took["pandas"])


def test_every_room_says_what_it_offers() -> None:
    """`__all__` names things that exist."""
    for room in (
        "errors",
        "models",
        "protocol.codec",
        "protocol.endpoint",
        "protocol.session",
        "protocol.retry_policy",
        "rest.auth",
        "rest",
        "rest.publish",
        "listener.transport",
        "listener",
        "storage.eventlog",
        "storage.export",
        "storage.dataset",
        "params",
        "query",
        "collector",
        "capture.hub",
        "bridge",
        "rest.login",
        "capture.feed",
        "portal",
        "diagnosis",
        "api",
        "jupyter.widgets",
        "jupyter.magics",
        "sandbox",
    ):
        module = importlib.import_module(f"bxpull_nb.{room}")
        assert module.__all__
        for name in module.__all__:
            assert hasattr(module, name), f"{room}.{name}"
