"""The README says what is true."""

import ast
import builtins
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bxpull_nb as bx
from bxpull_nb.models import EVENT_COLUMNS
from tests.support.paths import PROJECT
from tests.support.wings import WINGS

README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TYPES = {"portal": bx.Portal, "feed": bx.Feed, "config": bx.PullConfig}


def test_the_first_block_runs_as_shown(tmp_path: Path) -> None:
    """In a fresh interpreter, and it leaves the file it promises."""
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{BLOCKS[0]}"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "greeting" in ended.stdout
    assert (bx.read_events(tmp_path / "events.csv")["command"] == "greeting").sum() == 1


@pytest.mark.parametrize("block", BLOCKS)
def test_names_in_the_code_exist(block: str) -> None:
    """Of the package, and of the objects it gives."""
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "bx":
                assert node.attr in bx.__all__
            elif node.value.id in TYPES:
                assert hasattr(TYPES[node.value.id], node.attr)
            else:
                assert node.value.id in {"event", *dir(builtins)}


def test_names_in_the_text_exist() -> None:
    """Every `bx.name`, `feed.name` and `config.name`, in the picture too."""
    for owner, name in re.findall(r"(?<![.\w])(bx|feed|config|portal)\.(\w+)(?=[(`\s.])", README):
        known = bx.__all__ if owner == "bx" else dir(TYPES[owner])
        assert name in known, f"{owner}.{name}"


def test_the_schema_is_the_documented_one() -> None:
    """Every column, with its dtype."""
    rows = re.findall(r"^\| (`.*?) \| `(.+?)` \|", README, re.MULTILINE)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == EVENT_COLUMNS


def test_all_tutorials_are_counted() -> None:
    """In words."""
    words = ("six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    count = len(list((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))) - 1  # the start page
    assert f"a start page with a panel, and {words[count - 6]} short tutorials" in " ".join(
        README.split()
    )


def test_every_wing_is_named() -> None:
    """In the order of the wall."""
    table = README[README.index("## The wings") :]
    rows = re.findall(r"^\| (`[^|]+?) \|", table, re.MULTILINE)
    assert [wing for row in rows for wing in re.findall(r"`(\w+)`", row)] == list(WINGS)
