"""The statements of docs/collector.md are true."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import bxpull_nb as bx
from bxpull_nb import errors
from bxpull_nb.cli import main
from bxpull_nb.collector import Collector
from bxpull_nb.collector.metrics import metrics_text
from bxpull_nb.portal import Portal
from bxpull_nb.storage.dataset.part_names import folders
from tests.support.paths import PROJECT

PAGE = (PROJECT / "docs" / "collector.md").read_text(encoding="utf-8")


def test_the_readme_leads_to_it() -> None:
    """By a link that works."""
    assert "](docs/collector.md)" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_options_exist() -> None:
    """Of `bxpull listen`, but for those of other programs."""
    help_text = CliRunner().invoke(main, ["listen", "--help"]).stdout
    table = re.findall(r"^\| `(--[\w-]+)", PAGE, re.MULTILINE)
    assert len(table) == 5
    for option in (*table, "--no-journal"):
        assert option in help_text


def test_the_exit_codes_are_those_of_the_help() -> None:
    """All of them."""
    help_text = " ".join(CliRunner().invoke(main, ["listen", "--help"]).stdout.split())
    codes = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert codes == re.findall(r"\b(\d+) (?:when|for)\b", help_text)


def test_the_metrics_exist(portal: Portal, tmp_path: Path) -> None:
    """By their whole names."""
    text = metrics_text(Collector(portal, tmp_path / "ds", tmp_path / "j").stats)
    for name in re.findall(r"^\| `(bxpull_\w+)", PAGE, re.MULTILINE):
        # a lag is left out until there is one
        assert f"\n{name}" in text or name == "bxpull_lag_p95_seconds"


@pytest.mark.parametrize("name", re.findall(r"^\| `([A-Z]\w+)[:`]", PAGE, re.MULTILINE))
def test_the_errors_exist(name: str) -> None:
    """In the tree."""
    assert issubclass(getattr(errors, name), bx.BxPullError)


def test_the_example_of_a_part_is_one() -> None:
    """By its name."""
    part = re.search(r"^portal=.*\.parquet$", PAGE, re.MULTILINE)
    assert part is not None
    (folder,) = folders({part[0]: 1}, "it")
    assert folder == ("acme.bitrix24.com", "2026-01-31")


def test_names_in_the_code_exist() -> None:
    """Every `bx.name`, and every table that takes a DataFrame of Dask."""
    names = re.findall(r"\bbx\.(\w+)", PAGE)
    tables = re.search(r"^(`summary`.*) take a frame", PAGE, re.MULTILINE)
    assert tables is not None
    for name in (*names, *re.findall(r"`(\w+)`", tables[1])):
        assert name in bx.__all__
