"""The public names: what they are, lazy imports, the speed of the import."""

import importlib
import inspect
import subprocess
import sys

import pytest

import bxpull_nb as bx
from tests.support.paths import PROJECT

PUBLIC = [
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


def test_the_public_names_are_those_agreed_on() -> None:
    """A name more or less is a decision, and this is where it is written down."""
    assert list(bx.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_there_and_explained(name: str) -> None:
    """With a docstring whose first line is a sentence."""
    public = getattr(bx, name)
    first = (inspect.getdoc(public) or "").splitlines()[0]
    assert len(first) > 10
    assert name in dir(bx)


@pytest.mark.parametrize("name", PUBLIC)
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
    """A module is imported when a name of it is used."""
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


def test_importing_is_quicker_than_pandas() -> None:
    """Less than a third of `import pandas`, measured in turn in fresh interpreters."""
    clock = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    took: dict[str, list[float]] = {"bxpull_nb": [], "pandas": []}
    for name in list(took) * 3:
        took[name].append(float(run(clock.format(name))))
    assert min(took["bxpull_nb"]) < 0.3 * min(took["pandas"])


def test_every_module_lists_names_that_it_has() -> None:
    """In `__all__`; a package without code has none."""
    for path in sorted((PROJECT / "bxpull_nb").rglob("*.py")):
        if path.stem.endswith("_pb2") or path.stem == "__main__":
            continue
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        listed = getattr(module, "__all__", None)
        assert listed or "import " not in path.read_text(encoding="utf-8"), name
        assert [one for one in listed or () if not hasattr(module, one)] == [], name
